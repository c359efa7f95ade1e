// What a change changed, field by field, for the audit log: names and values of settings. Whoever calls it leaves secrets out. Pure.

import type { AuditChange } from "../../contracts/team-admin.ts";

/** Fields of one entry; the versions of a plan hold the rest. */
const CHANGES_MAX = 40;
/** Characters of one value. */
const VALUE_MAX_CHARS = 200;

type Leaf = Exclude<AuditChange["old"], undefined>;

/**
 * The fields that differ, by path: `limits.daily.limit`, `models.allow`. Lists whose entries have names are compared by name, other
 * lists as a whole, as JSON text. `old` is absent for what is new, `new` for what is gone.
 */
export function differences(before: unknown, after: unknown): AuditChange[] {
  const [was, is] = [leavesOf(before), leavesOf(after)];
  const changes: AuditChange[] = [];
  for (const field of new Set([...was.keys(), ...is.keys()])) {
    const [old, next] = [was.get(field), is.get(field)];
    if (old === next) continue;
    changes.push({ field, ...(old === undefined ? {} : { old }), ...(next === undefined ? {} : { new: next }) });
  }
  return changes.slice(0, CHANGES_MAX);
}

function leavesOf(value: unknown): Map<string, Leaf> {
  const leaves = new Map<string, Leaf>();
  collect(value, "", leaves);
  return leaves;
}

function collect(value: unknown, at: string, leaves: Map<string, Leaf>): void {
  if (value === undefined) return;
  if (value === null || typeof value === "number" || typeof value === "boolean") {
    leaves.set(at, value);
  } else if (typeof value === "string") {
    leaves.set(at, shortened(value));
  } else if (Array.isArray(value) && !value.every(isNamed)) {
    leaves.set(at, shortened(JSON.stringify(value)));
  } else {
    const fields = Array.isArray(value)
      ? value.map(({ name, ...rest }) => [name, rest] as const)
      : Object.entries(value);
    for (const [name, field] of fields) collect(field, at === "" ? name : `${at}.${name}`, leaves);
  }
}

function isNamed(entry: unknown): entry is { name: string } {
  return typeof entry === "object" && entry !== null && "name" in entry && typeof entry.name === "string";
}

function shortened(text: string): string {
  return text.length > VALUE_MAX_CHARS ? `${text.slice(0, VALUE_MAX_CHARS).toWellFormed()}…` : text;
}

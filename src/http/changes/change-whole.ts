// Changes a resource as a whole: reads it, makes the new one (a merge patch, or what was sent), and writes it under the version
// that was read. So a change is validated by the same schema as a replacement, and none is lost between two admins.

import type * as z from "zod";
import { type Refusal, type Refused, refusal, refused } from "../../platform/errors.ts";
import { mergePatch } from "../../platform/merge-patch.ts";
import { zod } from "../../platform/schema.ts";
import { parseFields } from "../../platform/validate.ts";
import { type IfMatch, matchFault } from "../../platform/version-tag.ts";

/** Writers that may come between reading and writing before the caller is told. */
const TRIES = 3;

/** A resource as it is: what GET answers, and its version. */
export interface Current<W> {
  kind: "current";
  wire: W;
  tag: string;
}

export interface WholeChange<W, S extends z.ZodType, A> {
  /** What refusals call it: "The plan". */
  what: string;
  /** The caller's. */
  ifMatch: IfMatch;
  read(): Promise<Current<W> | Refused>;
  /** Why what is there may not be changed, or null. */
  before?(wire: NoInfer<W>): Refusal | null;
  /** The new whole in wire format, read-only fields included. */
  change(wire: NoInfer<W>): unknown;
  settings: S;
  /** Fields of the wire format that are not settings. `moving` change by themselves, so a replacement may hold older values. */
  readOnly?: { fixed: readonly string[]; moving: readonly string[]; isPatch: boolean };
  /** A rule beyond the schema. */
  fault?(settings: z.output<S>, wire: NoInfer<W>): Refusal | null;
  write(settings: z.output<S>, ifMatch: string[]): Promise<A | Refused>;
}

export async function changeWhole<W extends object, S extends z.ZodType, A>(
  work: WholeChange<W, S, A>,
): Promise<A | Refused> {
  for (let tries = 1; ; tries++) {
    const current = await work.read();
    if (current.kind === "refused") return current;
    const fault = matchFault(work.ifMatch, current.tag, work.what) ?? work.before?.(current.wire) ?? null;
    if (fault !== null) return refused(fault);
    const made = settingsOf(work, current.wire);
    if (made.kind === "refused") return made;
    const answer = await work.write(made.settings, [current.tag]);
    if (!isStale(answer) || tries === TRIES) return answer;
  }
}

function isStale(answer: unknown): boolean {
  const { kind, refusal: why } = answer as { kind?: unknown; refusal?: Refusal };
  return kind === "refused" && why?.code === "precondition_failed";
}

function settingsOf<W extends object, S extends z.ZodType, A>(
  work: WholeChange<W, S, A>,
  wire: W,
): { kind: "made"; settings: z.output<S> } | Refused {
  const whole = work.change(wire);
  if (typeof whole !== "object" || whole === null || Array.isArray(whole)) {
    return refused(refusal("invalid_request", "`body` must be an object."));
  }
  const { fixed = [], moving = [], isPatch = false } = work.readOnly ?? {};
  const fields = new Map<string, unknown>(Object.entries(whole));
  const present = new Map<string, unknown>(Object.entries(wire));
  for (const name of [...fixed, ...moving]) {
    const isSaid = isPatch || (fixed.includes(name) && fields.has(name));
    if (isSaid && !isSame(fields.get(name), present.get(name))) {
      return refused(refusal("invalid_request", `\`${name}\` cannot be changed.`, { hint: "Leave it out." }));
    }
    fields.delete(name);
  }
  const parsed = parseFields(work.settings, Object.fromEntries(fields), "body");
  if (!parsed.ok) return refused(refusal("invalid_request", parsed.detail));
  const fault = work.fault?.(parsed.value, wire) ?? null;
  return fault === null ? { kind: "made", settings: parsed.value } : refused(fault);
}

/** A patch removes what it names as null: an absent field and one of null are the same. */
function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(mergePatch(null, one ?? null)) === JSON.stringify(mergePatch(null, other ?? null));
}

/** A body that may name these fields, whatever their values: what they make is validated as a whole. */
export function bodyFields<S extends object>(...shapes: readonly S[]) {
  const z = zod();
  const names = shapes.flatMap((shape) => Object.keys(shape));
  const fields = Object.fromEntries(names.map((name) => [name, z.unknown().optional()]));
  return z.strictObject(fields as Record<keyof S & string, z.ZodOptional<z.ZodUnknown>>);
}

/** The new whole by a merge patch. */
export function patched(patch: unknown): (wire: object) => unknown {
  return (wire) => mergePatch(wire, patch);
}

// Input rules of a plan: maximum, forced and forbidden values at any depth. Trees are never modified; forced values produce a
// new tree. Pure.

import { lenientNumber, sizeOf } from "../../models/measures.ts";
import { type Refused, refusal, refused } from "../../platform/errors.ts";
import { isRawNumber, type JsonTree, parseTree, plainCopy, printTree } from "../../platform/json.ts";
import type { InputRules } from "./plan.ts";

export type InputRulesAnswer =
  | {
      kind: "ok";
      tree: JsonTree;
      /** Paths whose value was changed. */
      forced: string[];
    }
  | Refused;

/**
 * What the path of a rule matches. Paths that end early and variant names are matched too, because they could bypass the rule.
 */
type PathMatch =
  | { kind: "value"; path: string; value: JsonTree }
  /** A value without fields where the path continues. */
  | { kind: "blocked"; path: string; value: JsonTree; rest: readonly string[] }
  | { kind: "misspelled"; path: string; name: string };

/**
 * Applies input rules: forbidden fields, then forced values, then maximum values of the result. `plan` names the plan in
 * refusals (`invalid_input`), which name the field and never quote its value.
 *
 * Values that cannot be compared are refused under `max`: text that is no number, null, true, objects that are no size. Names
 * that differ only in case, dashes or width are refused, because a model may treat them as equal.
 */
export function applyInputRules(rules: InputRules, tree: JsonTree, plan: string): InputRulesAnswer {
  const names = new BareNames();
  for (const path of rules.forbid) {
    for (const place of placesOf(tree, path.split("."), "", names)) {
      const fault = forbidFault(place);
      if (fault !== null) return ruleBroken(place.path, fault, plan);
    }
  }
  let result = tree;
  const forced: string[] = [];
  for (const [path, value] of Object.entries(rules.force)) {
    const set = withForced(result, path.split("."), parseTree(JSON.stringify(value))?.tree ?? null, "", names);
    if ("fault" in set) return ruleBroken(set.path, set.fault, plan);
    if (set.tree === undefined || !set.changed) continue;
    result = set.tree;
    forced.push(path);
  }
  for (const [path, max] of Object.entries(rules.max)) {
    for (const place of placesOf(result, path.split("."), "", names)) {
      const fault = maxFault(place, max);
      if (fault !== null) return ruleBroken(place.path, fault, plan);
    }
  }
  return { kind: "ok", tree: result, forced };
}

function ruleBroken(path: string, fault: string, plan: string): InputRulesAnswer {
  const detail = `\`${["input", path].filter((part) => part !== "").join(".")}\` ${fault} (plan "${plan}").`;
  const hint = `A team admin changes input rules with PATCH /v1/plans/${plan}.`;
  return refused(refusal("invalid_input", detail, { hint }));
}

function spelledAs(name: string): string {
  return `must be named \`${name}\`: the plan has a rule for this field`;
}

function forbidFault(place: PathMatch): string | null {
  switch (place.kind) {
    case "value":
      return "must not be sent";
    case "misspelled":
      return spelledAs(place.name);
    case "blocked":
      return Array.isArray(place.value) ? "must not be an array: the plan has a rule for its fields" : null;
  }
}

function maxFault(place: PathMatch, max: number): string | null {
  const unclear = `must be a number of at most ${max}, or omitted`;
  switch (place.kind) {
    case "misspelled":
      return spelledAs(place.name);
    case "value": {
      if (Array.isArray(place.value)) return place.value.length <= max ? null : `must have at most ${max} entries`;
      const amount = amountAt(place.value);
      if (amount === null) return unclear;
      return amount <= max ? null : `must be at most ${max}`;
    }
    case "blocked": {
      const size = typeof place.value === "string" ? sizeOf(place.value) : null;
      const [side, ...deeper] = place.rest;
      if (size === null || deeper.length > 0 || (side !== "width" && side !== "height")) {
        return `must be an object whose \`${place.rest.join(".")}\` is at most ${max}, or omitted`;
      }
      return size[side] <= max ? null : `must have a ${side} of at most ${max}`;
    }
  }
}

/** The number of a value: itself, text with a number ("4", "5s", "720p"), the longer side of a size. */
function amountAt(value: JsonTree): number | null {
  if (typeof value === "boolean" || (hasFields(value) && !("width" in value) && !("height" in value))) return null;
  const plain = plainCopy(value);
  const size = sizeOf(plain);
  if (size !== null) return Math.max(size.width, size.height);
  return lenientNumber(typeof plain === "string" ? plain.replace(/\s*(s|secs?|seconds?|p|px)\s*$/i, "") : plain);
}

type Fields = { [key: string]: JsonTree };

function hasFields(node: JsonTree | undefined): node is Fields {
  return node !== null && typeof node === "object" && !Array.isArray(node) && !isRawNumber(node);
}

/** All matches of a path. `*` matches every item, also of objects. */
function* placesOf(node: JsonTree, steps: readonly string[], at: string, names: BareNames): Generator<PathMatch> {
  const [step, ...rest] = steps;
  if (step === undefined) {
    yield { kind: "value", path: at, value: node };
  } else if (Array.isArray(node)) {
    if (step !== "*" && !isIndex(step)) yield { kind: "blocked", path: at, value: node, rest: steps };
    for (const [index, item] of node.entries()) {
      if (step === "*" || step === String(index)) yield* placesOf(item, rest, below(at, index), names);
    }
  } else if (hasFields(node)) {
    if (step === "*") {
      for (const [key, value] of Object.entries(node)) yield* placesOf(value, rest, below(at, key), names);
      return;
    }
    const value = Object.hasOwn(node, step) ? node[step] : undefined;
    if (value !== undefined) yield* placesOf(value, rest, below(at, step), names);
    for (const key of names.variantsOf(node, step)) yield { kind: "misspelled", path: below(at, key), name: step };
  } else {
    yield { kind: "blocked", path: at, value: node, rest: steps };
  }
}

function isIndex(step: string): boolean {
  return /^\d+$/.test(step);
}

function below(at: string, step: string | number): string {
  return at === "" ? String(step) : `${at}.${step}`;
}

/** The names of objects without case, width and punctuation: each is normalized once, however many rules look at it. */
class BareNames {
  readonly #indexes = new WeakMap<Fields, Map<string, string[]>>();

  /** The names that differ from `step` in case, width and punctuation alone. */
  variantsOf(node: Fields, step: string): string[] {
    const bare = bareName(step);
    return bare === "" ? [] : (this.#indexOf(node).get(bare) ?? []).filter((name) => name !== step);
  }

  /** `copy` is the object with this name set. */
  copied(node: Fields, copy: Fields, name: string): void {
    const index = this.#indexOf(node);
    if (!Object.hasOwn(node, name)) enter(index, name);
    this.#indexes.set(copy, index);
  }

  #indexOf(node: Fields): Map<string, string[]> {
    const known = this.#indexes.get(node);
    if (known !== undefined) return known;
    const index = new Map<string, string[]>();
    for (const name of Object.keys(node)) enter(index, name);
    this.#indexes.set(node, index);
    return index;
  }
}

function enter(index: Map<string, string[]>, name: string): void {
  const bare = bareName(name);
  const same = index.get(bare);
  if (same === undefined) index.set(bare, [name]);
  else same.push(name);
}

function bareName(name: string): string {
  return name
    .normalize("NFKC")
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]/gu, "");
}

/** `changed`: the value that is forced is not the one that was there. */
type Forced = { tree: JsonTree | undefined; changed: boolean } | { fault: string; path: string };

/**
 * The tree with a value set at a path. Missing objects are created; array items only if present. Undefined if nothing was or is
 * set.
 */
function withForced(
  node: JsonTree | undefined,
  steps: readonly string[],
  value: JsonTree,
  at: string,
  names: BareNames,
): Forced {
  const [step, ...rest] = steps;
  if (step === undefined) return { tree: value, changed: node === undefined || printTree(node) !== printTree(value) };
  if (node === undefined || node === null) {
    if (step === "*" || isIndex(step)) return { tree: node, changed: false };
    const made = withForced(undefined, rest, value, below(at, step), names);
    return "fault" in made || made.tree === undefined ? made : { tree: { [step]: made.tree }, changed: true };
  }
  if (Array.isArray(node)) {
    if (step !== "*" && !isIndex(step)) return { fault: "must not be an array: the plan sets a field of it", path: at };
    const items: JsonTree[] = [];
    let changed = false;
    for (const [index, item] of node.entries()) {
      const hit = step === "*" || step === String(index);
      const set: Forced = hit ? withForced(item, rest, value, below(at, index), names) : { tree: item, changed: false };
      if ("fault" in set) return set;
      changed ||= set.changed;
      items.push(set.tree ?? item);
    }
    return { tree: items, changed };
  }
  if (!hasFields(node)) return { fault: `must be an object: the plan sets its \`${steps.join(".")}\``, path: at };
  const [variant] = step === "*" ? [] : names.variantsOf(node, step);
  if (variant !== undefined) return { fault: spelledAs(step), path: below(at, variant) };
  const result: Fields = { ...node };
  let changed = false;
  for (const key of step === "*" ? Object.keys(node) : [step]) {
    const child = Object.hasOwn(node, key) ? node[key] : undefined;
    const set = withForced(child, rest, value, below(at, key), names);
    if ("fault" in set) return set;
    if (set.tree === undefined) continue;
    changed ||= set.changed;
    Object.defineProperty(result, key, { value: set.tree, enumerable: true, configurable: true, writable: true });
  }
  if (!changed) return { tree: node, changed };
  if (step !== "*") names.copied(node, result, step);
  return { tree: result, changed };
}

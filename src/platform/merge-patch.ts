// JSON Merge Patch (RFC 7386): what a document is once a patch is applied. Never modifies what it is given. Pure.

type Fields = { [name: string]: unknown };

/**
 * The target with the patch applied: objects are merged name by name, null removes a name, and everything else, lists too,
 * replaces what was there. A patch that is no object replaces the target.
 */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const merged = new Map(isObject(target) ? Object.entries(target) : []);
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) merged.delete(name);
    else merged.set(name, mergePatch(merged.get(name), value));
  }
  // `fromEntries` defines names, so that `__proto__` of a caller is a name like any other.
  return Object.fromEntries(merged);
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

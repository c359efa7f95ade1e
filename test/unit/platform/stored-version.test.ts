// Which code may read which stored state, and which version is written: rollbacks and gradual deploys meet both.

import { describe, expect, test } from "vitest";
import {
  assertReadable,
  assertTablesReadable,
  isStateNewer,
  type StoredVersion,
  saveTablesVersion,
  VersionedRows,
  versionNeeded,
  versionToWrite,
  withDefaults,
} from "../../../src/platform/stored-version.ts";

const CODE: StoredVersion = { version: 3, min_reader: 2 };

describe("code reads state", () => {
  test.each([
    ["that nobody wrote yet", undefined, true],
    ["of its own version", { version: 3, min_reader: 2 }, true],
    ["of an older version", { version: 1, min_reader: 1 }, true],
    ["of a newer version that it may still read", { version: 9, min_reader: 3 }, true],
    ["of a newer version that requires newer code: refused", { version: 4, min_reader: 4 }, false],
  ])("%s", (_what, stored, may) => {
    const read = () => assertReadable(stored, CODE);
    if (may) expect(read).not.toThrow();
    else expect(read).toThrow("requires code of version");
  });

  test("the refusal is told apart from any other fault, also when only its message arrived", () => {
    let thrown = new Error("none");
    try {
      assertReadable({ version: 4, min_reader: 4 }, CODE);
    } catch (fault) {
      thrown = fault as Error;
    }
    expect(isStateNewer(thrown)).toBe(true);
    expect(versionNeeded(new Error(`Error: ${thrown.message}`))).toBe(4);
    expect(isStateNewer(new Error(`Error: ${thrown.message}`))).toBe(true);
    expect(isStateNewer(new Error("overloaded"))).toBe(false);
    expect(isStateNewer("text")).toBe(false);
  });
});

test.each([
  ["first of all its own", undefined, CODE],
  ["its own over an older one", { version: 2, min_reader: 1 }, CODE],
  ["a newer one as it stands", { version: 7, min_reader: 3 }, { version: 7, min_reader: 3 }],
  ["the higher of each", { version: 7, min_reader: 1 }, { version: 7, min_reader: 2 }],
])("code writes %s", (_what, stored, written) => {
  expect(versionToWrite(stored, CODE)).toEqual(written);
});

test("a field that older code did not write has its default, and one of newer code stays", () => {
  const stored = { known: 1, later: "kept" } as unknown as { known: number; added: number[] };
  expect(withDefaults({ known: 0, added: [] }, stored)).toEqual({ known: 1, added: [], later: "kept" });
});

test("the version of tables is written once, raised, never lowered, and checked", () => {
  const stored = new Map<string, unknown>();
  let puts = 0;
  const kv = {
    get: (key: string) => stored.get(key),
    put: (key: string, value: unknown) => {
      puts++;
      stored.set(key, value);
    },
  } as unknown as SyncKvStorage;
  assertTablesReadable(kv, CODE);
  saveTablesVersion(kv, CODE);
  saveTablesVersion(kv, CODE);
  saveTablesVersion(kv, { version: 2, min_reader: 1 });
  expect([puts, ...stored.values()]).toEqual([1, CODE]);
  saveTablesVersion(kv, { version: 5, min_reader: 5 });
  expect([...stored.values()]).toEqual([{ version: 5, min_reader: 5 }]);
  expect(() => assertTablesReadable(kv, CODE)).toThrow("requires code of version");
});

describe("rows of an object", () => {
  const rowsWith = (version?: StoredVersion) => {
    const stored = new Map<string, unknown>(version === undefined ? [] : [["version", version]]);
    const kv = {
      get: (key: string) => stored.get(key),
      put: (key: string, value: unknown) => stored.set(key, value),
      delete: (key: string) => stored.delete(key),
      list: () => stored.entries(),
    } as unknown as SyncKvStorage;
    return { rows: new VersionedRows(kv, CODE), stored };
  };

  test("get their version with the first that is written, and none from a question", () => {
    const { rows, stored } = rowsWith();
    expect([rows.get("a"), ...rows.list({ prefix: "" })]).toEqual([undefined]);
    expect(stored.size).toBe(0);
    rows.put("a", 1);
    rows.put("b", 2);
    rows.delete("a");
    expect(Object.fromEntries(stored)).toEqual({ version: CODE, b: 2 });
  });

  test("of newer code that this code would misread are neither read nor written", () => {
    const newer = { version: 4, min_reader: 4 };
    const { rows, stored } = rowsWith(newer);
    for (const use of [
      () => rows.get("a"),
      () => rows.put("a", 1),
      () => rows.delete("version"),
      () => rows.list({ prefix: "" }),
    ]) {
      expect(use).toThrow("requires code of version 4");
    }
    expect(Object.fromEntries(stored)).toEqual({ version: newer });
  });
});

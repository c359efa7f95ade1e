// The meter's knowledge of SQL: several statements of one `exec` are counted one by one, and named by what they write.

import { expect, test } from "vitest";
import { splitStatements, writtenBy } from "../../../bench/metered/statements.ts";

test.each([
  ["one statement", "SELECT 1", ["SELECT 1"]],
  [
    "two, and a semicolon at the end",
    "CREATE TABLE a (x);\nCREATE TABLE b (y);",
    ["CREATE TABLE a (x)", "CREATE TABLE b (y)"],
  ],
  [
    "a semicolon in a string",
    "INSERT INTO a VALUES ('x;''y');DELETE FROM a",
    ["INSERT INTO a VALUES ('x;''y')", "DELETE FROM a"],
  ],
  ["a semicolon in a quoted name", 'UPDATE "a;b" SET x = 1', ['UPDATE "a;b" SET x = 1']],
  ["comments", "-- one; two\nSELECT 1; /* ; */ SELECT 2 -- end;", ["SELECT 1", "SELECT 2"]],
  ["nothing", " ;\n; ", []],
])("statements of an exec are told apart: %s", (_, sql, statements) => {
  expect(splitStatements(sql)).toEqual(statements);
});

test("a trigger, whose body has semicolons of its own, is refused rather than miscounted", () => {
  expect(() => splitStatements("CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM b; END")).toThrow("triggers");
});

test.each([
  ["INSERT INTO request (id) VALUES (?)", "request"],
  ["INSERT OR REPLACE INTO slots VALUES (?)", "slots"],
  ["REPLACE INTO slots VALUES (?)", "slots"],
  ["UPDATE counter SET used = ?", "counter"],
  ["UPDATE OR IGNORE counter SET used = ?", "counter"],
  ["DELETE FROM effect WHERE name = ?", "effect"],
  ["WITH old AS (SELECT 1) DELETE FROM event WHERE id IN old", "event"],
  ["CREATE TABLE IF NOT EXISTS share (id TEXT)", "making share"],
  ["CREATE UNIQUE INDEX by_id ON share (id)", "making by_id"],
  ["PRAGMA optimize", "another statement"],
])("%s writes %s", (sql, what) => {
  expect(writtenBy(sql)).toBe(what);
});

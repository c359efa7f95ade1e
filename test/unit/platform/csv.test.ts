import { describe, expect, test } from "vitest";
import { csvText } from "../../../src/platform/csv.ts";

describe("CSV", () => {
  test("has the names first and a line break after every line", () => {
    expect(csvText(["day", "requests"], [["2026-11-22", 3]])).toBe("day,requests\r\n2026-11-22,3\r\n");
    expect(csvText(["day"], [])).toBe("day\r\n");
  });

  test.each<[string, string | number | null, string]>([
    ["plain text", "fal-ai/flux/schnell", "fal-ai/flux/schnell"],
    ["nothing", null, ""],
    ["a number", -3, "-3"],
    ["money", "0.003000", "0.003000"],
    ["negative money", "-0.003000", "-0.003000"],
    ["a comma", "a,b", '"a,b"'],
    ["quotes", 'say "hi"', '"say ""hi"""'],
    ["a line break", "a\nb", '"a\nb"'],
    ["a carriage return", "a\rb", '"a\rb"'],
    ["a formula", "=HYPERLINK(1)", "'=HYPERLINK(1)"],
    ["a formula with a comma", '=HYPERLINK("x","y")', '"\'=HYPERLINK(""x"",""y"")"'],
    ["a formula that begins with +", "+1+1", "'+1+1"],
    ["a formula that begins with -", "-1+1", "'-1+1"],
    ["a formula that begins with @", "@SUM(1)", "'@SUM(1)"],
    ["a formula in full width", "＝1", "'＝1"],
    ["a formula behind white space", " \u00a0=1", "' \u00a0=1"],
    ["a formula behind a mark that is not seen", "\ufeff=1", "'\ufeff=1"],
    ["a formula behind a line break", "\n=1", '"\'\n=1"'],
    ["text behind a tab", "\tx", "'\tx"],
    ["a sign that is no number", "-", "'-"],
    ["a minus inside", "a-b=c", "a-b=c"],
    ["an email", "anna@example.com", "anna@example.com"],
  ])("spells %s", (_what, cell, text) => {
    expect(csvText(["x"], [[cell]])).toBe(`x\r\n${text}\r\n`);
  });

  test("guards the names of columns too", () => {
    expect(csvText(["=a", "b,c"], [])).toBe('\'=a,"b,c"\r\n');
  });
});

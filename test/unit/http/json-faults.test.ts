// One sentence for each cause that makes a text no JSON.

import { expect, test } from "vitest";
import { jsonFaultText } from "../../../src/http/json-faults.ts";
import { JSON_DEPTH_MAX, JSON_VALUES_MAX, readJson } from "../../../src/platform/json.ts";

function sentence(text: string): string {
  const read = readJson(text);
  return read.kind === "fault" ? jsonFaultText(text, read.fault) : "none";
}

const NOT_JSON = "The request body is not valid JSON";

test.each([
  ["", "The request body is empty."],
  [" \n", "The request body is empty."],
  ['{"a":1,}', `${NOT_JSON}: a comma stands before the closing bracket (at character 8).`],
  ["[1,2, ]", `${NOT_JSON}: a comma stands before the closing bracket (at character 7).`],
  ['{\n  "a": 1,\n}', `${NOT_JSON}: a comma stands before the closing bracket (at character 13, line 3, column 1).`],
  ['{"score":NaN}', `${NOT_JSON}, which has no NaN (at character 10).`],
  ['{"score":-Infinity}', `${NOT_JSON}, which has no -Infinity (at character 10).`],
  ['{"a":undefined}', `${NOT_JSON}, which has no undefined (at character 6).`],
  ['{"a":True}', `${NOT_JSON}, which has no True (at character 6).`],
  ["{'a':1}", `${NOT_JSON}: texts and names need double quotes (at character 2).`],
  ['{"a":1 // one\n}', `${NOT_JSON}, which has no comments (at character 8).`],
  ['{"a":+1}', `${NOT_JSON}: a number is not written as JSON has it (at character 6).`],
  ['{"a":.5}', `${NOT_JSON}: a number is not written as JSON has it (at character 6).`],
  ['{"a":1', `${NOT_JSON}: it ends too early (at character 7).`],
  ["prompt=a cat", `${NOT_JSON} (at character 1).`],
  ["[".repeat(JSON_DEPTH_MAX + 1), `The request body is nested deeper than ${JSON_DEPTH_MAX} levels.`],
  [`[${"1,".repeat(JSON_VALUES_MAX)}1]`, `The request body has more than ${JSON_VALUES_MAX} values.`],
])("%#: says what is wrong, and where", (text, expected) => {
  expect(sentence(text)).toBe(expected);
});

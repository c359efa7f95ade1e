// Why a text is no JSON, in one sentence per cause, with the place. Pure.

import { JSON_DEPTH_MAX, JSON_VALUES_MAX } from "../platform/json.ts";
import type { JsonFault } from "../platform/json-scan.ts";

/** Words of JavaScript and Python that JSON does not have. */
const FOREIGN_WORD = /^(?:[+-]?(?:NaN|Infinity)|undefined|None|True|False)\b/;
/** Numbers of JavaScript that JSON does not have: `+1`, `.5`, `5.`, `007`, `0x1f`. */
const FOREIGN_NUMBER = /^(?:[+.]|-\.|-?0[0-9x])/i;

export function jsonFaultText(text: string, fault: JsonFault): string {
  switch (fault.kind) {
    case "syntax":
      return syntaxText(text, fault.at);
    case "too_deep":
      return `The request body is nested deeper than ${JSON_DEPTH_MAX} levels.`;
    case "too_many_values":
      return `The request body has more than ${JSON_VALUES_MAX} values.`;
  }
}

function syntaxText(text: string, at: number): string {
  if (text.trim() === "") return "The request body is empty.";
  const rest = text.slice(at, at + 16);
  const before = text.slice(Math.max(0, at - 256), at).trimEnd();
  const place = placeText(text, at);
  if (rest === "") return `The request body is not valid JSON: it ends too early${place}.`;
  if (/^[}\]]/.test(rest) && before.endsWith(","))
    return `The request body is not valid JSON: a comma stands before the closing bracket${place}.`;
  const word = FOREIGN_WORD.exec(rest)?.[0];
  if (word !== undefined) return `The request body is not valid JSON, which has no ${word}${place}.`;
  if (rest.startsWith("'")) return `The request body is not valid JSON: texts and names need double quotes${place}.`;
  if (/^\/[/*]/.test(rest)) return `The request body is not valid JSON, which has no comments${place}.`;
  if (FOREIGN_NUMBER.test(rest))
    return `The request body is not valid JSON: a number is not written as JSON has it${place}.`;
  return `The request body is not valid JSON${place}.`;
}

/** Counted from 1, as editors do. */
function placeText(text: string, at: number): string {
  const before = text.slice(0, at);
  const line = before.split("\n").length;
  return ` (at character ${at + 1}${line === 1 ? "" : `, line ${line}, column ${at - before.lastIndexOf("\n")}`})`;
}

// JSON in lines, with its numbers as written. Text that is no JSON stays as it is. Pure.

import { parseJson, printJson } from "../../api/json.ts";

export function laidOut(text: string): string {
  try {
    return printJson(parseJson(text));
  } catch {
    return text;
  }
}

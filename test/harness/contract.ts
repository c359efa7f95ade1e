// Holds every answer of the Worker under test to the API description, in every test file and whoever calls (checked-worker.ts). A
// test fails at its end with what its calls were answered otherwise.

import { afterAll, afterEach } from "vitest";
import text from "../../docs/openapi.json?raw";
import type { Check, Description } from "./described.ts";

let check: Promise<Check> | undefined;
const faults: string[] = [];

/** The same handler; what it answers otherwise than described is kept until the test ends. */
export function checked<Rest extends unknown[]>(
  answer: (request: Request, ...rest: Rest) => Response | Promise<Response>,
): (request: Request, ...rest: Rest) => Promise<Response> {
  return async (request, ...rest) => {
    const { method, url } = request;
    const response = await answer(request, ...rest);
    check ??= load();
    const found = await (await check)({ method, url }, response);
    const { pathname } = new URL(url);
    faults.push(...found.map((fault) => `${method} ${pathname} answered ${response.status}: ${fault}`));
    return response;
  };
}

/** Read at the first answer: a file that makes no call does not wait for it. */
async function load(): Promise<Check> {
  const { describedBy } = await import("./described.ts");
  return describedBy(JSON.parse(text) as Description);
}

function judge(): void {
  const found = [...new Set(faults.splice(0))];
  if (found.length === 0) return;
  throw new Error(`Not as docs/openapi.json describes it:\n${found.join("\n")}`);
}

afterEach(judge);
afterAll(judge);

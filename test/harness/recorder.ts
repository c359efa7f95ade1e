// Records calls on the Worker under test as examples of the API description: by operation, request and response, made steady.

import text from "../../docs/openapi.json?raw";
import { call } from "./calls.ts";
import { type Description, type Finder, operationsOf } from "./described.ts";
import { BASE } from "./env.ts";
import type { Received } from "./receiver.ts";
import { Steady } from "./steady.ts";

/** One call, as docs/api-examples.json keeps it. Bodies of JSON are values, others text. */
export interface Example {
  name: string;
  request: { method: string; path: string; headers?: Record<string, string>; body?: unknown };
  /** Absent for a delivery: its receiver answers. */
  response?: { status: number; headers: Record<string, string>; type: string | null; body?: unknown };
}

export interface Recorded<T> {
  status: number;
  headers: Headers;
  /** As it was answered, not yet steady. */
  body: T;
}

interface Options {
  key?: string;
  body?: unknown;
  headers?: Record<string, string>;
  /** Name of the example; `Success`, or the status in words, where one call says it all. */
  as?: string;
}

/** The address that examples show. */
const SHOWN = "https://sluice.example";
/** Response headers that examples show; the rest is the same everywhere. */
const SHOWN_HEADERS = [
  "ETag",
  "Idempotent-Replayed",
  "Location",
  "Preference-Applied",
  "RateLimit",
  "RateLimit-Policy",
  "Retry-After",
];
/** Text bodies are shown up to here. */
const TEXT_MAX_CHARS = 4_000;

export class Recorder {
  readonly #examples = new Map<string, Example[]>();
  readonly #find: Finder = operationsOf(JSON.parse(text) as Description);
  readonly #steady: Steady;

  constructor(years: readonly [recorded: string, shown: string]) {
    this.#steady = new Steady(years);
  }

  async call<T = Record<string, unknown>>(method: string, path: string, options: Options = {}): Promise<Recorded<T>> {
    const { as = "success", ...sent } = options;
    const response = await call(method, path, sent);
    const { status, headers } = response;
    const type = headers.get("Content-Type")?.split(";")[0] ?? null;
    const isText = type !== null && /^text\/|json$/.test(type);
    const answered = isText ? await response.text() : "";
    if (!isText) await response.arrayBuffer();
    const operation = this.#find(method, path);
    if (operation === undefined) throw new Error(`${method} ${path} is not described`);
    const shownHeaders = SHOWN_HEADERS.flatMap((name) => {
      const value = headers.get(name);
      return value === null ? [] : [[name, this.#shown(value)] as const];
    });
    const example: Example = {
      name: as,
      request: {
        method,
        path: this.#shown(path).replace(SHOWN, ""),
        ...(sent.headers === undefined ? {} : { headers: this.#headers(sent.headers) }),
        ...(isJson(sent.body) ? { body: this.#value(JSON.stringify(sent.body)) } : {}),
      },
      response: {
        status,
        headers: Object.fromEntries(shownHeaders),
        type,
        ...(answered === "" ? {} : { body: this.#body(type, answered) }),
      },
    };
    const { operationId } = operation;
    this.#examples.set(operationId, [...(this.#examples.get(operationId) ?? []), example]);
    return { status, headers, body: (/json$/.test(type ?? "") ? JSON.parse(answered) : answered) as T };
  }

  /** Keeps a delivery, the first of its type, under the id of the operation that the description gives to the event. */
  delivery({ url, event, id, body }: Received): void {
    const words = event.type.split(/[._]/).map((word) => word.charAt(0).toUpperCase() + word.slice(1));
    const operationId = `on${words.join("")}`;
    if (this.#examples.has(operationId)) return;
    const headers = this.#headers({ "webhook-id": id });
    const request = { method: "POST", path: new URL(url).pathname, headers, body: this.#value(body) };
    this.#examples.set(operationId, [{ name: "delivered", request }]);
  }

  /** The file's text: operations in alphabetical order, the calls of each in theirs. */
  file(): string {
    const sorted = [...this.#examples].sort(([one], [other]) => (one < other ? -1 : 1));
    return `${JSON.stringify(Object.fromEntries(sorted), null, 1)}\n`;
  }

  #body(type: string | null, answered: string): unknown {
    // Cut after ids are replaced: half an id would be another one each time.
    return /json$/.test(type ?? "") ? this.#value(answered) : this.#shown(answered).slice(0, TEXT_MAX_CHARS);
  }

  #headers(sent: Record<string, string>): Record<string, string> {
    return Object.fromEntries(Object.entries(sent).map(([name, value]) => [name, this.#shown(value)]));
  }

  #value(json: string): unknown {
    return JSON.parse(this.#shown(json));
  }

  #shown(recorded: string): string {
    return this.#steady.text(
      recorded.replaceAll(BASE, SHOWN).replaceAll(/\b(gateway|ctrl)\.sandbox\.test/g, "$1.maton.ai"),
    );
  }
}

function isJson(body: unknown): boolean {
  return body !== undefined && Object.getPrototypeOf(body) === Object.prototype;
}

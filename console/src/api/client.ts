// Every call of the console: the public API of its own origin, with the credential of the session, and exact numbers.

import { authorizationFor, refuseCredential } from "../session/credential.ts";
import { parseJson } from "./json.ts";
import { NO_ANSWER, type Problem, problemOf } from "./problem.ts";

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
export type Answer<T> = { ok: true; data: T; headers: Headers } | { ok: false; problem: Problem };

export interface CallOptions {
  /** Sent as JSON. */
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
}

/** Calls the API. `T` is the type of the declared answer; the schemas of the routes hold it. */
export async function callApi<T>(method: Method, path: string, options: CallOptions = {}): Promise<Answer<T>> {
  const answer = await send(method, path, options);
  if (answer === null) return { ok: false, problem: NO_ANSWER };
  const text = await answer.text().catch(() => null);
  if (text === null) return { ok: false, problem: NO_ANSWER };
  if (!answer.ok) return { ok: false, problem: refused(path, problemOf(answer.status, text)) };
  return { ok: true, data: (text === "" ? null : parseJson(text)) as T, headers: answer.headers };
}

/** The text of an answer, as it came: inputs and outputs whose bytes matter. */
export async function readText(path: string, signal?: AbortSignal): Promise<Answer<string>> {
  const answer = await send("GET", path, { signal });
  const text = await answer?.text().catch(() => null);
  if (!answer || typeof text !== "string") return { ok: false, problem: NO_ANSWER };
  if (!answer.ok) return { ok: false, problem: refused(path, problemOf(answer.status, text)) };
  return { ok: true, data: text, headers: answer.headers };
}

/** An open event stream, or null where none can be had. */
export async function openStream(path: string, headers: Record<string, string>, signal: AbortSignal) {
  const answer = await send("GET", path, { headers, signal });
  return answer?.ok ? answer.body : null;
}

/** An event stream that a POST opens, or why it did not. */
export async function postStream(path: string, signal: AbortSignal): Promise<Answer<ReadableStream<Uint8Array>>> {
  const answer = await send("POST", path, { signal });
  if (answer?.ok && answer.body !== null) return { ok: true, data: answer.body, headers: answer.headers };
  const text = await answer?.text().catch(() => null);
  if (!answer || typeof text !== "string") return { ok: false, problem: NO_ANSWER };
  return { ok: false, problem: refused(path, problemOf(answer.status, text)) };
}

async function send(method: Method, path: string, { body, headers, signal }: CallOptions): Promise<Response | null> {
  const authorization = authorizationFor(path);
  const init: RequestInit = {
    method,
    headers: {
      ...headers,
      ...(authorization === null ? {} : { Authorization: authorization }),
      ...(body === undefined ? {} : { "Content-Type": "application/json" }),
    },
    credentials: "omit",
    cache: "no-store",
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
  };
  return fetch(path, init).catch(() => null);
}

function refused(path: string, problem: Problem): Problem {
  if (problem.status === 401) refuseCredential(path, problem);
  return problem;
}

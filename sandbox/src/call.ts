// What a handler of the sandbox gets to work with during one call, and the few answers that all of them share.
// Type imports only.

import type { Settings } from "./settings.ts";
import type { Connection, Store } from "./store.ts";

export interface Call {
  request: Request;
  url: URL;
  /** Read before anything is decided: a body that is left unread breaks the connection under the answer. */
  body: string;
  store: Store;
  settings: Settings;
  /** The sandbox's clock when the call came in, in milliseconds. */
  now: number;
  /** Reads the clock again, for answers that take time. */
  clock: () => number;
  /** What the log of calls will say; handlers fill it in as they learn it. */
  note: { kind: string; requestId: string | null };
  /** Delivers what is due, or sees to it that it will be. */
  pump: () => Promise<void>;
  /** Sends a request's webhook now and waits for it. */
  deliverNow: (requestId: string) => Promise<void>;
}

/** A call on fal's queue: Maton has let it in and chosen the connection. */
export interface QueueCall extends Call {
  /** Path below the app name, as fal sees it. */
  path: string;
  connection: Connection;
}

/** Time for the first part of a body to reach the reader before the rest is broken off. */
export const BREAK_AFTER_MS = 100;

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** An error of fal's own: `detail` text, and the machine name if it has one. */
export function falError(status: number, detail: unknown, errorType?: string): Response {
  const body = errorType === undefined ? { detail } : { detail, error_type: errorType };
  return Response.json(body, { status, headers: errorType === undefined ? {} : { "x-fal-error-type": errorType } });
}

/** One of Maton's own errors, in the shape that the settings choose. */
export function matonError(settings: Settings, status: number, message: string): Response {
  const headers = new Headers();
  if (status === 429 && settings.retryAfterS !== null) headers.set("retry-after", String(settings.retryAfterS));
  if (settings.errorShape === "flat") return flatMatonError(status, message, headers);
  return Response.json({ error: { message, code: status } }, { status, headers });
}

/** The flat shape, which is documented for unknown connections (maton-ai/api-gateway-skill, vercel-ai-gateway reference). */
export function flatMatonError(status: number, message: string, headers = new Headers()): Response {
  return Response.json({ message, type: ERROR_TYPES[status] ?? "Error", code: status }, { status, headers });
}

const ERROR_TYPES: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  404: "Not Found",
  405: "Method Not Allowed",
  429: "Too Many Requests",
  500: "Internal Server Error",
};

/** fal's answer to a method that a path does not take. */
export function methodNotAllowed(allow: string): Response {
  return Response.json({ detail: "Method Not Allowed" }, { status: 405, headers: { allow } });
}

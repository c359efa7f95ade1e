// The context of one call to the sandbox, and the error responses that handlers share.

import type { Settings } from "./settings.ts";
import type { Connection, Store } from "./store.ts";

export interface Call {
  request: Request;
  url: URL;
  /** Read before routing: an unread body breaks the connection while the response is sent. */
  body: string;
  store: Store;
  settings: Settings;
  /** The sandbox's clock when the call came in, in milliseconds. */
  now: number;
  /** Reads the clock again, for answers that take time. */
  clock: () => number;
  /** The entry for the call log; handlers fill it in. */
  note: { kind: string; requestId: string | null };
  /** Sends due webhooks and sets the alarm for the others. */
  pump: () => Promise<void>;
  /** Sends a request's webhook now and waits for it. */
  deliverNow: (requestId: string) => Promise<void>;
}

/** A call to fal's queue, authenticated by Maton, with its connection chosen. */
export interface QueueCall extends Call {
  /** Path below the app name, as fal sees it. */
  path: string;
  connection: Connection;
}

/** Time for the first part of a body to reach the client before the connection is broken. */
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

/** fal's response to a method that a path does not support. */
export function methodNotAllowed(allow: string): Response {
  return Response.json({ detail: "Method Not Allowed" }, { status: 405, headers: { allow } });
}

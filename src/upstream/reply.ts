// One exchange with Maton or fal, read to its end: what came back as a value, whatever went wrong.
// Knows nothing of what the calls mean (answers.ts does). Imports net, json, limits.

import { type JsonTree, parseTree } from "../json.ts";
import { RETRY_AFTER_MAX_MS } from "../limits.ts";
import { discard, readTextCapped } from "../net/body.ts";
import type { Permit } from "../net/buffers.ts";
import { type CallInit, callOut } from "../net/fetch.ts";
import { retryAfterMs } from "../net/retry-after.ts";

interface StatusLine {
  status: number;
  headers: Headers;
  /** From Retry-After, capped; null where there is none. */
  retryAfterMs: number | null;
}

/**
 * `read`: `body` is undefined for text that is not JSON; the permit over `text` is the reader's to release.
 * `unread`: the status line is known, but the body is too large, broke off, or is no text at all.
 * `failed`: nothing came back.
 */
export type Reply =
  | (StatusLine & { kind: "read"; text: string; body: JsonTree | undefined; permit: Permit })
  | (StatusLine & { kind: "unread"; why: "too_large" | "broken" | "not_text" })
  | { kind: "failed"; reason: "timeout" | "network"; sent: "no" | "maybe" };

export interface CallLimits {
  timeoutMs: number;
  capBytes: number;
}

/** Calls and reads. Never throws; the time limit covers the body too. */
export async function exchange(url: string, init: CallInit, limits: CallLimits): Promise<Reply> {
  const outcome = await callOut(url, init, limits);
  if (outcome.kind === "failed") return outcome;
  const { response, end } = outcome;
  try {
    return await readReply(response, limits.capBytes);
  } finally {
    end();
  }
}

async function readReply(response: Response, capBytes: number): Promise<Reply> {
  const { status, headers } = response;
  const line: StatusLine = {
    status,
    headers,
    retryAfterMs: retryAfterMs(headers.get("retry-after"), Date.now(), RETRY_AFTER_MAX_MS),
  };
  if (!isText(headers.get("content-type"))) {
    discard(response);
    return { kind: "unread", ...line, why: "not_text" };
  }
  const read = await readTextCapped(response, capBytes);
  if (read.kind !== "read") return { kind: "unread", ...line, why: read.kind };
  return { kind: "read", ...line, text: read.text, body: parseTree(read.text)?.tree, permit: read.permit };
}

/** A missing type counts as text: what is not JSON then shows itself at the parse. */
function isText(contentType: string | null): boolean {
  return contentType === null || /^\s*text\/|json|xml/i.test(contentType);
}

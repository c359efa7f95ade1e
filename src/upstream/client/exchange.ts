// One exchange with Maton or fal, read to its end: what came back as a value, whatever went wrong. Knows nothing of what the
// calls mean (answers.ts does).

import { discard, readCapped, readTextCapped } from "../../net/body.ts";
import type { Permit } from "../../net/byte-budget.ts";
import { type CallInit, callOut } from "../../net/fetch.ts";
import { RETRY_AFTER_MAX_MS, retryAfterMs } from "../../net/retry-after.ts";
import { type JsonTree, parseTree } from "../../platform/json.ts";

interface StatusLine {
  status: number;
  headers: Headers;
  /** From Retry-After, capped; null where there is none. */
  retryAfterMs: number | null;
}

/**
 * `read`: `body` is undefined for text that is not JSON; the permit over `text` is the reader's to release.
 * `bytes`: a success that is no text, of a call that takes such; the permit is the reader's to release as well.
 * `unread`: the status line is known, but the body is larger than `capBytes`, broke off, or is no text and not wanted.
 * `failed`: nothing came back.
 */
export type UpstreamReply =
  | (StatusLine & { kind: "read"; text: string; readonly body: JsonTree | undefined; permit: Permit })
  | (StatusLine & { kind: "bytes"; bytes: Uint8Array<ArrayBuffer>; contentType: string; permit: Permit })
  | (StatusLine & { kind: "unread"; why: "too_large"; capBytes: number })
  | (StatusLine & { kind: "unread"; why: "broken" | "not_text" })
  | { kind: "failed"; reason: "timeout" | "network"; sent: "no" | "maybe" };

export interface CallLimits {
  timeoutMs: number;
  /** Of text. */
  capBytes: number;
  /** Of what is no text; without it none is read. */
  fileCapBytes?: number;
}

/** Calls and reads. Never throws; the time limit covers the body too. */
export async function exchange(url: string, init: CallInit, limits: CallLimits): Promise<UpstreamReply> {
  const outcome = await callOut(url, init, limits);
  if (outcome.kind === "failed") return outcome;
  const { response, end } = outcome;
  try {
    return await readReply(response, limits);
  } finally {
    end();
  }
}

async function readReply(response: Response, { capBytes, fileCapBytes }: CallLimits): Promise<UpstreamReply> {
  const { status, headers } = response;
  const line: StatusLine = {
    status,
    headers,
    retryAfterMs: retryAfterMs(headers.get("retry-after"), Date.now(), RETRY_AFTER_MAX_MS),
  };
  const contentType = headers.get("content-type");
  if (contentType === null || isText(contentType)) {
    const read = await readTextCapped(response, capBytes);
    if (read.kind !== "read") return unread(line, read.kind, capBytes);
    return readReplyOf(line, read);
  }
  if (!response.ok || fileCapBytes === undefined) {
    discard(response);
    return { kind: "unread", ...line, why: "not_text" };
  }
  const read = await readCapped(response, fileCapBytes);
  if (read.kind !== "read") return unread(line, read.kind, fileCapBytes);
  return { kind: "bytes", ...line, bytes: read.bytes, contentType, permit: read.permit };
}

/** An output of megabytes is not parsed where nobody asks for its body. */
function readReplyOf(line: StatusLine, { text, permit }: { text: string; permit: Permit }): UpstreamReply {
  let parsed: { tree: JsonTree | undefined } | null = null;
  return {
    kind: "read",
    ...line,
    text,
    get body() {
      parsed ??= { tree: parseTree(text)?.tree };
      return parsed.tree;
    },
    permit,
  };
}

function unread(line: StatusLine, why: "too_large" | "broken", capBytes: number): UpstreamReply {
  return why === "broken" ? { kind: "unread", ...line, why } : { kind: "unread", ...line, why, capBytes };
}

/** A missing type counts as text too: what is not JSON then shows itself at the parse. */
function isText(contentType: string): boolean {
  return /^\s*text\/|json|xml/i.test(contentType);
}

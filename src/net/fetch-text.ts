// A call for a small text that is good only with status 200: key sets, verdicts of other services. Never throws.

import { SECOND_MS } from "../platform/time.ts";
import { discard, readTextCapped } from "./body.ts";
import { type CallInit, callOut } from "./fetch.ts";

/** Upstream answers that are never results: submit, status, cancel, connections, JWKS. */
export const UPSTREAM_REPLY_MAX_BYTES = 1024 * 1024;
export const JWKS_TIMEOUT_MS = 5 * SECOND_MS;
/** fal publishes a handful of keys; every one is tried on each webhook. */
export const JWKS_KEYS_MAX = 16;
/** A look-up that failed (connection, key set) is asked again at most this often. */
export const LOOKUP_RETRY_MS = 5 * SECOND_MS;

/** The text, at most UPSTREAM_REPLY_MAX_BYTES; null for any fault, any other status, and for more. Time is over the whole. */
export async function fetchSmallText(
  url: string,
  init: CallInit,
  limit: { timeoutMs: number },
): Promise<string | null> {
  const outcome = await callOut(url, init, limit);
  if (outcome.kind === "failed") return null;
  const { response, end } = outcome;
  try {
    if (response.status !== 200) {
      discard(response);
      return null;
    }
    const read = await readTextCapped(response, UPSTREAM_REPLY_MAX_BYTES);
    if (read.kind !== "read") return null;
    read.permit.release();
    return read.text;
  } finally {
    end();
  }
}

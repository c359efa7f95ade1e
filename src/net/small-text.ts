// A call for a small text that is good only with status 200: key sets, verdicts of other services. Never throws.
// Imports net and limits.

import { UPSTREAM_REPLY_MAX_BYTES } from "../platform/limits.ts";
import { discard, readTextCapped } from "./body.ts";
import { type CallInit, callOut } from "./fetch.ts";

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

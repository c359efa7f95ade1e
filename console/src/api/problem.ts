// What went wrong with a call, as screens show it: the API's problem bodies (RFC 9457), and failures that have none.

import { parseJson } from "./json.ts";

export interface Problem {
  /** 0: no answer came. */
  status: number;
  code: string;
  title: string;
  detail: string;
  hint: string | null;
  /** Names the call in the deployment's log. */
  requestId: string | null;
  retryable: boolean;
}

export const NO_ANSWER: Problem = {
  status: 0,
  code: "no_answer",
  title: "No answer",
  detail: "The deployment did not answer.",
  hint: "Check the network, then retry.",
  requestId: null,
  retryable: true,
};

/** The problem of an answer that is no success. */
export function problemOf(status: number, text: string): Problem {
  const body = objectIn(text);
  const field = (name: string): string | null => (typeof body[name] === "string" ? body[name] : null);
  return {
    status,
    code: field("code") ?? `http_${status}`,
    title: field("title") ?? `The answer was HTTP ${status}`,
    detail: field("detail") ?? "",
    hint: field("hint"),
    requestId: field("request_id"),
    retryable: body.retryable === true || status >= 500,
  };
}

function objectIn(text: string): Record<string, unknown> {
  try {
    const value = parseJson(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

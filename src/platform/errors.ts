// The closed list of error codes with status, title and whether a retry may succeed. Refusals are values, never thrown;
// http/problem.ts turns them into responses.

/** All error codes. `status` is the HTTP status of the response. */
export const ERRORS = {
  invalid_request: { status: 400, title: "Invalid request", retryable: false },
  invalid_input: { status: 422, title: "Invalid model input", retryable: false },
  unauthenticated: { status: 401, title: "Authentication failed", retryable: false },
  team_required: { status: 401, title: "The token does not identify a team", retryable: false },
  forbidden: { status: 403, title: "Permission denied", retryable: false },
  user_mismatch: { status: 403, title: "The credential is bound to another user", retryable: false },
  origin_not_allowed: { status: 403, title: "Origin not allowed", retryable: false },
  model_not_allowed: { status: 403, title: "Model not allowed", retryable: false },
  not_found: { status: 404, title: "Not found", retryable: false },
  gone: { status: 410, title: "The resource was deleted", retryable: false },
  conflict: { status: 409, title: "Conflict with the current state of the resource", retryable: false },
  already_ended: { status: 409, title: "The request has already ended", retryable: false },
  idempotency_mismatch: { status: 422, title: "Idempotency key reused with different parameters", retryable: false },
  payload_too_large: { status: 413, title: "The request body is too large", retryable: false },
  unsupported_media_type: { status: 415, title: "Unsupported content type", retryable: false },
  quota_exceeded: { status: 402, title: "Quota exceeded", retryable: false },
  rate_limited: { status: 429, title: "Rate limit exceeded", retryable: true },
  price_unknown: {
    status: 403,
    title: "The price of the request is unknown and the plan requires one",
    retryable: false,
  },
  content_refused: { status: 422, title: "The model rejected the content", retryable: false },
  input_unreachable: { status: 422, title: "The model could not fetch an input file", retryable: false },
  upstream_locked: { status: 503, title: "The upstream account is locked", retryable: true },
  upstream_paused: { status: 503, title: "Upstream is paused", retryable: true },
  upstream_refused: { status: 400, title: "The model provider rejected the request", retryable: false },
  upstream_failed: { status: 502, title: "The model failed", retryable: true },
  upstream_timeout: { status: 504, title: "The model did not finish in time", retryable: true },
  submit_uncertain: {
    status: 502,
    title: "The model provider did not confirm the request",
    retryable: false,
  },
  result_lost: { status: 502, title: "The model provider no longer has the result", retryable: false },
  storage_failed: { status: 503, title: "The output could not be stored", retryable: true },
  connection_missing: { status: 503, title: "The gateway has no active fal.ai connection", retryable: true },
  overloaded: { status: 503, title: "Too many calls at once", retryable: true },
  misconfigured: { status: 503, title: "Sluice is not configured", retryable: true },
  internal: { status: 500, title: "Internal error", retryable: true },
} as const satisfies Record<string, { status: number; title: string; retryable: boolean }>;

export type ErrorCode = keyof typeof ERRORS;

/** What a limit counts. */
export const LIMIT_PERS = ["request", "usd", "output_byte", "upload", "upload_byte", "concurrent"] as const;
export type LimitPer = (typeof LIMIT_PERS)[number];

/**
 * A limit that a request would exceed: amounts are micro-USD if `per` is "usd"; `resetAt` is when it resets (epoch ms; null: it
 * does not reset).
 */
export interface Violation {
  name: string;
  per: LimitPer;
  limit: number;
  used: number;
  resetAt: number | null;
}

/** A refusal. `detail` describes this occurrence and names the field; `hint` is the way out. */
export interface Refusal {
  code: ErrorCode;
  detail: string;
  hint?: string;
  requestId?: string;
  violated?: Violation[];
  retryAfterS?: number;
  /** Overrides the code's HTTP status. */
  status?: number;
}

/** A refusal as one variant of an answer. */
export interface Refused {
  kind: "refused";
  refusal: Refusal;
}

export function refused(why: Refusal): Refused {
  return { kind: "refused", refusal: why };
}

export function refusal(code: ErrorCode, detail: string, extra: Omit<Refusal, "code" | "detail"> = {}): Refusal {
  return { code, detail, ...extra };
}

// The closed list of error codes with status, title and whether a retry may succeed. Refusals are values, never thrown;
// http/problem.ts turns them into responses.

/** An error code. `status`: the HTTP status of the response; `userMessage`: a sentence that an app may show to its own user. */
interface ErrorKind {
  status: number;
  title: string;
  retryable: boolean;
  userMessage?: string;
}

const ASK_WHO_RUNS_IT = "Please contact whoever runs this app.";
const TRY_LATER = "Please try again in a moment.";

/** All error codes. Cause and way out of each stand in scripts/openapi/words/errors.ts, from which docs/errors.md is made. */
export const ERRORS = {
  invalid_request: { status: 400, title: "Invalid request", retryable: false },
  invalid_input: { status: 422, title: "Invalid model input", retryable: false },
  unauthenticated: { status: 401, title: "Authentication failed", retryable: false },
  key_expired: {
    status: 401,
    title: "The API key has expired",
    retryable: false,
    userMessage: `This app's access has expired. ${ASK_WHO_RUNS_IT}`,
  },
  token_expired: {
    status: 401,
    title: "The token has expired",
    retryable: false,
    userMessage: "Your session has expired. Please reload the page or sign in again.",
  },
  team_required: { status: 401, title: "The token does not identify a team", retryable: false },
  forbidden: { status: 403, title: "Permission denied", retryable: false },
  key_frozen: {
    status: 403,
    title: "The API key is frozen",
    retryable: false,
    userMessage: `This app is paused. ${ASK_WHO_RUNS_IT}`,
  },
  user_frozen: {
    status: 403,
    title: "The user is frozen",
    retryable: false,
    userMessage: `Your account cannot be used here at present. ${ASK_WHO_RUNS_IT}`,
  },
  user_mismatch: { status: 403, title: "The credential is bound to another user", retryable: false },
  origin_not_allowed: { status: 403, title: "Origin not allowed", retryable: false },
  model_not_allowed: { status: 403, title: "Model not allowed", retryable: false },
  not_found: { status: 404, title: "Not found", retryable: false },
  gone: { status: 410, title: "The resource was deleted", retryable: false },
  conflict: { status: 409, title: "Conflict with the current state of the resource", retryable: false },
  precondition_failed: { status: 412, title: "The resource has changed since it was read", retryable: false },
  already_ended: { status: 409, title: "The request has already ended", retryable: false },
  idempotency_mismatch: { status: 422, title: "Idempotency key reused with different parameters", retryable: false },
  payload_too_large: {
    status: 413,
    title: "The request body is too large",
    retryable: false,
    userMessage: "This is too large. Please use a smaller file or a shorter text.",
  },
  unsupported_media_type: {
    status: 415,
    title: "Unsupported content type",
    retryable: false,
    userMessage: "This type of file is not supported. Please use another one.",
  },
  unsupported_encoding: { status: 415, title: "Unsupported content encoding", retryable: false },
  quota_exceeded: {
    status: 402,
    title: "Quota exceeded",
    retryable: false,
    userMessage: "The limit for this is reached. Please try again later.",
  },
  /** 429 and retryable where the limit is of less than a day. */
  visitor_limit: {
    status: 402,
    title: "The visitor's limit is reached",
    retryable: false,
    userMessage: "You have reached your limit here. Please come back later.",
  },
  rate_limited: {
    status: 429,
    title: "Rate limit exceeded",
    retryable: true,
    userMessage: `That was a little fast. ${TRY_LATER}`,
  },
  price_unknown: {
    status: 403,
    title: "The price of the request is unknown and the plan requires one",
    retryable: false,
  },
  content_refused: {
    status: 422,
    title: "The model rejected the content",
    retryable: false,
    userMessage: "The model does not accept this content. Please change your text or picture.",
  },
  input_unreachable: {
    status: 422,
    title: "The model could not fetch an input file",
    retryable: false,
    userMessage: "Your file could not be read. Please upload it again.",
  },
  upstream_locked: {
    status: 503,
    title: "The upstream account is locked",
    retryable: true,
    userMessage: `This app is paused. ${ASK_WHO_RUNS_IT}`,
  },
  upstream_paused: {
    status: 503,
    title: "Upstream is paused",
    retryable: true,
    userMessage: `The service is having trouble. ${TRY_LATER}`,
  },
  upstream_refused: { status: 400, title: "The model provider rejected the request", retryable: false },
  upstream_failed: {
    status: 502,
    title: "The model failed",
    retryable: true,
    userMessage: `This did not work. ${TRY_LATER}`,
  },
  upstream_timeout: {
    status: 504,
    title: "The model did not finish in time",
    retryable: true,
    userMessage: `This took too long. ${TRY_LATER}`,
  },
  submit_uncertain: {
    status: 502,
    title: "The model provider did not confirm the request",
    retryable: false,
  },
  result_lost: { status: 502, title: "The model provider no longer has the result", retryable: false },
  storage_failed: { status: 503, title: "The output could not be stored", retryable: true },
  connection_missing: { status: 503, title: "The gateway has no active fal.ai connection", retryable: true },
  overloaded: {
    status: 503,
    title: "Too many calls at once",
    retryable: true,
    userMessage: `Many people are using this right now. ${TRY_LATER}`,
  },
  team_full: {
    status: 503,
    title: "The team's storage is full",
    retryable: false,
    userMessage: `This app is paused. ${ASK_WHO_RUNS_IT}`,
  },
  misconfigured: { status: 503, title: "Sluice is not configured", retryable: true },
  internal: {
    status: 500,
    title: "Internal error",
    retryable: true,
    userMessage: `Something went wrong. ${TRY_LATER}`,
  },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERRORS;

/** The sentence of a code that an app may show to its own user, or null: the error is between the app and Sluice. */
export function userMessageOf(code: ErrorCode): string | null {
  const kind: ErrorKind = ERRORS[code];
  return kind.userMessage ?? null;
}

/** What a limit counts. */
export const LIMIT_PERS = ["request", "usd", "output_byte", "upload", "upload_byte", "concurrent"] as const;
export type LimitPer = (typeof LIMIT_PERS)[number];
/** Which requests a limit counts: all that were let in, or those that were not given back. */
export const LIMIT_COUNTS = ["admitted", "completed"] as const;

/**
 * A limit that a request would exceed: amounts are micro-USD if `per` is "usd", null where the caller is not told them; `resetAt`
 * is when it resets (epoch ms; null: it does not reset).
 */
export interface Violation {
  name: string;
  per: LimitPer;
  limit: number | null;
  used: number | null;
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
  /** These override what the code says. */
  status?: number;
  retryable?: boolean;
  userMessage?: string;
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

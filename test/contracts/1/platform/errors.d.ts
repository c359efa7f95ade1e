export declare const ERRORS: {
    readonly invalid_request: {
        readonly status: 400;
        readonly title: "Invalid request";
        readonly retryable: false;
    };
    readonly invalid_input: {
        readonly status: 422;
        readonly title: "Invalid model input";
        readonly retryable: false;
    };
    readonly unauthenticated: {
        readonly status: 401;
        readonly title: "Authentication failed";
        readonly retryable: false;
    };
    readonly key_expired: {
        readonly status: 401;
        readonly title: "The API key has expired";
        readonly retryable: false;
        readonly userMessage: "This app's access has expired. Please contact whoever runs this app.";
    };
    readonly token_expired: {
        readonly status: 401;
        readonly title: "The token has expired";
        readonly retryable: false;
        readonly userMessage: "Your session has expired. Please reload the page or sign in again.";
    };
    readonly team_required: {
        readonly status: 401;
        readonly title: "The token does not identify a team";
        readonly retryable: false;
    };
    readonly forbidden: {
        readonly status: 403;
        readonly title: "Permission denied";
        readonly retryable: false;
    };
    readonly key_frozen: {
        readonly status: 403;
        readonly title: "The API key is frozen";
        readonly retryable: false;
        readonly userMessage: "This app is paused. Please contact whoever runs this app.";
    };
    readonly user_frozen: {
        readonly status: 403;
        readonly title: "The user is frozen";
        readonly retryable: false;
        readonly userMessage: "Your account cannot be used here at present. Please contact whoever runs this app.";
    };
    readonly user_mismatch: {
        readonly status: 403;
        readonly title: "The credential is bound to another user";
        readonly retryable: false;
    };
    readonly origin_not_allowed: {
        readonly status: 403;
        readonly title: "Origin not allowed";
        readonly retryable: false;
    };
    readonly model_not_allowed: {
        readonly status: 403;
        readonly title: "Model not allowed";
        readonly retryable: false;
    };
    readonly not_found: {
        readonly status: 404;
        readonly title: "Not found";
        readonly retryable: false;
    };
    readonly gone: {
        readonly status: 410;
        readonly title: "The resource was deleted";
        readonly retryable: false;
    };
    readonly conflict: {
        readonly status: 409;
        readonly title: "Conflict with the current state of the resource";
        readonly retryable: false;
    };
    readonly precondition_failed: {
        readonly status: 412;
        readonly title: "The resource has changed since it was read";
        readonly retryable: false;
    };
    readonly already_ended: {
        readonly status: 409;
        readonly title: "The request has already ended";
        readonly retryable: false;
    };
    readonly idempotency_mismatch: {
        readonly status: 422;
        readonly title: "Idempotency key reused with different parameters";
        readonly retryable: false;
    };
    readonly payload_too_large: {
        readonly status: 413;
        readonly title: "The request body is too large";
        readonly retryable: false;
        readonly userMessage: "This is too large. Please use a smaller file or a shorter text.";
    };
    readonly unsupported_media_type: {
        readonly status: 415;
        readonly title: "Unsupported content type";
        readonly retryable: false;
        readonly userMessage: "This type of file is not supported. Please use another one.";
    };
    readonly unsupported_encoding: {
        readonly status: 415;
        readonly title: "Unsupported content encoding";
        readonly retryable: false;
    };
    readonly quota_exceeded: {
        readonly status: 402;
        readonly title: "Quota exceeded";
        readonly retryable: false;
        readonly userMessage: "The limit for this is reached. Please try again later.";
    };
    readonly visitor_limit: {
        readonly status: 402;
        readonly title: "The visitor's limit is reached";
        readonly retryable: false;
        readonly userMessage: "You have reached your limit here. Please come back later.";
    };
    readonly rate_limited: {
        readonly status: 429;
        readonly title: "Rate limit exceeded";
        readonly retryable: true;
        readonly userMessage: "That was a little fast. Please try again in a moment.";
    };
    readonly price_unknown: {
        readonly status: 403;
        readonly title: "The price of the request is unknown and the plan requires one";
        readonly retryable: false;
    };
    readonly content_refused: {
        readonly status: 422;
        readonly title: "The model rejected the content";
        readonly retryable: false;
        readonly userMessage: "The model does not accept this content. Please change your text or picture.";
    };
    readonly input_unreachable: {
        readonly status: 422;
        readonly title: "The model could not fetch an input file";
        readonly retryable: false;
        readonly userMessage: "Your file could not be read. Please upload it again.";
    };
    readonly upstream_locked: {
        readonly status: 503;
        readonly title: "The upstream account is locked";
        readonly retryable: true;
        readonly userMessage: "This app is paused. Please contact whoever runs this app.";
    };
    readonly upstream_paused: {
        readonly status: 503;
        readonly title: "Upstream is paused";
        readonly retryable: true;
        readonly userMessage: "The service is having trouble. Please try again in a moment.";
    };
    readonly upstream_refused: {
        readonly status: 400;
        readonly title: "The model provider rejected the request";
        readonly retryable: false;
    };
    readonly upstream_failed: {
        readonly status: 502;
        readonly title: "The model failed";
        readonly retryable: true;
        readonly userMessage: "This did not work. Please try again in a moment.";
    };
    readonly upstream_timeout: {
        readonly status: 504;
        readonly title: "The model did not finish in time";
        readonly retryable: true;
        readonly userMessage: "This took too long. Please try again in a moment.";
    };
    readonly submit_uncertain: {
        readonly status: 502;
        readonly title: "The model provider did not confirm the request";
        readonly retryable: false;
    };
    readonly result_lost: {
        readonly status: 502;
        readonly title: "The model provider no longer has the result";
        readonly retryable: false;
    };
    readonly storage_failed: {
        readonly status: 503;
        readonly title: "The output could not be stored";
        readonly retryable: true;
    };
    readonly connection_missing: {
        readonly status: 503;
        readonly title: "The gateway has no active fal.ai connection";
        readonly retryable: true;
    };
    readonly overloaded: {
        readonly status: 503;
        readonly title: "Too many calls at once";
        readonly retryable: true;
        readonly userMessage: "Many people are using this right now. Please try again in a moment.";
    };
    readonly team_full: {
        readonly status: 503;
        readonly title: "The team's storage is full";
        readonly retryable: false;
        readonly userMessage: "This app is paused. Please contact whoever runs this app.";
    };
    readonly misconfigured: {
        readonly status: 503;
        readonly title: "Sluice is not configured";
        readonly retryable: true;
    };
    readonly internal: {
        readonly status: 500;
        readonly title: "Internal error";
        readonly retryable: true;
        readonly userMessage: "Something went wrong. Please try again in a moment.";
    };
};
export type ErrorCode = keyof typeof ERRORS;
export declare function userMessageOf(code: ErrorCode): string | null;
export declare const LIMIT_PERS: readonly ["request", "usd", "output_byte", "upload", "upload_byte", "concurrent"];
export type LimitPer = (typeof LIMIT_PERS)[number];
export declare const LIMIT_COUNTS: readonly ["admitted", "completed"];
export interface Violation {
    name: string;
    per: LimitPer;
    limit: number | null;
    used: number | null;
    resetAt: number | null;
}
export interface Refusal {
    code: ErrorCode;
    detail: string;
    hint?: string;
    requestId?: string;
    violated?: Violation[];
    retryAfterS?: number;
    status?: number;
    retryable?: boolean;
    userMessage?: string;
}
export interface Refused {
    kind: "refused";
    refusal: Refusal;
}
export declare function refused(why: Refusal): Refused;
export declare function refusal(code: ErrorCode, detail: string, extra?: Omit<Refusal, "code" | "detail">): Refusal;

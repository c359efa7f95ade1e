// Errors in the API description: the codes of an operation by HTTP status, in the format of its surface.

import { isRetriedByClients } from "../../src/compat/fal-format.ts";
import type { DeclaredError, Route } from "../../src/http/route.ts";
import { ERRORS, type ErrorCode, userMessageOf } from "../../src/platform/errors.ts";
import { type DescribedHeader, headersOf } from "./headers.ts";
import { type JsonObject, schemaRef } from "./schemas.ts";
import { WORDS } from "./words/errors.ts";

/** `sluice`: problem+json. `fal`: the format that clients of fal and Maton read. `plain`: a problem as JSON, which both read. */
export type Surface = "sluice" | "fal" | "plain";

const LOOP_DETECTED: DeclaredError = { code: "forbidden", status: 508 };
/** A body that stopped, or came too slowly (net/body-pace.ts). */
export const BODY_TOO_SLOW: DeclaredError = { code: "invalid_request", status: 408 };
const CODES = Object.keys(ERRORS) as ErrorCode[];

export function surfaceOf(path: string): Surface {
  if (path.startsWith("/uploads/")) return "plain";
  return /^\/(fal|maton)\//.test(path) ? "fal" : "sluice";
}

/** Errors of every path behind the configuration check (app.ts). */
export const EVERYWHERE: readonly DeclaredError[] = ["internal", "overloaded", "misconfigured", LOOP_DETECTED];
/** The error of paths behind a brake (http/brakes.ts). */
const BRAKED: DeclaredError = "rate_limited";

/** Errors of every credential but the operator's (http/auth.ts). */
const CREDENTIAL_ERRORS = [
  "invalid_request",
  "unauthenticated",
  "key_expired",
  "token_expired",
  "team_required",
  "forbidden",
  "key_frozen",
  "user_frozen",
  "origin_not_allowed",
  "user_mismatch",
] as const;

/** A route's errors, with those of `serve` and authentication (http/route.ts, http/auth.ts). */
export function servedErrors(route: Route): DeclaredError[] {
  const { access, params, query, headers, body } = route;
  if (route.path === "/healthz") return ["internal"];
  const authentication: readonly DeclaredError[] =
    access === "public" ? [] : access === "operator" ? ["unauthenticated", "not_found"] : CREDENTIAL_ERRORS;
  return [
    ...EVERYWHERE,
    BRAKED,
    ...authentication,
    ...(params === undefined ? [] : (["not_found"] as const)),
    ...(query === undefined && headers === undefined ? [] : (["invalid_request"] as const)),
    ...(body === undefined
      ? []
      : ([
          "invalid_request",
          BODY_TOO_SLOW,
          "unsupported_media_type",
          "unsupported_encoding",
          "payload_too_large",
        ] as const)),
    ...route.errors,
  ];
}

/** Collects the error responses of all operations in `components`, each once. */
export class ErrorRegistry {
  readonly components: JsonObject = {};

  /** `closed` false: the status may have other errors too, so the codes are not an exhaustive enum. */
  responses(errors: readonly DeclaredError[], surface: Surface, closed = true): Map<string, JsonObject> {
    const byStatus = Map.groupBy(errors, (error) => statusOf(error, surface));
    return new Map(
      [...byStatus].map(([status, declared]) => {
        const codes = CODES.filter((code) => declared.some((error) => codeOf(error) === code));
        const name = [surface, status, ...codes, ...(closed ? [] : ["others"])].join(".");
        this.components[name] ??= response(status, codes, surface, closed);
        return [String(status), { $ref: `#/components/responses/${name}` }];
      }),
    );
  }

  /** An upstream error that is passed on in fal's format. */
  passedOn(description: string): JsonObject {
    return {
      description,
      ...headersOf([...FAL_ERROR_HEADERS, "Retry-After", "X-Fal-Request-Timeout-Type"]),
      content: { "application/json": { schema: schemaRef("FalError") } },
    };
  }
}

function codeOf(error: DeclaredError): ErrorCode {
  return typeof error === "string" ? error : error.code;
}

/** Statuses that fal's clients retry are replaced where a retry cannot succeed (compat/fal-errors.ts). */
function statusOf(error: DeclaredError, surface: Surface): number {
  const kind = ERRORS[codeOf(error)];
  const own = typeof error === "string" ? kind.status : error.status;
  const retryable = (typeof error === "string" ? undefined : error.retryable) ?? kind.retryable;
  return surface === "fal" && isRetriedByClients(own) && !retryable ? 400 : own;
}

function response(status: number, codes: readonly ErrorCode[], surface: Surface, closed: boolean): JsonObject {
  const description = codes.map((code) => `\`${code}\`: ${ERRORS[code].title}.`).join(" ");
  const type = surface === "sluice" ? "application/problem+json" : "application/json";
  const [name, member] = surface === "fal" ? ["FalError", "error_type"] : ["Problem", "code"];
  const narrowed = { allOf: [schemaRef(name)], properties: { [member]: { enum: codes } } };
  return {
    description,
    ...headersOf([...errorHeaders(status, codes), ...(surface === "fal" ? FAL_ERROR_HEADERS : [])]),
    content: { [type]: { schema: closed ? narrowed : schemaRef(name) } },
  };
}

const FAL_ERROR_HEADERS: readonly DescribedHeader[] = [
  "X-Fal-Billable-Units",
  "X-Fal-Error-Type",
  "X-Fal-Needs-Retry",
  "X-Fal-Request-Id",
  "X-Fal-Retryable",
];

function errorHeaders(status: number, codes: readonly ErrorCode[]): readonly DescribedHeader[] {
  if (codes.some((code) => code === "quota_exceeded" || code === "visitor_limit" || code === "rate_limited")) {
    return ["RateLimit", "RateLimit-Policy", "Retry-After"];
  }
  if (status === 401) return ["WWW-Authenticate"];
  return status === 409 || status === 503 ? ["Retry-After"] : [];
}

const violatedPolicies = {
  type: "array",
  description: "The limits that the call would exceed, if that is the reason.",
  items: {
    type: "object",
    properties: {
      name: { type: "string", description: "The limit's name in the plan." },
      per: { enum: ["request", "usd", "concurrent", "output_byte", "upload", "upload_byte"] },
      limit: {
        type: ["integer", "string", "null"],
        description:
          "USD as decimal text when `per` is usd. Null: a visitor is not told limits that it shares with all.",
      },
      used: { type: ["integer", "string", "null"] },
      reset: { type: ["string", "null"], format: "date-time", description: "Null if it does not reset automatically." },
    },
    required: ["name", "per", "limit", "used", "reset"],
  },
};

const requestIdMember = { type: "string", description: "Id of the request concerned, else of the call." };

function shownCode(code: ErrorCode): JsonObject {
  const { status, title, retryable } = ERRORS[code];
  const userMessage = userMessageOf(code);
  const shown = userMessage === null ? {} : { user_message: userMessage };
  return { status, title, retryable, advice: WORDS[code].remedy, ...shown };
}

/** The schemas that these responses refer to. */
export function errorSchemas(): JsonObject {
  return {
    ErrorCode: {
      type: "string",
      description:
        "Error code. `x-codes` has its title, its HTTP status (unless an operation lists another), whether a retry may succeed, and what to do.",
      enum: CODES,
      "x-codes": Object.fromEntries(CODES.map((code) => [code, shownCode(code)])),
    },
    Problem: {
      type: "object",
      description: "An error in the format of RFC 9457.",
      properties: {
        type: { type: "string", description: "`urn:sluice:error:` followed by the code." },
        title: { type: "string", description: "Title of the code." },
        status: { type: "integer" },
        detail: { type: "string", description: "What is wrong with this call, naming the field." },
        instance: { type: "string", description: "`urn:sluice:call:` followed by the id of the call." },
        code: schemaRef("ErrorCode"),
        message: { type: "string", description: "Same as `detail`." },
        hint: { type: "string", description: "How to resolve the error." },
        retryable: { type: "boolean", description: "Whether a retry of the same call may succeed." },
        user_message: {
          type: "string",
          description: "A sentence that an app may show to its own user. Absent where the error is none of theirs.",
        },
        request_id: requestIdMember,
        violated_policies: violatedPolicies,
      },
      required: ["type", "title", "status", "detail", "instance", "code", "message", "retryable", "request_id"],
    },
    FalError: {
      type: "object",
      description: "An error in a format that clients of fal and Maton can read.",
      properties: {
        detail: {
          description: "A message, a list of invalid input fields, or the `detail` of the model's response.",
        },
        error_type: { type: "string", description: "An error code of Sluice, or fal's error type." },
        message: { type: "string" },
        error: {
          type: "object",
          properties: { message: { type: "string" }, code: { type: "integer", description: "The HTTP status." } },
          required: ["message", "code"],
        },
        request_id: requestIdMember,
        violated_policies: violatedPolicies,
        status: { type: "string", description: "fal's status, for refused calls on queued requests." },
        type: { type: "string", description: "Maton's error type, if Maton refused the call." },
        code: { type: "integer", description: "Maton's status, if Maton refused the call." },
      },
      required: ["detail", "error_type", "message", "error"],
    },
  };
}

// Refusals in the API description: which codes an operation answers under which HTTP status, in the words of its surface.

import { isRetriedByClients } from "../../src/compat/words.ts";
import type { DeclaredError, Route } from "../../src/http/route.ts";
import { ERRORS, type ErrorCode } from "../../src/platform/errors.ts";
import { headersOf } from "./headers.ts";
import { type JsonObject, schemaRef } from "./schemas.ts";

/** Our own problems, or the shape that clients of fal and Maton read. */
export type Surface = "sluice" | "fal";

const LOOP_DETECTED: DeclaredError = { code: "forbidden", status: 508 };
const CODES = Object.keys(ERRORS) as ErrorCode[];

export function surfaceOf(path: string): Surface {
  return /^\/(fal|maton)\//.test(path) ? "fal" : "sluice";
}

/** What every path behind the configuration check may answer (app.ts). */
export const EVERYWHERE: readonly DeclaredError[] = ["internal", "misconfigured", LOOP_DETECTED];

/** What `serve` and authentication add to a route's own errors (http/route.ts, http/auth.ts). */
export function servedErrors(route: Route): DeclaredError[] {
  const { access, params, query, headers, body } = route;
  if (route.path === "/healthz") return ["internal"];
  const authentication: readonly DeclaredError[] =
    access === "public"
      ? []
      : access === "operator"
        ? ["unauthenticated", "not_found"]
        : ["unauthenticated", "team_required", "forbidden", "origin_not_allowed", "user_mismatch"];
  return [
    ...EVERYWHERE,
    ...authentication,
    ...(params === undefined ? [] : (["not_found"] as const)),
    ...(query === undefined && headers === undefined ? [] : (["invalid_request"] as const)),
    ...(body === undefined ? [] : (["invalid_request", "unsupported_media_type", "payload_too_large"] as const)),
    ...route.errors,
  ];
}

/** The responses for these errors by status, each once among `components`, which grows by what was not there. */
export class ErrorRegistry {
  readonly components: JsonObject = {};

  /** `closed` false: other errors may come under the same status, so codes are named but not listed as all there are. */
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

  /** What is no refusal of ours but has its shape, and may come beside them. */
  passedOn(description: string): JsonObject {
    return { description, content: { "application/json": { schema: schemaRef("FalError") } } };
  }
}

function codeOf(error: DeclaredError): ErrorCode {
  return typeof error === "string" ? error : error.code;
}

/** No client of fal's may try again where that cannot help (compat/refusal.ts). */
function statusOf(error: DeclaredError, surface: Surface): number {
  const { status, retryable } = ERRORS[codeOf(error)];
  const own = typeof error === "string" ? status : error.status;
  return surface === "fal" && isRetriedByClients(own) && !retryable ? 400 : own;
}

function response(status: number, codes: readonly ErrorCode[], surface: Surface, closed: boolean): JsonObject {
  const description = codes.map((code) => `\`${code}\`: ${ERRORS[code].title}.`).join(" ");
  const [type, name, member] =
    surface === "sluice"
      ? ["application/problem+json", "Problem", "code"]
      : ["application/json", "FalError", "error_type"];
  const narrowed = { allOf: [schemaRef(name)], properties: { [member]: { enum: codes } } };
  return {
    description,
    ...headersOf(errorHeaders(status)),
    content: { [type]: { schema: closed ? narrowed : schemaRef(name) } },
  };
}

function errorHeaders(status: number): Parameters<typeof headersOf>[0] {
  switch (status) {
    case 401:
      return ["WWW-Authenticate"];
    case 402:
    case 429:
      return ["RateLimit", "RateLimit-Policy", "Retry-After"];
    case 503:
      return ["Retry-After"];
    default:
      return [];
  }
}

const violatedPolicies = {
  type: "array",
  description: "The limits that the call would break; only where that is the reason.",
  items: {
    type: "object",
    properties: {
      name: { type: "string", description: "The limit's name in the plan." },
      per: { enum: ["request", "usd", "concurrent", "output_byte", "upload", "upload_byte"] },
      limit: { type: ["integer", "string"], description: "USD as decimal text where `per` is usd." },
      used: { type: ["integer", "string"] },
      reset: { type: ["string", "null"], format: "date-time", description: "Null: it never resets by itself." },
    },
    required: ["name", "per", "limit", "used", "reset"],
  },
};

const requestIdMember = { type: "string", description: "The request that it is about, else the id of the call." };

/** The schemas that these responses refer to. */
export function errorSchemas(): JsonObject {
  return {
    ErrorCode: {
      type: "string",
      description:
        "What went wrong. `x-codes` has the HTTP status, unless an operation says otherwise, the words, and whether a later try may succeed.",
      enum: CODES,
      "x-codes": ERRORS,
    },
    Problem: {
      type: "object",
      description: "A refusal, as RFC 9457 has it.",
      properties: {
        type: { type: "string", description: "`urn:sluice:error:` and the code." },
        title: { type: "string", description: "The code in words." },
        status: { type: "integer" },
        detail: { type: "string", description: "What is wrong with this call; names the field." },
        instance: { type: "string", description: "`urn:sluice:call:` and the id of the call." },
        code: schemaRef("ErrorCode"),
        message: { type: "string", description: "The same as `detail`." },
        hint: { type: "string", description: "What to do about it." },
        retryable: { type: "boolean", description: "Whether a later try of the same call may succeed." },
        request_id: requestIdMember,
        violated_policies: violatedPolicies,
      },
      required: [...["type", "title", "status", "detail", "instance", "code", "message", "retryable", "request_id"]],
    },
    FalError: {
      type: "object",
      description: "A refusal or a failure in the one body that clients of fal and of Maton read.",
      properties: {
        detail: {
          description: "A sentence, the fields of the input that are wrong, or what the model's own answer says.",
        },
        error_type: { type: "string", description: "An error code of Sluice, or fal's machine name for the failure." },
        message: { type: "string" },
        error: {
          type: "object",
          properties: { message: { type: "string" }, code: { type: "integer", description: "The HTTP status." } },
          required: ["message", "code"],
        },
        request_id: requestIdMember,
        violated_policies: violatedPolicies,
        status: { type: "string", description: "fal's word for the state, where a queued run is refused." },
        type: { type: "string", description: "Maton's name for the status, where Maton refused." },
        code: { type: "integer", description: "Maton's status, where Maton refused." },
      },
      required: ["detail", "error_type", "message", "error"],
    },
  };
}

// Every route is declared once, as data with its schemas, and served by one function: authorization, path, query, headers, body,
// handler, response. The API description and the tests over all routes are generated from the declarations.

import type { Context, Hono } from "hono";
import { TrieRouter } from "hono/router/trie-router";
import type * as z from "zod";
import type { Env } from "../platform/bindings.ts";
import { type Config, requireConfig } from "../platform/config.ts";
import { type ErrorCode, type Refusal, type Refused, refusal, refused } from "../platform/errors.ts";
import { type JsonTree, RawText } from "../platform/json.ts";
import { lazy, type Zod } from "../platform/schema.ts";
import { type FieldsAnswer, parseFields } from "../platform/validate.ts";
import type { AppEnv } from "./app-env.ts";
import { type Caller, callerOf, operatorFault } from "./auth.ts";
import { senderOf } from "./client-address.ts";
import { credentialMemory } from "./credential-memory.ts";
import { readJsonBody, SMALL_BODY_MAX_BYTES } from "./json-body.ts";

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
/**
 * `run`, `read`, `admin`: a credential with that scope. `view`: `read`, or `run` for what the credential made. `any`: every credential
 * but a publishable key. `mint`: may create client tokens. `operator`: ADMIN_TOKEN.
 */
export type Access = "public" | "any" | "run" | "read" | "view" | "admin" | "mint" | "operator";

type Schema = z.ZodType;
/** How a schema is made, once and by the first call that needs it. */
type Make<S> = (z: Zod) => S;
type Parsed<S> = S extends Schema ? z.output<S> : undefined;

/** Response headers that callers may rely on; scripts/openapi/headers.ts describes each. */
export type AnswerHeader =
  | "Content-Disposition"
  | "ETag"
  | "Idempotent-Replayed"
  | "Location"
  | "Preference-Applied"
  | "RateLimit"
  | "RateLimit-Policy"
  | "Retry-After"
  | "X-Fal-Billable-Units"
  | "X-Fal-Request-Id";

export interface AnswerSpec {
  description: string;
  /** The JSON body; absent for responses without one, or of another type. */
  schema?: Make<Schema>;
  /** Content type of a body other than the JSON of `schema`: the only body, or an alternative. */
  contentType?: string;
  /** Each may be absent from a given response. */
  headers?: readonly AnswerHeader[];
}
export type Answers = { readonly [status: number]: AnswerSpec };

/** The input of a handler, validated. `bodyTree` is the body with numbers as written (null without a body). */
export interface Call<A extends Access, P, Q, H, B> {
  request: Request;
  url: URL;
  env: Env;
  execution: Pick<ExecutionContext, "waitUntil">;
  /** Throws on an invalid configuration, which only `/healthz` can meet. */
  config: () => Config;
  callId: string;
  caller: A extends "public" | "operator" ? null : Caller;
  params: P;
  query: Q;
  headers: H;
  body: B;
  bodyTree: JsonTree;
  /** Releases the body's memory permit before the handler returns, for handlers that wait. */
  releaseBody: () => void;
}

/** A code with its own HTTP status, or with another that this route gives it. */
export type DeclaredError =
  | ErrorCode
  | { readonly code: ErrorCode; readonly status: number; readonly retryable?: boolean };

type BodyOf<S> = S extends { schema: Make<infer T extends Schema> } ? z.input<T> | RawText : undefined;
type Reply<R extends Answers> = {
  [S in keyof R & number]: { status: S; headers?: Record<string, string> } & (undefined extends BodyOf<R[S]>
    ? { body?: undefined }
    : { body: BodyOf<R[S]> });
}[keyof R & number];

/** The result of a handler: a declared response, a refusal, or a custom `Response` (streams, files). */
export type HandlerAnswer<R extends Answers> =
  | Reply<R>
  | { refusal: Refusal; headers?: Record<string, string> }
  | { response: Response };

interface RouteDefinition<A extends Access, P, Q, H, B, R extends Answers> {
  method: Method;
  /** Hono's notation: `/v1/models/:id{.+}`. A trailing slash is tolerated. */
  path: `/${string}`;
  summary: string;
  /** Details beyond the summary, for the API description. */
  description?: string;
  access: A;
  /** An invalid path parameter is 404. */
  params?: Make<P>;
  query?: Make<Q>;
  /** Lower-case names; other headers are not validated. */
  headers?: Make<H>;
  body?: Make<B>;
  /** A call without a body counts as one with `{}`. */
  optionalBody?: true;
  /** SMALL_BODY_MAX_BYTES unless said otherwise. */
  bodyMaxBytes?: number;
  answers: R;
  /** Error codes of this route, beside those of authentication and parsing. */
  errors: readonly DeclaredError[];
  /** Describes the upstream errors, 4xx or 5xx, that this route passes on beside `errors`. */
  passesOn?: string;
  handle(call: Call<A, Parsed<P>, Parsed<Q>, Parsed<H>, Parsed<B>>): Promise<HandlerAnswer<NoInfer<R>>>;
}

/** A declared route, with its types erased. */
export interface Route {
  readonly method: Method;
  readonly path: string;
  readonly summary: string;
  readonly description?: string | undefined;
  readonly access: Access;
  readonly params?: (() => Schema) | undefined;
  readonly query?: (() => Schema) | undefined;
  readonly headers?: (() => Schema) | undefined;
  readonly body?: (() => Schema) | undefined;
  readonly optionalBody?: true | undefined;
  readonly bodyMaxBytes?: number | undefined;
  readonly answers: Answers;
  readonly errors: readonly DeclaredError[];
  readonly passesOn?: string | undefined;
  handle(call: Call<Access, unknown, unknown, unknown, unknown>): Promise<WrittenOutcome>;
}

type WrittenOutcome =
  | { status: number; headers?: Record<string, string>; body?: unknown }
  | { refusal: Refusal; headers?: Record<string, string> }
  | { response: Response };

/** Declares a route; the schemas give the handler's types. */
export function defineRoute<
  const A extends Access,
  const R extends Answers,
  P extends Schema | undefined = undefined,
  Q extends Schema | undefined = undefined,
  H extends Schema | undefined = undefined,
  B extends Schema | undefined = undefined,
>(definition: RouteDefinition<A, P, Q, H, B, R>): Route {
  const { params, query, headers, body } = definition;
  const schemas = { params: once(params), query: once(query), headers: once(headers), body: once(body) };
  return { ...definition, ...schemas } as Route;
}

function once<S>(make: Make<S> | undefined): (() => S) | undefined {
  return make === undefined ? undefined : lazy(make);
}

export function mount(app: Hono<AppEnv>, routes: readonly Route[]): void {
  for (const route of routes) app.on(route.method, route.path, (context) => serve(route, context));
}

/** The methods that routes have at a path, for `Allow`. */
export function methodsAt(routes: readonly Route[]): (path: string) => string[] {
  const router = new TrieRouter<Method>();
  for (const route of routes) router.add("ALL", route.path, route.method);
  return (path) => {
    const [matches] = router.match("ALL", path.replace(/(?<=.)\/$/, ""));
    const methods = new Set<string>(matches.map(([method]) => method));
    if (methods.has("GET")) methods.add("HEAD");
    return [...methods];
  };
}

async function serve(route: Route, context: Context<AppEnv>): Promise<Response> {
  const { env } = context;
  const request = context.req.raw;
  const callId = context.get("callId");
  const refuse = (why: Refusal, headers: Record<string, string> = {}) =>
    context.get("refuse")(why, callId, { headers });

  context.set("route", route.path);
  const access = await authorize(route.access, request, env);
  if (access.kind === "refused") return refuse(access.refusal);
  if (access.caller !== null) {
    context.set("team", access.caller.team);
    context.set("key", access.caller.keyId);
  }

  const url = new URL(request.url);
  const params = checked(route.params, context.req.param(), "path");
  if (!params.ok) return refuse(refusal("not_found", params.detail));
  const query = checked(route.query, queryOf(url.searchParams), "query");
  if (!query.ok) return refuse(refusal("invalid_request", query.detail));
  const headers = checked(route.headers, Object.fromEntries(request.headers), "headers");
  if (!headers.ok) return refuse(refusal("invalid_request", headers.detail));

  const call = {
    request,
    url,
    env,
    callId,
    caller: access.caller,
    execution: context.executionCtx,
    config: () => requireConfig(env),
    params: params.value,
    query: query.value,
    headers: headers.value,
  };
  const handle = async (input: Pick<Parameters<Route["handle"]>[0], "body" | "bodyTree" | "releaseBody">) => {
    try {
      return written(await route.handle({ ...call, ...input }), refuse);
    } finally {
      // What a team's admin changes here acts here at once, also where the answer was lost on its way.
      const { caller } = access;
      if (route.access === "admin" && route.method !== "GET" && caller !== null) credentialMemory.forget(caller.team);
    }
  };
  if (route.body === undefined) return handle({ body: undefined, bodyTree: null, releaseBody: () => {} });
  const json = await readJsonBody(request, senderOf(access.caller, request), {
    maxBytes: route.bodyMaxBytes ?? SMALL_BODY_MAX_BYTES,
    ifEmpty: route.optionalBody === true ? "{}" : null,
  });
  if (json.kind === "refused") return refuse(json.refusal);
  try {
    const body = checked(route.body, json.plain, "body");
    if (!body.ok) return refuse(refusal("invalid_request", body.detail));
    const releaseBody = () => json.permit.release();
    return await handle({ body: body.value, bodyTree: json.tree, releaseBody });
  } finally {
    json.permit.release();
  }
}

/** A name that is sent several times is a list: `group_by=day&group_by=user` is `group_by=day,user`. */
function queryOf(sent: URLSearchParams): Record<string, string> {
  return Object.fromEntries([...new Set(sent.keys())].map((name) => [name, sent.getAll(name).join(",")]));
}

function checked(schema: (() => Schema) | undefined, value: unknown, where: string): FieldsAnswer<unknown> {
  return schema === undefined ? { ok: true, value: undefined } : parseFields(schema(), value, where);
}

type Authorized = { kind: "known"; caller: Caller | null } | Refused;

async function authorize(access: Access, request: Request, env: Env): Promise<Authorized> {
  switch (access) {
    case "public":
      return { kind: "known", caller: null };
    case "operator": {
      const fault = await operatorFault(request, requireConfig(env));
      return fault === null ? { kind: "known", caller: null } : refused(fault);
    }
    case "any":
    case "run":
    case "read":
    case "view":
    case "admin":
    case "mint":
      return callerOf(request, env, access);
  }
}

function written(
  outcome: WrittenOutcome,
  refuse: (why: Refusal, headers?: Record<string, string>) => Response,
): Response {
  if ("response" in outcome) return outcome.response;
  if ("refusal" in outcome) return refuse(outcome.refusal, outcome.headers);
  const { status, body } = outcome;
  const headers = new Headers({ "Cache-Control": "no-store", ...outcome.headers });
  if (body === undefined) return new Response(null, { status, headers });
  headers.set("Content-Type", "application/json");
  headers.set("X-Content-Type-Options", "nosniff");
  return new Response(body instanceof RawText ? body.text : JSON.stringify(body), { status, headers });
}

// Every route is declared once, as data with its schemas, and served by one function: who calls, path, query, headers, body,
// handler, answer. The list stays inspectable, so that the API description and tests over all routes come from it.

import type { Context, Hono } from "hono";
import { TrieRouter } from "hono/router/trie-router";
import type * as z from "zod";
import type { Env } from "../platform/bindings.ts";
import { type Config, requireConfig } from "../platform/config.ts";
import { type ErrorCode, type Refusal, type Refused, refusal, refused } from "../platform/errors.ts";
import { type JsonTree, RawText } from "../platform/json.ts";
import { type FieldsAnswer, parseFields } from "../platform/validate.ts";
import type { AppEnv } from "./app-env.ts";
import { type Caller, callerOf, operatorFault } from "./auth.ts";
import { readJsonBody } from "./json-body.ts";

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
/** `run`, `read`, `admin`: a credential with that scope. `mint`: who may make client tokens. `operator`: ADMIN_TOKEN. */
export type Access = "public" | "run" | "read" | "admin" | "mint" | "operator";

type Schema = z.ZodType;
type Parsed<S> = S extends Schema ? z.output<S> : undefined;

/** Headers of answers that callers may rely on; scripts/openapi/headers.ts says what each means. */
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
  /** The JSON body; none for answers without one, or of another type. */
  schema?: Schema;
  /** The type of a body that is not the JSON of `schema`: the only body, or what may come instead. */
  contentType?: string;
  /** Each may be left out where it has nothing to say. */
  headers?: readonly AnswerHeader[];
}
export type Answers = { readonly [status: number]: AnswerSpec };

/** What a handler gets. Everything is checked; `bodyTree` is the body with its numbers as written (null without a body). */
export interface Call<A extends Access, P, Q, H, B> {
  request: Request;
  url: URL;
  env: Env;
  execution: Pick<ExecutionContext, "waitUntil">;
  /** Throws where the configuration does not hold, which only `/healthz` meets. */
  config: () => Config;
  callId: string;
  caller: A extends "public" | "operator" ? null : Caller;
  params: P;
  query: Q;
  headers: H;
  body: B;
  bodyTree: JsonTree;
  /** Gives the body's bytes back to the isolate's budget before the handler ends: for those who go on to wait. */
  releaseBody: () => void;
}

/** A code under its own HTTP status, or under another that this route gives it. */
export type DeclaredError = ErrorCode | { readonly code: ErrorCode; readonly status: number };

type BodyOf<S> = S extends { schema: infer T extends Schema } ? z.input<T> | RawText : undefined;
type Reply<R extends Answers> = {
  [S in keyof R & number]: { status: S; headers?: Record<string, string> } & (undefined extends BodyOf<R[S]>
    ? { body?: undefined }
    : { body: BodyOf<R[S]> });
}[keyof R & number];

/** What a handler gives back: one of the declared answers, a refusal, or a response of its own making (streams, files). */
export type HandlerAnswer<R extends Answers> =
  | Reply<R>
  | { refusal: Refusal; headers?: Record<string, string> }
  | { response: Response };

interface RouteDefinition<A extends Access, P, Q, H, B, R extends Answers> {
  method: Method;
  /** Hono's notation: `/v1/models/:id{.+}`. A trailing slash is tolerated. */
  path: `/${string}`;
  summary: string;
  /** What the summary cannot say, for the API description. */
  description?: string;
  access: A;
  /** A path parameter that does not fit is 404: there is nothing by that name. */
  params?: P;
  query?: Q;
  /** Lower-case names; what is not named is not checked. */
  headers?: H;
  body?: B;
  answers: R;
  /** Codes that this route's own rules refuse with; those of authentication and parsing come on top. */
  errors: readonly DeclaredError[];
  /** What may be answered with another's own status, 4xx or 5xx, beside `errors`: a sentence. */
  passesOn?: string;
  handle(call: Call<A, Parsed<P>, Parsed<Q>, Parsed<H>, Parsed<B>>): Promise<HandlerAnswer<NoInfer<R>>>;
}

/** A declared route, its types forgotten. */
export interface Route {
  readonly method: Method;
  readonly path: string;
  readonly summary: string;
  readonly description?: string | undefined;
  readonly access: Access;
  readonly params?: Schema | undefined;
  readonly query?: Schema | undefined;
  readonly headers?: Schema | undefined;
  readonly body?: Schema | undefined;
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
  return definition as Route;
}

export function mount(app: Hono<AppEnv>, routes: readonly Route[]): void {
  for (const route of routes) app.on(route.method, route.path, (context) => serve(route, context));
}

/** Which methods the routes have at a path, for `Allow`. */
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

  const access = await authorize(route.access, request, env);
  if (access.kind === "refused") return refuse(access.refusal);

  const url = new URL(request.url);
  const params = checked(route.params, context.req.param(), "path");
  if (!params.ok) return refuse(refusal("not_found", params.detail));
  const query = checked(route.query, Object.fromEntries(url.searchParams), "query");
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
  if (route.body === undefined) {
    return written(await route.handle({ ...call, body: undefined, bodyTree: null, releaseBody: () => {} }), refuse);
  }
  const json = await readJsonBody(request);
  if (json.kind === "refused") return refuse(json.refusal);
  try {
    const body = checked(route.body, json.plain, "body");
    if (!body.ok) return refuse(refusal("invalid_request", body.detail));
    const releaseBody = () => json.permit.release();
    return written(await route.handle({ ...call, body: body.value, bodyTree: json.tree, releaseBody }), refuse);
  } finally {
    json.permit.release();
  }
}

function checked(schema: Schema | undefined, value: unknown, where: string): FieldsAnswer<unknown> {
  return schema === undefined ? { ok: true, value: undefined } : parseFields(schema, value, where);
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
    case "run":
    case "read":
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

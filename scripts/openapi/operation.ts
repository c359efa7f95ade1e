// A declared route as an operation of the API description: id, parameters, body and responses.

import type { AnswerSpec, Route } from "../../src/http/route.ts";
import { type ErrorRegistry, servedErrors, surfaceOf } from "./errors.ts";
import { headersOf } from "./headers.ts";
import { type JsonObject, responseSchema, type SchemaRegistry } from "./schemas.ts";

/** Marks a path parameter that may contain slashes, which OpenAPI cannot express. */
export const CONTAINS_SLASHES = "x-contains-slashes";

const SLASHES = "Do not encode its slashes.";
const SLASHES_EXAMPLE = "fal-ai/flux/schnell";
const FIELD = /:([a-z_]+)(\{[^}]*\})?/g;

export interface Components {
  schemas: SchemaRegistry;
  errors: ErrorRegistry;
}

/** Converts a Hono path to OpenAPI's notation. */
export function templateOf(path: string): string {
  return path.replaceAll(FIELD, "{$1}");
}

/** Method and path in one word: `POST /v1/requests/:id/cancel` is `postRequestsByIdCancel`. */
export function operationId(method: string, path: string): string {
  const words = templateOf(path)
    .replace(/^\/v1\//, "/")
    .split("/")
    .flatMap((part) => (part.startsWith("{") ? ["by", part.slice(1, -1)] : part.split(/[-_.]/)));
  return method.toLowerCase() + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("");
}

export function tagOf(path: string): string {
  return path.replace(/^\/v1\//, "/").split("/")[1] ?? "";
}

/** The path item of the routes at one path, with shared path parameters, and a HEAD for a GET. */
export function pathItem(path: string, routes: readonly Route[], components: Components): JsonObject {
  const [parameters = [], ...others] = routes.map((route) => pathParameters(route, components));
  if (others.some((other) => JSON.stringify(other) !== JSON.stringify(parameters))) {
    throw new Error(`the routes at ${path} have different parameters`);
  }
  const operations = routes.map((route) => [route.method.toLowerCase(), operationOf(route, components)] as const);
  return withHead(path, {
    ...(parameters.length === 0 ? {} : { parameters }),
    ...Object.fromEntries(operations),
  });
}

/** Adds the HEAD of a path's GET. */
export function withHead(path: string, item: JsonObject): JsonObject {
  if (item.get === undefined) return item;
  const { tags, security } = item.get as JsonObject;
  const head = {
    operationId: operationId("head", path),
    summary: "Retrieve the headers of GET",
    tags,
    security,
    responses: { default: { description: "Status and headers of the same GET, without a body." } },
  };
  return { ...item, head };
}

function operationOf(route: Route, components: Components): JsonObject {
  const { method, path, summary, description, body, optionalBody } = route;
  const parameters = [...query(route, components), ...headers(route, components)];
  return {
    operationId: operationId(method, path),
    summary,
    ...(description === undefined ? {} : { description }),
    tags: [tagOf(path)],
    security: securityOf(route),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: optionalBody !== true,
            content: { "application/json": { schema: components.schemas.input(body()) } },
          },
        }),
    responses: responsesOf(route, components),
  };
}

function securityOf({ access }: Route): JsonObject[] {
  switch (access) {
    case "public":
      return [];
    case "operator":
      return [{ operator: [] }];
    case "any":
      return [{ key: [] }];
    case "mint":
      return [{ key: ["mint"] }, { publishable: [] }];
    case "view":
      return [{ key: ["read"] }, { key: ["run"] }];
    case "run":
    case "read":
    case "admin":
      return [{ key: [access] }];
  }
}

function pathParameters({ path, params }: Route, { schemas }: Components): JsonObject[] {
  const known = params === undefined ? {} : fieldsOf(schemas.input(params()));
  return [...path.matchAll(FIELD)].map(([, name = "", pattern]) => {
    const { description, ...schema } = known[name] ?? { type: "string" };
    const withSlashes = pattern === "{.+}";
    const words = [description, withSlashes ? SLASHES : undefined].filter((each) => each !== undefined).join(" ");
    return {
      name,
      in: "path",
      required: true,
      ...(words === "" ? {} : { description: words }),
      schema,
      ...(withSlashes ? { example: SLASHES_EXAMPLE, [CONTAINS_SLASHES]: true } : {}),
    };
  });
}

function query({ query }: Route, { schemas }: Components): JsonObject[] {
  return query === undefined ? [] : parametersIn("query", schemas.input(query()));
}

function headers({ headers }: Route, { schemas }: Components): JsonObject[] {
  return headers === undefined ? [] : parametersIn("header", schemas.input(headers()));
}

function parametersIn(place: "query" | "header", whole: JsonObject): JsonObject[] {
  const required = new Set(Array.isArray(whole.required) ? whole.required : []);
  return Object.entries(fieldsOf(whole)).map(([field, { description, ...schema }]) => ({
    name: place === "header" ? headerName(field) : field,
    in: place,
    ...(required.has(field) ? { required: true } : {}),
    ...(description === undefined ? {} : { description }),
    schema,
  }));
}

function fieldsOf(whole: JsonObject): Record<string, JsonObject> {
  return (whole.properties ?? {}) as Record<string, JsonObject>;
}

/** `idempotency-key` in its usual capitalization. */
function headerName(lower: string): string {
  return lower.replaceAll(/(^|-)[a-z]/g, (start) => start.toUpperCase());
}

function responsesOf(route: Route, { schemas, errors }: Components): JsonObject {
  const { path, answers, passesOn } = route;
  const surface = surfaceOf(path);
  const refusals = errors.responses(servedErrors(route), surface, passesOn === undefined);
  const answered = Object.entries(answers).map(([status, spec]: [string, AnswerSpec]): [string, JsonObject] => {
    return [status, refusals.has(status) ? errors.passedOn(spec.description) : response(spec, schemas)];
  });
  const others = passesOn === undefined ? {} : { "4XX": errors.passedOn(passesOn), "5XX": errors.passedOn(passesOn) };
  return byStatus({ ...Object.fromEntries(refusals), ...Object.fromEntries(answered), ...others });
}

function response({ description, schema, contentType, headers }: AnswerSpec, schemas: SchemaRegistry): JsonObject {
  const content = {
    ...(schema === undefined ? {} : { "application/json": { schema: schemas.output(responseSchema(schema)) } }),
    ...(contentType === undefined ? {} : { [contentType]: {} }),
  };
  return {
    description,
    ...headersOf(headers),
    ...(Object.keys(content).length === 0 ? {} : { content }),
  };
}

export function byStatus(responses: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(responses).sort(([one], [other]) => (one < other ? -1 : 1)));
}

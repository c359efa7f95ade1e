// Whether an answer is one that the API description (docs/openapi.json) declares: status, type, body, headers. What it has against
// an answer is told in sentences.

import { dereference, type Schema, validate } from "@cfworker/json-schema";

interface Media {
  schema?: Schema;
}
interface Answer {
  headers?: Record<string, unknown>;
  content?: Record<string, Media>;
}
interface Operation {
  operationId: string;
  responses: Record<string, Answer | { $ref: string }>;
}
export interface Description {
  paths: Record<string, Record<string, Operation | { name: string; "x-contains-slashes"?: boolean }[]>>;
  components: { schemas: Record<string, Schema>; responses: Record<string, Answer>; headers: Record<string, unknown> };
}

/** What is wrong with the answer to a call; empty: it is as described. */
export type Check = (call: { method: string; url: string }, response: Response) => Promise<string[]>;

const BASE = new URL("https://described.test/");
const SHOWN = 5;
/** Keywords that say only that something below them is wrong. */
const FRAMES = new Set(["properties", "items", "$ref", "allOf", "anyOf", "oneOf", "additionalProperties"]);

interface Entry {
  pattern: RegExp;
  /** Characters of the template that are no parameter: of two that fit a path, the one with more of them is meant. */
  literal: number;
  operation: Operation;
}

/** The operation that a call is for; undefined where no path is described so. */
export type Finder = (method: string, url: string) => Operation | undefined;

export function operationsOf(description: Description): Finder {
  const entries = entriesOf(description);
  return (method, url) => {
    const path = new URL(url, BASE).pathname.replace(/\/{2,}/g, "/").replace(/(?<=.)\/$/, "");
    return entries.get(method === "HEAD" ? "GET" : method)?.find(({ pattern }) => pattern.test(path))?.operation;
  };
}

export function describedBy(description: Description): Check {
  const find = operationsOf(description);
  const { schemas, responses, headers } = description.components;
  const lookup = dereference({ components: { schemas } } as Schema, Object.create(null), BASE);
  const known = Object.keys(headers);

  const schemaFaults = (schema: Schema, value: unknown): string[] => {
    if (!("__absolute_uri__" in schema)) dereference(schema, lookup, BASE, `/${Object.keys(lookup).length}`);
    if (validate(value, schema, "2020-12", lookup).valid) return [];
    const { errors } = validate(value, schema, "2020-12", lookup, false);
    const leaves = errors.filter(({ keyword }) => !FRAMES.has(keyword));
    return (leaves.length > 0 ? leaves : errors)
      .slice(0, SHOWN)
      .map(({ instanceLocation, error }) => `${instanceLocation}: ${error}`);
  };

  const bodyFaults = async (content: Answer["content"], response: Response): Promise<string[]> => {
    const type = typeOf(response);
    if (content === undefined) return type === null ? [] : [`has a body of ${type}, and none is declared`];
    const media = content[type ?? ""] ?? content["*/*"];
    if (media === undefined) return [`is of ${type}, declared is ${Object.keys(content).join(" or ")}`];
    if (media.schema === undefined || saysNothing(media.schema)) return [];
    const text = await response.clone().text();
    return schemaFaults(media.schema, content["*/*"] === undefined ? JSON.parse(text) : jsonOrText(text));
  };

  return async ({ method, url }, response) => {
    const { status } = response;
    const path = new URL(url).pathname.replace(/(?<=.)\/$/, "");
    // The console's page and its scripts are assets, not the API.
    if (path.startsWith("/console")) return [];
    // A WebSocket, which the description has no words for.
    if (status === 101) return [];
    if (method === "OPTIONS") return status === 204 ? [] : [`a preflight is answered ${status}`];
    const isHead = method === "HEAD";
    const operation = find(method, url);
    const declared = operation?.responses ?? undeclaredAt(path);
    const found = declared[status] ?? declared[`${String(status).charAt(0)}XX`];
    if (found === undefined)
      return [operation === undefined ? "is no answer of a path that nobody has" : "is not declared"];
    const answer = "$ref" in found ? responses[found.$ref.replace(/^.*\//, "")] : found;
    const undeclaredHeaders =
      operation === undefined ? [] : known.filter((name) => response.headers.has(name) && !answer?.headers?.[name]);
    const faults = isHead ? [] : await bodyFaults(answer?.content, response);
    return [...faults, ...undeclaredHeaders.map((name) => `has the header ${name}, which is not declared`)];
  };
}

/** What may be of any type need not be JSON, whatever its type says: a model's own text is passed on. */
function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function entriesOf({ paths }: Description): Map<string, Entry[]> {
  const entries = new Map<string, Entry[]>();
  for (const [template, { parameters = [], ...operations }] of Object.entries(paths)) {
    const slashed = (Array.isArray(parameters) ? parameters : []).filter((each) => each["x-contains-slashes"]);
    const pattern = patternOf(template, new Set(slashed.map(({ name }) => name)));
    const literal = template.replaceAll(/\{[^}]*\}/g, "").length;
    for (const [method, operation] of Object.entries(operations)) {
      const of = method.toUpperCase();
      entries.set(of, [...(entries.get(of) ?? []), { pattern, literal, operation: operation as Operation }]);
    }
  }
  for (const each of entries.values()) each.sort((one, other) => other.literal - one.literal);
  return entries;
}

function patternOf(template: string, slashed: ReadonlySet<string>): RegExp {
  const source = template
    .split(/(\{[^}]*\})/)
    .map((part) =>
      part.startsWith("{") ? (slashed.has(part.slice(1, -1)) ? ".+" : "[^/]+") : part.replaceAll(/[.+]/g, "\\$&"),
    );
  return new RegExp(`^${source.join("")}$`);
}

/** What a path that no operation has may answer: there is no such path, or not by this method; and what comes before any route. */
function undeclaredAt(path: string): Operation["responses"] {
  if (path.startsWith("/hooks/")) return { 404: json("application/json", "CallbackAnswer"), ...BEFORE_ROUTES };
  if (/^\/(fal|maton)(\/|$)/.test(path)) {
    const refused = (code: string) => json("application/json", "FalError", { error_type: { const: code } });
    const unknownApp = path.startsWith("/maton") ? { 400: refused("invalid_request") } : {};
    return { 404: refused("not_found"), 405: refused("invalid_request"), 503: refused("misconfigured"), ...unknownApp };
  }
  if (path.startsWith("/uploads/")) {
    const plain = (code: string) => json("application/json", "Problem", { code: { const: code } });
    return {
      404: plain("not_found"),
      405: plain("invalid_request"),
      503: plain("misconfigured"),
      508: plain("forbidden"),
    };
  }
  return { 404: problem("not_found"), 405: problem("invalid_request"), ...BEFORE_ROUTES };
}

const BEFORE_ROUTES = { 503: problem("misconfigured"), 508: problem("forbidden") };

function problem(code: string): Answer {
  return json("application/problem+json", "Problem", { code: { const: code } });
}

function json(type: string, name: string, properties: Schema["properties"] = {}): Answer {
  return { content: { [type]: { schema: { $ref: `#/components/schemas/${name}`, properties } } } };
}

function typeOf(response: Response): string | null {
  return response.headers.get("Content-Type")?.split(";")[0]?.trim().toLowerCase() ?? null;
}

/** Whether every value fits: then a body need not be read, however large it is. */
function saysNothing({ description: _, ...rest }: Schema): boolean {
  return Object.keys(rest).length === 0;
}

// Puts the recorded calls (docs/api-examples.json) into the document: bodies as `examples`, and what the first call of each operation sent as
// `example` of its parameters. A call that no operation describes is an error, so that none is left from earlier.

import type { JsonObject } from "./schemas.ts";

/** As test/harness/recorder.ts writes it. */
export interface Recorded {
  name: string;
  request: { method: string; path: string; headers?: Record<string, string>; body?: unknown };
  response?: { status: number; type: string | null; body?: unknown };
}
export type RecordedCalls = Readonly<Record<string, readonly Recorded[]>>;

interface Media {
  examples?: Record<string, { summary: string; value: unknown }>;
}
interface Answer {
  $ref?: string;
  content?: Record<string, Media>;
}
interface Parameter {
  name: string;
  in: string;
  schema?: { type?: unknown };
  example?: unknown;
}
interface Operation {
  operationId: string;
  parameters?: Parameter[];
  requestBody?: { content: Record<string, Media> };
  responses: Record<string, Answer>;
}
type PathItem = { parameters?: Parameter[] } & Record<string, Operation | Parameter[]>;
interface Document {
  paths: JsonObject;
  webhooks: JsonObject;
  components: { responses: JsonObject };
}

const JSON_TYPE = "application/json";

/** The document, which is changed in place. */
export function withExamples<D extends Document>(document: D, calls: RecordedCalls): D {
  const left = new Map(Object.entries(calls));
  const items = [...Object.entries(document.paths), ...Object.entries(document.webhooks)] as [string, PathItem][];
  for (const [path, { parameters: shared = [], ...operations }] of items) {
    for (const operation of Object.values(operations) as Operation[]) {
      const recorded = left.get(operation.operationId) ?? [];
      left.delete(operation.operationId);
      const first = recorded[0];
      if (first !== undefined) fillParameters(path, [...shared, ...(operation.parameters ?? [])], first);
      for (const call of recorded) fillBodies(document, operation, call);
    }
  }
  if (left.size > 0)
    throw new Error(`docs/api-examples.json has calls of no operation: ${[...left.keys()].join(", ")}`);
  return document;
}

function fillBodies({ components }: Document, operation: Operation, { name, request, response }: Recorded): void {
  if (request.body !== undefined) addTo(operation.requestBody?.content?.[JSON_TYPE], name, request.body);
  if (response?.body === undefined || response.type === null) return;
  const declared = operation.responses[response.status];
  const shared = declared?.$ref?.replace(/^.*\//, "");
  const answer = shared === undefined ? declared : (components.responses[shared] as Answer);
  addTo(answer?.content?.[response.type], name, response.body);
}

function addTo(media: Media | undefined, name: string, value: unknown): void {
  if (media === undefined) return;
  media.examples ??= {};
  media.examples[name.replaceAll(" ", "-")] ??= { summary: name.charAt(0).toUpperCase() + name.slice(1), value };
}

function fillParameters(template: string, parameters: readonly Parameter[], { request }: Recorded): void {
  const [path = "", query = ""] = request.path.split("?");
  const inPath = valuesIn(template, path);
  const inQuery = new URLSearchParams(query);
  const headers = new Headers(request.headers);
  for (const each of parameters) {
    const sent = each.in === "path" ? inPath[each.name] : (each.in === "query" ? inQuery : headers).get(each.name);
    if (sent !== undefined && sent !== null) each.example ??= each.schema?.type === "integer" ? Number(sent) : sent;
  }
}

/** The values of a template's parameters in a path: `/v1/keys/{id}` in `/v1/keys/key_1` has the `id` `key_1`. */
function valuesIn(template: string, path: string): Record<string, string> {
  const source = template.replaceAll(/[.+]/g, "\\$&").replaceAll(/\{([^}]*)\}/g, "(?<$1>.+)");
  return new RegExp(`^${source}$`).exec(path)?.groups ?? {};
}

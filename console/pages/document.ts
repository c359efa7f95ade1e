// The API description as the pages need it: groups of operations with their fields, errors, answers and recorded examples.

/** JSON Schema, as far as the description uses it. */
export interface Schema {
  $ref?: string;
  type?: string | string[];
  const?: unknown;
  enum?: unknown[];
  description?: string;
  default?: unknown;
  example?: unknown;
  format?: string;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  additionalProperties?: Schema | boolean;
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
}

export interface Example {
  summary: string;
  value: unknown;
}
interface Media {
  schema?: Schema;
  examples?: Record<string, Example>;
}
export interface Parameter {
  name: string;
  in: "path" | "query" | "header";
  required?: boolean;
  description?: string;
  schema: Schema;
  example?: unknown;
}
interface Answer {
  $ref?: string;
  description?: string;
  headers?: Record<string, unknown>;
  content?: Record<string, Media>;
}
interface Operation {
  operationId: string;
  summary: string;
  description?: string;
  tags: string[];
  security?: Record<string, string[]>[];
  parameters?: Parameter[];
  requestBody?: { required?: boolean; content: Record<string, Media> };
  responses: Record<string, Answer>;
}
type PathItem = { parameters?: Parameter[] } & Record<string, Operation | Parameter[]>;

export interface ErrorCode {
  code: string;
  status: number;
  title: string;
  retryable: boolean;
  advice: string;
}
interface Written {
  info: { title: string; version: string; description: string };
  tags: { name: string; "x-displayName": string; description: string }[];
  paths: Record<string, PathItem>;
  webhooks: Record<string, PathItem>;
  components: {
    schemas: Record<string, Schema & { "x-codes"?: Record<string, Omit<ErrorCode, "code">> }>;
    responses: Record<string, Answer>;
    headers: Record<string, { description: string }>;
  };
}

/** One answer that is no error. */
export interface Outcome {
  status: string;
  description: string;
  headers: string[];
  type?: string;
  schema?: Schema;
  examples: Example[];
}
export interface Call {
  /** Anchor on the page: `post-v1-requests`. */
  anchor: string;
  method: string;
  path: string;
  summary: string;
  description?: string;
  access: string;
  /** Name of the environment variable that holds the credential; null: none is needed. */
  credential: "SLUICE_KEY" | "ADMIN_TOKEN" | null;
  parameters: Parameter[];
  body?: { type: string; required: boolean; schema?: Schema; examples: Example[] };
  outcomes: Outcome[];
  errors: { status: string; codes: string[] }[];
}
export interface Group {
  anchor: string;
  title: string;
  description: string;
  calls: Call[];
}
export interface NamedSchema {
  name: string;
  schema: Schema;
}
export interface Reference {
  about: Written["info"];
  groups: Group[];
  objects: NamedSchema[];
  events: { anchor: string; name: string; summary: string; schema: Schema; examples: Example[] }[];
  headers: { name: string; description: string }[];
  errors: ErrorCode[];
  schemas: Readonly<Record<string, Schema>>;
  /** A recorded refusal, of a limit that is used up. */
  problem: unknown;
}

/** In which order the calls of one path stand. */
const METHODS = ["post", "get", "put", "patch", "delete"];

export function readReference(text: string): Reference {
  const document = JSON.parse(text) as Written;
  const { schemas, headers } = document.components;
  const paths = Object.entries(document.paths).sort(([one], [other]) => (placeOf(one) < placeOf(other) ? -1 : 1));
  const calls = paths.flatMap(([path, item]) => callsOf(document, path, item));
  const groups = document.tags.map((tag) => ({
    anchor: `group-${tag.name}`,
    title: tag["x-displayName"],
    description: tag.description,
    calls: calls.filter(({ tag: own }) => own === tag.name).map(({ call }) => call),
  }));
  return {
    about: document.info,
    groups,
    objects: Object.entries(schemas).map(([name, schema]) => ({ name, schema })),
    events: Object.entries(document.webhooks).map(([name, item]) => eventOf(name, item)),
    headers: Object.entries(headers).map(([name, { description }]) => ({ name, description })),
    errors: Object.entries(schemas.ErrorCode?.["x-codes"] ?? {}).map(([code, rest]) => ({ code, ...rest })),
    schemas,
    problem: problemIn(document),
  };
}

function problemIn({ components }: Written): unknown {
  const name = Object.keys(components.responses).find((each) => each.startsWith("sluice.402."));
  const [media] = Object.values(components.responses[name ?? ""]?.content ?? {});
  const [example] = Object.values(media?.examples ?? {});
  if (example === undefined) throw new Error("no refusal of a limit was recorded");
  return example.value;
}

/** What is about one object stands before what is about many: `{id}` before words. */
function placeOf(path: string): string {
  return path.replaceAll("{", " ");
}

export function anchorOf(method: string, path: string): string {
  return `${method} ${path}`
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-|-$/g, "");
}

function callsOf(document: Written, path: string, item: PathItem): { tag: string; call: Call }[] {
  return METHODS.flatMap((method) => {
    const operation = item[method] as Operation | undefined;
    if (operation === undefined) return [];
    return [{ tag: operation.tags[0] ?? "", call: callOf(document, method, path, operation, item.parameters ?? []) }];
  });
}

function callOf(document: Written, method: string, path: string, operation: Operation, shared: Parameter[]): Call {
  const { summary, description, requestBody, responses } = operation;
  const entries = Object.entries(responses).map(([status, answer]) => [status, resolved(document, answer)] as const);
  return {
    anchor: anchorOf(method, path),
    method: method.toUpperCase(),
    path,
    summary,
    ...(description === undefined ? {} : { description }),
    ...accessOf(operation),
    parameters: [...shared, ...(operation.parameters ?? [])],
    ...(requestBody === undefined ? {} : { body: bodyOf(requestBody) }),
    outcomes: entries.filter(([status]) => /^[23]/.test(status)).map(([status, answer]) => outcomeOf(status, answer)),
    errors: entries
      .filter(([status]) => !/^[23]/.test(status))
      .map(([status, { description: said = "" }]) => {
        return { status, codes: [...said.matchAll(/`([a-z_]+)`:/g)].map(([, code = ""]) => code) };
      }),
  };
}

function accessOf({ security = [] }: Operation): Pick<Call, "access" | "credential"> {
  const [first] = security;
  if (first === undefined) return { access: "No key", credential: null };
  if ("operator" in first) return { access: "Operator: `ADMIN_TOKEN`", credential: "ADMIN_TOKEN" };
  const scope = first.key?.[0];
  const key = scope === undefined ? "Any key or token" : `Key or token with scope \`${scope}\``;
  const publishable = security.some((each) => "publishable" in each) ? ", or a publishable key" : "";
  return { access: `${key}${publishable}`, credential: "SLUICE_KEY" };
}

function bodyOf({ required = false, content }: NonNullable<Operation["requestBody"]>): NonNullable<Call["body"]> {
  const [[type, { schema, examples = {} }] = ["", {} as Media]] = Object.entries(content);
  return { type, required, ...(schema === undefined ? {} : { schema }), examples: Object.values(examples) };
}

function outcomeOf(status: string, { description = "", headers = {}, content = {} }: Answer): Outcome {
  const medias = Object.entries(content);
  const [type, media] = medias[0] ?? [];
  return {
    status,
    description,
    headers: Object.keys(headers),
    ...(type === undefined ? {} : { type }),
    ...(media?.schema === undefined ? {} : { schema: media.schema }),
    examples: medias.flatMap(([, { examples = {} }]) => Object.values(examples)),
  };
}

function resolved({ components }: Written, answer: Answer): Answer {
  if (answer.$ref === undefined) return answer;
  return components.responses[answer.$ref.replace(/^.*\//, "")] ?? {};
}

function eventOf(name: string, item: PathItem): Reference["events"][number] {
  const { summary, requestBody } = item.post as Operation;
  const media = requestBody?.content["application/json"];
  return {
    anchor: `event-${name.replaceAll(/[._]/g, "-")}`,
    name,
    summary,
    schema: media?.schema ?? {},
    examples: Object.values(media?.examples ?? {}),
  };
}

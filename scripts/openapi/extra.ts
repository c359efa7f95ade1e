// Paths that are no declared routes, because what they take or answer is bytes: stored files, uploads, and where fal calls back.

import type { DeclaredError } from "../../src/http/route.ts";
import { type ErrorRegistry, EVERYWHERE } from "./errors.ts";
import { headersOf } from "./headers.ts";
import { byStatus, CONTAINS_SLASHES, operationId, tagOf, withHead } from "./operation.ts";
import { type JsonObject, schemaRef } from "./schemas.ts";

interface Extra {
  method: "get" | "put" | "post";
  path: string;
  summary: string;
  description?: string;
  parameters: JsonObject[];
  requestBody?: JsonObject;
  answers: Record<string, JsonObject>;
  errors: readonly DeclaredError[];
}

const text = { type: "string" };
const bytes = { "*/*": {} };

const fileParameters = [
  {
    ...{ name: "path", in: "path", required: true, schema: text, [CONTAINS_SLASHES]: true },
    description:
      "The rest of the URL as an answer gave it. It holds a mark that nobody can guess: the URL is the permission.",
  },
  { name: "download", in: "query", description: "Save it instead of showing it, under this name.", schema: text },
  ...["Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since"].map((name) => {
    return { name, in: "header", schema: text };
  }),
];

function fileAnswers(): Record<string, JsonObject> {
  const headers = headersOf(["Content-Disposition", "ETag"]);
  return {
    200: { description: "The file under its own type.", ...headers, content: bytes },
    206: { description: "The part that `Range` asks for.", ...headers, content: bytes },
    304: { description: "It is as the condition says.", ...headersOf(["ETag"]) },
    412: { description: "It is not as `If-Match` says.", ...headersOf(["ETag"]) },
    416: { description: "The file has no such part.", ...headersOf(["Content-Disposition", "ETag"]), content: bytes },
  };
}

const uploadParameters = [
  { name: "team", in: "path", required: true, schema: text },
  {
    ...{ name: "upload", in: "path", required: true, schema: text },
    description: "As `upload_url` has it, with the mark that is the permission.",
  },
];

const stored = {
  description: "The file is stored.",
  ...headersOf(["ETag"]),
  content: { "application/json": { schema: schemaRef("UploadedFile") } },
};
const UPLOAD_ERRORS = [
  ...(["invalid_request", "not_found", "conflict", "gone", "payload_too_large", "unsupported_media_type"] as const),
  ...(["forbidden", "quota_exceeded", "rate_limited", "storage_failed"] as const),
];
const LENGTH_REQUIRED: DeclaredError = { code: "invalid_request", status: 411 };

const send = {
  path: "/uploads/{team}/{upload}",
  description: "`upload_url` of POST /v1/uploads, used as it is. It needs no key and works from any page.",
  parameters: uploadParameters,
  requestBody: { required: true, content: bytes },
  answers: { 200: stored },
  errors: UPLOAD_ERRORS,
};

const heard = { "application/json": { schema: schemaRef("CallbackAnswer") } };

const EXTRAS: readonly Extra[] = [
  {
    ...{ method: "get", path: "/files/{path}", summary: "A stored file of a request" },
    description: "The URLs are in a request's `files` and `output`, and in shares. No key is needed.",
    ...{ parameters: fileParameters, answers: fileAnswers(), errors: ["not_found", "gone"] },
  },
  {
    ...{ method: "get", path: "/inputs/{path}", summary: "An uploaded file, for the model that reads it" },
    description: "`file_url` of an upload. No key is needed.",
    ...{ parameters: fileParameters, answers: fileAnswers(), errors: ["not_found", "gone"] },
  },
  { ...send, method: "put", summary: "Send the bytes of an upload" },
  {
    ...{ ...send, method: "post", summary: "Send the bytes of an upload, as they are or as the one file of a form" },
  },
  {
    ...{ method: "put", path: "/uploads/{team}/{upload}/{n}", summary: "Send one part of an upload" },
    description: "`upload_url` and the part's number. Every part but the last has the same size.",
    parameters: [
      ...uploadParameters,
      { name: "n", in: "path", required: true, description: "From 1.", schema: { type: "integer", minimum: 0 } },
    ],
    requestBody: { required: true, content: bytes },
    answers: {
      200: {
        description: "The part is stored.",
        ...headersOf(["ETag"]),
        content: { "application/json": { schema: schemaRef("UploadedPart") } },
      },
    },
    errors: [...UPLOAD_ERRORS, LENGTH_REQUIRED],
  },
  {
    ...{ method: "post", path: "/uploads/{team}/{upload}/complete", summary: "Join the parts of an upload" },
    description: "Without a body all parts that were sent are joined.",
    parameters: uploadParameters,
    requestBody: { content: { "application/json": { schema: schemaRef("UploadedParts") } } },
    answers: { 200: stored },
    errors: UPLOAD_ERRORS,
  },
  {
    ...{ method: "post", path: "/hooks/fal/{request}/{token}", summary: "Where fal reports the end of a run" },
    description: "For fal alone: signed by fal's keys. The token is in the URL that fal was given.",
    parameters: ["request", "token"].map((name) => ({ name, in: "path", required: true, schema: text })),
    requestBody: { required: true, content: { "application/json": {} } },
    answers: {
      200: { description: "It was heard, or noted and is looked into.", content: heard },
      400: { description: "The body could not be read.", content: heard },
      401: { description: "The signature does not fit.", content: heard },
      404: { description: "There is no such request, or the token is not its own.", content: heard },
      503: {
        description: "fal's keys cannot be read just now; or `misconfigured`.",
        content: { ...heard, "application/problem+json": { schema: schemaRef("Problem") } },
      },
    },
    errors: ["internal"],
  },
];

/** The operations of these paths. */
export function extraPaths(errors: ErrorRegistry): JsonObject {
  const byPath = Map.groupBy(EXTRAS, ({ path }) => path);
  return Object.fromEntries(
    [...byPath].map(([path, extras]) => {
      const operations = extras.map((extra) => [extra.method, operationOf(extra, errors)] as const);
      const parameters = (extras[0]?.parameters ?? []).filter((parameter) => parameter.in === "path");
      return [path, withHead(path, { parameters, ...Object.fromEntries(operations) })];
    }),
  );
}

function operationOf(
  { method, path, summary, description, parameters, requestBody, answers, errors: own }: Extra,
  errors: ErrorRegistry,
) {
  const ownParameters = parameters.filter((parameter) => parameter.in !== "path");
  const everywhere = tagOf(path) === "hooks" ? [] : EVERYWHERE;
  return {
    operationId: operationId(method, path),
    summary,
    ...(description === undefined ? {} : { description }),
    tags: [tagOf(path)],
    security: [],
    ...(ownParameters.length === 0 ? {} : { parameters: ownParameters }),
    ...(requestBody === undefined ? {} : { requestBody }),
    responses: byStatus({ ...Object.fromEntries(errors.responses([...everywhere, ...own], "sluice")), ...answers }),
  };
}

/** The schemas that these operations refer to. */
export function extraSchemas(): JsonObject {
  return {
    CallbackAnswer: { type: "object", properties: { message: text }, required: ["message"] },
    UploadedFile: {
      type: "object",
      properties: {
        id: text,
        file_url: { type: "string", description: "For a model's input." },
        content_type: { type: ["string", "null"], description: "What the bytes say that the file is." },
        size: { type: ["integer", "null"], description: "Bytes." },
        sha256: { type: ["string", "null"], description: "Null for a file that came in parts." },
        expires_at: { type: "string", format: "date-time" },
      },
      required: ["id", "file_url", "content_type", "size", "sha256", "expires_at"],
    },
    UploadedPart: {
      type: "object",
      properties: { partNumber: { type: "integer" }, etag: text },
      required: ["partNumber", "etag"],
    },
    UploadedParts: {
      type: "object",
      properties: {
        parts: {
          type: "array",
          description: "In ascending order. S3's names (`PartNumber`, `ETag`) are taken too.",
          items: { type: "object", properties: { partNumber: { type: "integer", minimum: 1 }, etag: text } },
        },
      },
      required: ["parts"],
    },
  };
}

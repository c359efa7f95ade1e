// Paths that are not declared routes, because their bodies are bytes: stored files, uploads, and fal's webhooks.

import { LIMIT_ERRORS } from "../../src/http/limit-headers.ts";
import type { DeclaredError } from "../../src/http/route.ts";
import { BODY_TOO_SLOW, type ErrorRegistry, EVERYWHERE, surfaceOf } from "./errors.ts";
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
    name: "path",
    in: "path",
    required: true,
    schema: text,
    [CONTAINS_SLASHES]: true,
    description: "The rest of the URL, unchanged. It contains an unguessable token, so the URL itself grants access.",
  },
  {
    name: "download",
    in: "query",
    description: "Download the file under this name instead of displaying it.",
    schema: text,
  },
  ...["Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"].map((name) => {
    return { name, in: "header", schema: text };
  }),
];

function fileAnswers(): Record<string, JsonObject> {
  const shown = ["Accept-Ranges", "Content-Disposition", "ETag"] as const;
  const headers = headersOf(shown);
  return {
    200: { description: "The file.", ...headers, content: bytes },
    206: {
      description: "The part that `Range` requests.",
      ...headersOf([...shown, "Content-Range"]),
      content: bytes,
    },
    304: { description: "Not modified.", ...headers },
    412: { description: "The file does not match `If-Match`, or is newer than `If-Unmodified-Since`.", ...headers },
    416: {
      description: "The range is not satisfiable.",
      ...headersOf([...shown, "Content-Range"]),
      content: bytes,
    },
  };
}

const uploadParameters = [
  { name: "team", in: "path", required: true, schema: text },
  {
    name: "upload",
    in: "path",
    required: true,
    schema: text,
    description: "From `upload_url`, with the token that grants access.",
  },
];

const stored = {
  description: "The file is stored.",
  ...headersOf(["ETag"]),
  content: { "application/json": { schema: schemaRef("UploadedFile") } },
};
const UPLOAD_ERRORS: readonly DeclaredError[] = [
  BODY_TOO_SLOW,
  "invalid_request",
  "not_found",
  "conflict",
  "gone",
  "payload_too_large",
  "unsupported_media_type",
  "unsupported_encoding",
  "forbidden",
  ...LIMIT_ERRORS,
  "storage_failed",
];
const LENGTH_REQUIRED: DeclaredError = { code: "invalid_request", status: 411 };

const send = {
  path: "/uploads/{team}/{upload}",
  description: "`upload_url` of POST /v1/uploads, unchanged. It needs no key and works from any page.",
  parameters: uploadParameters,
  requestBody: { required: true, content: bytes },
  answers: { 200: stored },
  errors: UPLOAD_ERRORS,
};

const callbackHeaders = headersOf();
const callbackContent = { "application/json": { schema: schemaRef("CallbackAnswer") } };

const EXTRAS: readonly Extra[] = [
  {
    method: "get",
    path: "/files/{path}",
    summary: "Download a stored file",
    description: "URLs are in a request's `files` and `output`, and in shares. No key is needed.",
    parameters: fileParameters,
    answers: fileAnswers(),
    errors: ["not_found", "gone"],
  },
  {
    method: "get",
    path: "/inputs/{path}",
    summary: "Download an uploaded file",
    description: "`file_url` of an upload. No key is needed.",
    parameters: fileParameters,
    answers: fileAnswers(),
    errors: ["not_found", "gone", "rate_limited"],
  },
  { ...send, method: "put", summary: "Upload a file" },
  {
    ...send,
    method: "post",
    summary: "Upload a file, as raw bytes or as the only file of a form",
  },
  {
    method: "put",
    path: "/uploads/{team}/{upload}/{n}",
    summary: "Upload a part",
    description: "`upload_url` followed by the part number. All parts but the last must have the same size.",
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
    method: "post",
    path: "/uploads/{team}/{upload}/complete",
    summary: "Complete an upload in parts",
    description: "Without a body, all uploaded parts are used.",
    parameters: uploadParameters,
    requestBody: { content: { "application/json": { schema: schemaRef("UploadedParts") } } },
    answers: { 200: stored },
    errors: UPLOAD_ERRORS,
  },
  {
    method: "post",
    path: "/hooks/fal/{request}/{token}",
    summary: "Receive a webhook of fal",
    description: "Called by fal only, and signed with fal's keys. The token is in the URL that was given to fal.",
    parameters: ["request", "token"].map((name) => ({ name, in: "path", required: true, schema: text })),
    requestBody: { required: true, content: { "application/json": {} } },
    answers: {
      200: {
        description: "The webhook was recorded, or the result is polled for.",
        ...callbackHeaders,
        content: callbackContent,
      },
      400: { description: "The body could not be read.", ...callbackHeaders, content: callbackContent },
      401: { description: "Invalid signature.", ...callbackHeaders, content: callbackContent },
      404: { description: "No request found, or an invalid token.", ...callbackHeaders, content: callbackContent },
      503: {
        description: "fal's keys could not be fetched, or `misconfigured`.",
        ...headersOf(["Retry-After"]),
        content: { ...callbackContent, "application/problem+json": { schema: schemaRef("Problem") } },
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
    responses: byStatus({
      ...Object.fromEntries(errors.responses([...everywhere, ...own], surfaceOf(path))),
      ...answers,
    }),
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
        file_url: { type: "string", description: "URL for a model's input." },
        content_type: { type: ["string", "null"], description: "Content type detected from the bytes." },
        size: { type: ["integer", "null"], description: "Size in bytes." },
        sha256: { type: ["string", "null"], description: "Null for a file sent in parts." },
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
          description: "In ascending order. S3's names (`PartNumber`, `ETag`) are accepted too.",
          items: { type: "object", properties: { partNumber: { type: "integer", minimum: 1 }, etag: text } },
        },
      },
      required: ["parts"],
    },
  };
}

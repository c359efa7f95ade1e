// The check of answers against the API description: what it takes, and what it tells of an answer that is not described.

import { expect, test } from "vitest";
import { type Description, describedBy } from "../../harness/described.ts";

const description: Description = {
  paths: {
    "/things/{id}": {
      parameters: [{ name: "id", "x-contains-slashes": true }],
      get: {
        operationId: "x",
        responses: {
          200: {
            headers: { ETag: {} },
            content: { "application/json": { schema: { $ref: "#/components/schemas/Thing" } }, "text/csv": {} },
          },
          304: { headers: { ETag: {} } },
          404: { $ref: "#/components/responses/not_found" },
          "5XX": { content: { "application/json": {} } },
        },
      },
    },
    "/things/{id}/parts/{n}": {
      get: { operationId: "y", responses: { 204: {} } },
    },
  },
  components: {
    schemas: {
      Thing: {
        type: "object",
        properties: { id: { type: "string" }, n: { type: "integer" }, of: { $ref: "#/components/schemas/Thing" } },
        required: ["id"],
      },
      Problem: { type: "object", properties: { code: { type: "string" } }, required: ["code"] },
      FalError: { type: "object" },
      CallbackAnswer: { type: "object" },
    },
    responses: {
      not_found: {
        content: {
          "application/problem+json": {
            schema: {
              allOf: [{ $ref: "#/components/schemas/Problem" }],
              properties: { code: { enum: ["not_found"] } },
            },
          },
        },
      },
    },
    headers: { ETag: {}, Location: {} },
  },
};
const check = describedBy(description);

function faults(
  method: string,
  path: string,
  status: number,
  body: string | null,
  headers: Record<string, string> = {},
) {
  return check({ method, url: `https://sluice.test${path}` }, new Response(body, { status, headers }));
}

const JSON_TYPE = { "Content-Type": "application/json; charset=utf-8" };
const PROBLEM = { "Content-Type": "application/problem+json" };

test.each<[string, Parameters<typeof faults>]>([
  ["a body that fits", ["GET", "/things/a", 200, '{"id":"a","n":1}', JSON_TYPE]],
  ["a number that no double holds", ["GET", "/things/a", 200, '{"id":"a","n":9007199254740993123}', JSON_TYPE]],
  ["another declared type", ["GET", "/things/a", 200, "a,b", { "Content-Type": "text/csv" }]],
  ["a declared header", ["GET", "/things/a/", 304, null, { ETag: '"1"' }]],
  ["slashes in a parameter that may hold them", ["GET", "/things/a/b/c", 404, '{"code":"not_found"}', PROBLEM]],
  ["the longer of two paths that fit", ["GET", "/things/a/parts/1", 204, null]],
  ["HEAD as GET, without its body", ["HEAD", "/things/a", 200, null, JSON_TYPE]],
  ["a range of statuses", ["GET", "/things/a", 502, "{}", JSON_TYPE]],
  ["a path that nobody has", ["GET", "/nothing", 404, '{"code":"not_found"}', PROBLEM]],
  ["a method that the path does not take", ["PUT", "/things/a", 405, '{"code":"invalid_request"}', PROBLEM]],
  ["a preflight", ["OPTIONS", "/anything", 204, null]],
])("%s is as described", async (_, call) => {
  expect(await faults(...call)).toEqual([]);
});

test.each<[string, Parameters<typeof faults>, string]>([
  ["a status", ["GET", "/things/a", 201, null], "is not declared"],
  ["a type", ["GET", "/things/a", 200, "x", { "Content-Type": "text/html" }], "is of text/html, declared is"],
  ["a body where none is declared", ["GET", "/things/a", 304, null, JSON_TYPE], "has a body of application/json"],
  ["a missing field", ["GET", "/things/a", 200, "{}", JSON_TYPE], 'required property "id"'],
  ["a wrong field", ["GET", "/things/a", 200, '{"id":"a","of":{"id":7}}', JSON_TYPE], "#/of/id: Instance type"],
  ["a code", ["GET", "/things/a", 404, '{"code":"gone"}', PROBLEM], "#/code: Instance does not match any of"],
  ["a header", ["GET", "/things/a", 304, null, { Location: "/x" }], "has the header Location"],
  ["a good answer of a path that nobody has", ["GET", "/nothing", 200, "{}", JSON_TYPE], "of a path that nobody has"],
  ["another code there", ["GET", "/nothing", 404, '{"code":"gone"}', PROBLEM], "#/code: Instance does not match"],
  ["a refused preflight", ["OPTIONS", "/things/a", 404, null], "a preflight is answered 404"],
])("%s that is not described is told", async (_, call, fault) => {
  expect(await faults(...call)).toEqual([expect.stringContaining(fault)]);
});

test("the body can still be read", async () => {
  const response = new Response('{"id":"a"}', { headers: JSON_TYPE });
  await check({ method: "GET", url: "https://sluice.test/things/a" }, response);
  expect(await response.json()).toEqual({ id: "a" });
});

// Bodies and headers as programs send them: encodings, compression and characters, on every surface that takes JSON.

import { deflateSync, gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { REQUEST_BODY_MAX_BYTES } from "../../../src/http/json-body.ts";
import { ask, call, json } from "../../harness/calls.ts";
import { Team } from "../../harness/team.ts";

const MODEL = "fal-ai/flux/schnell";
const SURFACES = [
  ["/v1/requests", (prompt: string) => `{"model":"${MODEL}","input":{"prompt":"${prompt}"}}`],
  [`/fal/queue/${MODEL}`, (prompt: string) => `{"prompt":"${prompt}"}`],
  [`/maton/fal-ai/${MODEL}`, (prompt: string) => `{"prompt":"${prompt}"}`],
] as const;

const latin1 = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));

async function post(team: Team, path: string, body: Uint8Array, headers: Record<string, string>) {
  const answer = await call("POST", path, {
    key: team.key,
    body,
    headers: { "Content-Type": "application/json", ...headers },
  });
  const text = await json(answer);
  return { status: answer.status, code: text.code ?? text.error_type, message: String(text.message ?? "") };
}

describe.each(SURFACES)("a body on %s", (path, bodyOf) => {
  test("that is not UTF-8 is refused by name, and decoded where it names itself", async () => {
    const team = await Team.create();
    const body = latin1(bodyOf("Perch\xe9"));
    expect(await post(team, path, body, {})).toMatchObject({
      ...{ status: 400, code: "invalid_request" },
      message: expect.stringContaining("is not valid UTF-8"),
    });
    const named = await post(team, path, body, { "Content-Type": "application/json; charset=iso-8859-1" });
    expect(named.status).toBeLessThan(300);
    const [only] = (await ask<{ data: { id: string }[] }>("GET", "/v1/requests", { key: team.key })).body.data;
    expect(only).toBeDefined();
  });

  test.each([
    ["gzip", gzipSync],
    ["deflate", deflateSync],
  ] as const)("may be %s", async (coding, compress) => {
    const team = await Team.create();
    const sent = await post(team, path, compress(bodyOf("a cat")), { "Content-Encoding": coding });
    expect(sent.status).toBeLessThan(300);
  });

  test.each([
    ["br", latin1("{}"), 415, "unsupported_encoding", /Content-Encoding/],
    ["gzip", latin1("{}"), 400, "invalid_request", /gzip/],
    ["gzip", gzipSync("{}").subarray(0, 12), 400, "invalid_request", /gzip/],
    ["gzip", gzipSync(`{"a":"${"x".repeat(REQUEST_BODY_MAX_BYTES)}"}`), 413, "payload_too_large", /exceeds/],
  ])("that says %s and is none, or too long unpacked, is refused (%#)", async (coding, body, status, code, message) => {
    const answer = await post(await Team.create(), path, body, { "Content-Encoding": coding });
    expect(answer).toEqual({ status, code, message: expect.stringMatching(message) });
  });
});

describe("names in headers", () => {
  const submit = (team: Team, headers: Record<string, string>) =>
    ask<{ user: string; tags: Record<string, string>; code?: string; message?: string }>("POST", "/v1/requests", {
      ...{ key: team.key, headers },
      body: { model: MODEL, input: { prompt: "a cat" } },
    });

  test("come percent-encoded, and are the names that bodies say", async () => {
    const team = await Team.create();
    const sent = await submit(team, { "Sluice-User": "M%C3%BCller", "Sluice-Tags": "st%C3%A4dt=K%C3%B6ln%2C%20Bonn" });
    expect(sent.body).toMatchObject({ user: "Müller", tags: { städt: "Köln, Bonn" } });
    expect((await ask("GET", "/v1/me", { key: team.key, headers: { "Sluice-User": "M%C3%BCller" } })).status).toBe(200);
  });

  test.each([
    ["Sluice-User", "M\xfcller", /user/],
    ["Sluice-User", "100%", /%25/],
    ["Sluice-Tags", "ort=K\xf6ln", /tags/],
    ["Idempotency-Key", "bestellung-\xe4", /ASCII/],
  ])("that are raw are refused: %s: %s", async (name, value, message) => {
    const sent = await submit(await Team.create(), { [name]: value });
    expect([sent.status, sent.body.code]).toEqual([400, "invalid_request"]);
    expect(sent.body.message).toMatch(message);
  });

  test("an Idempotency-Key is opaque: nothing in it is decoded", async () => {
    const team = await Team.create();
    const ids = await Promise.all(
      ["a%20b", "a b"].map(async (key) => (await submit(team, { "Idempotency-Key": key })).body),
    );
    expect(new Set(ids.map((body) => (body as { id?: string }).id)).size).toBe(2);
  });
});

describe("what people type", () => {
  test.each(["//v1//me", "/v1//me/", "///v1/me"])("has slashes too many, which are one: %s", async (path) => {
    const { key } = await Team.create();
    expect((await ask("GET", `https://sluice.test${path}`, { key })).status).toBe(200);
  });

  test("is the address of a model's page", async () => {
    const team = await Team.create();
    const body = { model: "https://fal.ai/models/fal-ai/flux/schnell/api", input: { prompt: "a cat" } };
    const sent = await ask<{ model: string }>("POST", "/v1/requests", { key: team.key, body });
    expect([sent.status, sent.body.model]).toEqual([202, "fal-ai/flux/schnell"]);
  });

  test.each([
    ["Key Key sl_sk_x", /scheme twice/],
    ["Bearer key sl_sk_x", /scheme twice/],
    ['Key "sl_sk_x"', /quotation marks/],
    ["Bearer 'sl_sk_x'", /quotation marks/],
    ["Key fal:secret", /not a Sluice API key/],
  ])("is a key with a slip, which is told: %s", async (Authorization, message) => {
    const answer = await ask<{ message: string }>("GET", "/v1/me", { headers: { Authorization } });
    expect([answer.status, answer.body.message]).toEqual([401, expect.stringMatching(message)]);
  });

  test.each([
    ["from=2026-11-29&to=2026-11-29", 200, ""],
    ["from=2026-11-29T10:00:00%2B02:00", 200, ""],
    ["from=2026-11-29T10:00:00+02:00", 400, "%2B"],
    ["to=29.11.2026", 400, "2026-11-29T10:00:00Z"],
    ["from=2026-02-30", 400, "2026-11-29T10:00:00Z"],
  ])("is a time in a query: %s", async (query, status, hint) => {
    const { key } = await Team.create();
    const answer = await ask<{ detail?: string }>("GET", `/v1/deliveries?${query}`, { key });
    expect([answer.status, answer.body.detail ?? ""]).toEqual([status, expect.stringContaining(hint)]);
  });

  test("is a name that comes twice in a query, which is a list", async () => {
    const { key } = await Team.create();
    const answer = await ask<{ group_by: string[] }>("GET", "/v1/usage?group_by=day&group_by=user", { key });
    expect(answer.body.group_by).toEqual(["day", "user"]);
    expect((await ask("GET", "/v1/requests?limit=1&limit=2", { key })).status).toBe(400);
  });
});

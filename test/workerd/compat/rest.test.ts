// fal's REST API for uploads under /fal/rest, what upload URLs answer to fal's clients, and realtime connections.

import { describe, expect, test } from "vitest";
import { REALTIME_CLOSE_CODE, REALTIME_CLOSE_REASON } from "../../../src/compat/realtime.ts";
import { ask, call } from "../../harness/calls.ts";
import { Team } from "../../harness/team.ts";

interface Body {
  upload_url: string;
  file_url: string;
  detail: string;
  message: string;
  error_type: string;
}

const INITIATE = "/fal/rest/storage/upload/initiate";
const PNG = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0);
const PICTURE = { file_name: "cat.png", content_type: "image/png" };

describe("an upload by fal's REST API", () => {
  test("begins, takes the bytes, and is served", async () => {
    const team = await Team.create();
    const begun = await team.send<Body>("POST", `${INITIATE}?storage_type=fal-cdn-v3`, PICTURE);
    expect(begun.status).toBe(200);
    expect((await call("PUT", begun.body.upload_url, { body: PNG })).status).toBe(200);
    const served = await call("GET", begun.body.file_url);
    expect([served.status, served.headers.get("Content-Type")]).toEqual([200, "image/png"]);
  });

  test("comes in parts too", async () => {
    const team = await Team.create();
    const begun = await team.send<Body>("POST", `${INITIATE}-multipart?storage_type=fal-cdn-v3`, PICTURE);
    const part = await ask<{ etag: string }>("PUT", `${begun.body.upload_url}/1`, { body: PNG });
    const parts = [{ partNumber: 1, etag: part.body.etag }];
    expect((await call("POST", `${begun.body.upload_url}/complete`, { body: { parts } })).status).toBe(200);
    expect((await call("GET", begun.body.file_url)).status).toBe(200);
  });

  test.each([
    ["without a name", {}, 400, "invalid_request"],
    ["of a page", { file_name: "a.html", content_type: "text/html" }, 415, "unsupported_media_type"],
  ])("%s is refused as fal's clients read it", async (_name, body, status, code) => {
    const answer = await (await Team.create()).send<Body>("POST", INITIATE, body);
    expect([answer.status, answer.headers.get("Content-Type")]).toEqual([status, "application/json"]);
    expect(answer.body).toMatchObject({ error_type: code, detail: answer.body.message });
  });
});

describe("an upload URL that refuses", () => {
  test.each([
    ["bytes that are a page", "", new TextEncoder().encode("<!doctype html><script>1</script>"), 415],
    ["a part with no number", "/0", PNG, 400],
    ["a changed URL", "x", PNG, 404],
  ])("%s answers in JSON that fal's clients read", async (_name, more, bytes, status) => {
    const team = await Team.create();
    const { upload_url: url } = (await team.send<Body>("POST", INITIATE, PICTURE)).body;
    const answer = await ask<Body>("PUT", `${url}${more}`, { body: bytes });
    expect([answer.status, answer.headers.get("Content-Type")]).toEqual([status, "application/json"]);
    expect(answer.body.detail).toMatch(/\.$/);
    expect(answer.body.message).toBe(answer.body.detail);
  });
});

describe("a realtime connection", () => {
  test.each(["/fal/run/fal-ai/flux/realtime", "/fal/queue/fal-ai/flux/realtime", "/maton/fal-ai/fal-ai/flux/realtime"])(
    "is closed with what to use instead: %s",
    async (path) => {
      const answer = await call("GET", path, { headers: { Upgrade: "websocket" } });
      expect(answer.status).toBe(101);
      const closed = new Promise<CloseEvent>((done) => answer.webSocket?.addEventListener("close", done));
      answer.webSocket?.accept();
      expect(await closed).toMatchObject({ code: REALTIME_CLOSE_CODE, reason: REALTIME_CLOSE_REASON });
    },
  );

  test("says why within the bytes that a close frame has", () => {
    expect(new TextEncoder().encode(REALTIME_CLOSE_REASON).length).toBeLessThanOrEqual(123);
  });
});

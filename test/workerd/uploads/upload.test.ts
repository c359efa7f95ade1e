// One file by one call: announced, sent raw, chunked or as a form, and read at its URL.

import { afterEach, describe, expect, test, vi } from "vitest";
import { sha256Hex } from "../../../src/platform/ids.ts";
import { DAY_MS, HOUR_MS } from "../../../src/platform/time.ts";
import { call, json } from "../../harness/calls.ts";
import { newPageKey, Team } from "../../harness/team.ts";
import { announce, aPng, fetched, send, streamed } from "../../harness/upload-calls.ts";

afterEach(() => {
  vi.useRealTimers();
});

function later(ms: number): void {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + ms });
}

describe("a file for a model's input", () => {
  test("is announced with a key, sent without one, and read by whoever has its URL", async () => {
    const { key } = await Team.create();
    const bytes = aPng(300_000);
    const announced = await announce(key, { file_name: "My cat.PNG", size: bytes.length });
    expect(announced).toMatchObject({ method: "PUT", headers: { "Content-Type": "image/png" }, parts: null });
    expect(announced.upload_url).toMatch(/^https:\/\/sluice\.test\/uploads\/team-[^/]+\/upl_\w{20}\.[0-9a-f]{68}$/);
    expect(announced.file_url).toMatch(/^https:\/\/sluice\.test\/inputs\/.*\/My-cat\.png$/);

    expect((await fetched(announced.file_url)).status, "nothing is there yet").toBe(404);
    const sent = await send(announced.upload_url, { body: bytes, headers: announced.headers });
    const sha256 = await sha256Hex(bytes);
    expect(sent).toMatchObject({
      status: 200,
      body: { id: announced.id, file_url: announced.file_url, content_type: "image/png", size: bytes.length, sha256 },
    });

    const read = await fetched(announced.file_url);
    expect(read.status).toBe(200);
    expect(read.bytes).toEqual(bytes);
    expect(Object.fromEntries(read.headers)).toMatchObject({
      "content-type": "image/png",
      "cache-control": "private, max-age=300",
      "access-control-allow-origin": "*",
      "x-content-type-options": "nosniff",
    });
    const part = await fetched(announced.file_url, { Range: "bytes=10-19" });
    expect([part.status, part.headers.get("content-range")]).toEqual([206, `bytes 10-19/${bytes.length}`]);
    expect(part.bytes).toEqual(bytes.slice(10, 20));
    const head = await call("HEAD", announced.file_url);
    expect([head.status, head.headers.get("content-length")]).toEqual([200, String(bytes.length)]);
  });

  test("comes from a page of any origin", async () => {
    const { upload_url } = await announce((await Team.create()).key);
    const origin = "https://somebody.example";
    const preflight = await call("OPTIONS", upload_url, {
      headers: {
        Origin: origin,
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "content-type",
      },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get("Access-Control-Allow-Origin")).toBe(origin);
    expect(preflight.headers.get("Access-Control-Allow-Methods")).toContain("PUT");
    const sent = await send(upload_url, { body: aPng(100), headers: { Origin: origin } });
    expect([sent.status, sent.headers.get("Access-Control-Allow-Origin")]).toEqual([200, origin]);
    const refused = await send(upload_url, { body: aPng(200), headers: { Origin: origin } });
    expect([refused.status, refused.headers.get("Access-Control-Allow-Origin")]).toEqual([409, origin]);
  });

  test.each([
    ["of no more than one buffer", 70_000],
    ["of nearly three buffers", 15_000_001],
  ])("comes without a length, %s", async (_name, size) => {
    const { upload_url, file_url } = await announce((await Team.create()).key);
    const bytes = aPng(size);
    const sent = await send(upload_url, { body: streamed(bytes), duplex: "half" } as RequestInit);
    expect(sent).toMatchObject({ status: 200, body: { size, sha256: await sha256Hex(bytes) } });
    const read = await fetched(file_url);
    expect(await sha256Hex(read.bytes)).toBe(await sha256Hex(bytes));
  });

  test("comes as a form, as React Native sends one, with fields before it", async () => {
    const { upload_url, file_url } = await announce((await Team.create()).key, {
      file_name: "clip",
      content_type: null,
    });
    const bytes = aPng(700_000);
    bytes.set(new TextEncoder().encode("\r\n--not the boundary\r\n"), 1_000);
    const form = new FormData();
    form.append("note", "before the file");
    form.append("file", new File([bytes], "photo.png", { type: "image/png" }));
    const wrapped = new Response(form);
    const headers = { "Content-Type": wrapped.headers.get("Content-Type") ?? "" };
    const sent = await send(upload_url, { method: "POST", body: await wrapped.arrayBuffer(), headers });
    expect(sent).toMatchObject({ status: 200, body: { content_type: "image/png", size: bytes.length } });
    expect((await fetched(file_url)).bytes).toEqual(bytes);
  });

  test("comes as a form that has no length", async () => {
    const { upload_url, file_url } = await announce((await Team.create()).key);
    const bytes = aPng(200_000);
    const form = new FormData();
    form.append("file", new File([bytes], "photo.png", { type: "image/png" }));
    const wrapped = new Response(form);
    const headers = { "Content-Type": wrapped.headers.get("Content-Type") ?? "" };
    const body = streamed(new Uint8Array(await wrapped.arrayBuffer()), 1_009);
    expect((await send(upload_url, { body, headers, duplex: "half" } as RequestInit)).status).toBe(200);
    expect((await fetched(file_url)).bytes).toEqual(bytes);
  });

  test("is the same when it comes twice, and refused when it is another", async () => {
    const { upload_url, file_url } = await announce((await Team.create()).key);
    const bytes = aPng(50_000);
    const first = await send(upload_url, { body: bytes });
    const again = await send(upload_url, { body: bytes });
    expect(again).toMatchObject({ status: 200, body: first.body });
    const other = await send(upload_url, { body: aPng(50_000, 2) });
    expect(other).toMatchObject({
      status: 409,
      body: { code: "conflict", hint: expect.stringContaining("/v1/uploads") },
    });
    expect((await fetched(file_url)).bytes).toEqual(bytes);
  });

  test("goes when its days are over", async () => {
    const { key } = await Team.create({ retention: { inputs_days: 2 } });
    const { upload_url, file_url } = await announce(key);
    const { body } = await send(upload_url, { body: aPng(100) });
    expect(Date.parse(String(body.expires_at)) - Date.now()).toBeGreaterThan(2 * DAY_MS - 60_000);
    later(2 * DAY_MS - 60_000);
    expect((await fetched(file_url)).status).toBe(200);
    later(2 * DAY_MS + 60_000);
    expect((await fetched(file_url)).status).toBe(410);
  });
});

describe("an upload URL", () => {
  test("is worth nothing when it was changed, and so is a file URL", async () => {
    const { upload_url, file_url, id } = await announce((await Team.create()).key);
    await send(upload_url, { body: aPng(100) });
    const flip = (url: string) =>
      url.replace(/\.([0-9a-f]{67})([0-9a-f])/, (_all, mark, last) => `.${mark}${last === "0" ? "1" : "0"}`);
    expect((await send(flip(upload_url), { body: aPng(100) })).status).toBe(404);
    expect((await fetched(flip(file_url))).status).toBe(404);
    const asFile = upload_url.replace("/uploads/", "/inputs/");
    expect((await fetched(`${asFile}/cat.png`)).status, "who may write may not read by it").toBe(404);
    const asUpload = file_url.replace("/inputs/", "/uploads/").replace(/\/[^/]*$/, "");
    expect((await send(asUpload, { body: aPng(100) })).status, "who may read may not write").toBe(404);
    expect((await send(upload_url.replace(id, `upl_${"0".repeat(20)}`), { body: aPng(100) })).status).toBe(404);
  });

  test("takes bytes for an hour, and says so afterwards", async () => {
    const { upload_url } = await announce((await Team.create()).key);
    later(HOUR_MS + 1_000);
    expect(await send(upload_url, { body: aPng(100) })).toMatchObject({ status: 410, body: { code: "gone" } });
  });

  test("answers a call by another method with 405", async () => {
    const { upload_url } = await announce((await Team.create()).key);
    const answer = await call("GET", upload_url);
    expect([answer.status, answer.headers.get("Allow")]).toEqual([405, "PUT, POST, OPTIONS"]);
  });
});

describe("who may announce", () => {
  test("is a page's token, but not its publishable key", async () => {
    const { key } = await Team.create();
    const page = "https://app.example";
    const publishable = await newPageKey(key, { origins: [page] });
    const body = { file_name: "cat.png", content_type: "image/png" };
    const headers = { Origin: page };
    expect((await call("POST", "/v1/uploads", { key: publishable.secret, body, headers })).status).toBe(403);
    const exchanged = await json(await call("POST", "/v1/tokens", { key: publishable.secret, body: {}, headers }));
    const answer = await call("POST", "/v1/uploads", { key: String(exchanged.token), body, headers });
    expect(answer.status).toBe(201);
  });
});

describe("what is not taken", () => {
  const html = new TextEncoder().encode("<!doctype html><script>alert(1)</script>");

  test.each([
    ["HTML by name", { file_name: "a.html", content_type: "text/html" }, "unsupported_media_type", "content_type"],
    ["a file of nothing", { size: 0 }, "invalid_request", "size"],
    ["a size that the plan does not take", { size: 2_000 }, "payload_too_large", "size"],
    ["a type that the plan does not take", { content_type: "video/mp4" }, "unsupported_media_type", "content_type"],
  ])("%s is refused before it is sent, in a sentence", async (_name, body, code, field) => {
    const { key } = await Team.create({ uploads: { max_bytes: 1_000, types: ["image/*"] } });
    const response = await call("POST", "/v1/uploads", { key, body: { file_name: "cat.png", ...body } });
    const answer = await json(response);
    expect(response.headers.get("Content-Type")).toBe("application/problem+json");
    expect(answer).toMatchObject({ code, detail: expect.stringContaining(field) });
    expect(answer.code === "invalid_request" || typeof answer.hint === "string").toBe(true);
  });

  test.each([
    ["a page that is called a picture", {}, html, 415, "unsupported_media_type"],
    ["a ZIP that is called a picture", {}, Uint8Array.of(0x50, 0x4b, 3, 4, 0, 0, 0, 0), 415, "unsupported_media_type"],
    ["nothing", {}, new Uint8Array(0), 400, "invalid_request"],
    ["more than was announced", { size: 99 }, aPng(100), 400, "invalid_request"],
    ["more than the plan takes", {}, aPng(1_001), 413, "payload_too_large"],
    [
      "text where the plan takes pictures",
      { content_type: null },
      new TextEncoder().encode("words"),
      415,
      "unsupported_media_type",
    ],
  ])("%s is refused when it comes, and nothing is kept", async (_name, body, bytes, status, code) => {
    const { key } = await Team.create({ uploads: { max_bytes: 1_000, types: ["image/*"] } });
    const { upload_url, file_url } = await announce(key, body);
    const sent = await send(upload_url, { body: bytes });
    expect(sent).toMatchObject({ status, body: { code, detail: expect.any(String), hint: expect.any(String) } });
    expect((await fetched(file_url)).status).toBe(404);
    if (bytes.length > 0 && code === "unsupported_media_type") {
      expect((await send(upload_url, { body: aPng(500) })).status, "the URL takes the right file").toBe(200);
    }
  });

  test("more than one call takes is refused by its length, before a byte is read", async () => {
    const { upload_url } = await announce((await Team.create()).key);
    const headers = { "Content-Length": String(101 * 1024 * 1024) };
    const sent = await send(upload_url, { body: aPng(10), headers });
    expect(sent).toMatchObject({
      status: 413,
      body: { code: "payload_too_large", hint: expect.stringContaining("parts") },
    });
  });

  test("a body that goes beyond the plan without a length leaves nothing behind", async () => {
    const { key } = await Team.create({ uploads: { max_bytes: 6_000_000 } });
    const { upload_url, file_url } = await announce(key);
    const sent = await send(upload_url, { body: streamed(aPng(12_000_000)), duplex: "half" } as RequestInit);
    expect(sent).toMatchObject({ status: 413, body: { code: "payload_too_large" } });
    expect((await fetched(file_url)).status).toBe(404);
  });

  test("an encoded body is refused", async () => {
    const { upload_url } = await announce((await Team.create()).key);
    const sent = await send(upload_url, { body: aPng(10), headers: { "Content-Encoding": "gzip" } });
    expect(sent).toMatchObject({ status: 415, body: { detail: expect.stringContaining("Content-Encoding") } });
  });

  test("a JPEG that is called a PNG is taken for what it is", async () => {
    const { upload_url, file_url } = await announce((await Team.create()).key);
    const bytes = Uint8Array.of(0xff, 0xd8, 0xff, 0xe0, 0, 16, 0x4a, 0x46, 0x49, 0x46, 0, 1);
    expect(await send(upload_url, { body: bytes })).toMatchObject({
      status: 200,
      body: { content_type: "image/jpeg" },
    });
    expect((await fetched(file_url)).headers.get("content-type")).toBe("image/jpeg");
  });
});

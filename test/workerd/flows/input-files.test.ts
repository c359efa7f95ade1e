// Files on their way into a model: uploads that an input names, and data URIs that it holds.

import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { describe, expect } from "vitest";
import { createApp } from "../../../src/app.ts";
import { DAY_MS, SECOND_MS } from "../../../src/platform/time.ts";
import { passTime } from "../../harness/clock.ts";
import { checked } from "../../harness/contract.ts";
import { BASE, bindings } from "../../harness/env.ts";
import { test } from "../../harness/fixtures.ts";
import type { RequestObject } from "../../harness/request-object.ts";
import { Team } from "../../harness/team.ts";
import { runToEnd } from "../../harness/tracker.ts";
import { announce, aPng, fetched, send } from "../../harness/upload-calls.ts";
import { sandbox } from "../../harness/upstream.ts";

const MODEL = "fal-ai/flux/dev/image-to-image";

function base64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 30_000) text += String.fromCharCode(...bytes.subarray(at, at + 30_000));
  return btoa(text);
}

/** What fal was sent as the input of the sandbox's only request. */
async function sentInput(): Promise<Record<string, unknown>> {
  const { requests } = await sandbox<{ requests: { input: Record<string, unknown> }[] }>("GET", "requests");
  expect(requests).toHaveLength(1);
  return requests[0]?.input ?? {};
}

async function submitted(team: Team, input: Record<string, unknown>, by = team, headers = {}): Promise<RequestObject> {
  const answer = await by.send("POST", "/v1/requests", { model: MODEL, input: { prompt: "a cat", ...input } }, headers);
  expect([answer.status, answer.body.error ?? null]).toEqual([202, null]);
  return answer.body;
}

async function refusal(team: Team, input: Record<string, unknown>, by = team): Promise<Record<string, unknown>> {
  const answer = await by.send("POST", "/v1/requests", { model: MODEL, input: { prompt: "a cat", ...input } });
  expect(answer.status).toBeGreaterThanOrEqual(400);
  expect((await sandbox<{ requests: unknown[] }>("GET", "requests")).requests).toEqual([]);
  return { ...answer.body, status: answer.status };
}

async function storedKeys(team: Team, of = team): Promise<string[]> {
  const { objects } = await bindings.FILES.list({ prefix: `uploads/${of.id}/` });
  return objects.map(({ key }) => key);
}

describe("a data URI in an input", () => {
  test("goes to fal as a URL that anybody can fetch, wherever it stands, and once when it stands twice", async ({
    team,
  }) => {
    const picture = aPng(200_000);
    const dataUri = `data:image/png;base64,${base64(picture)}`;
    const other = `data:image/png;base64,${base64(aPng(20_000, 2))}`;
    const request = await submitted(team, { image_url: dataUri, seed: 1, more: { image_urls: [other, dataUri] } });
    const input = (await sentInput()) as { image_url: string; more: { image_urls: string[] }; prompt: string };
    expect(input.prompt).toBe("a cat");
    expect(input.image_url).toMatch(
      new RegExp(`^https://sluice\\.test/inputs/${team.id}/${request.id}-0\\.[0-9a-f]{68}/file-0\\.png$`),
    );
    expect(input.more.image_urls[1]).toBe(input.image_url);
    const read = await fetched(input.image_url);
    expect([read.status, read.headers.get("content-type")]).toEqual([200, "image/png"]);
    expect(read.bytes).toEqual(picture);
    expect((await fetched(input.more.image_urls[0] ?? "")).bytes).toEqual(aPng(20_000, 2));
    expect(await storedKeys(team)).toEqual([
      `uploads/${team.id}/${request.id}-0`,
      `uploads/${team.id}/${request.id}-1`,
    ]);
    await passTime(5 * SECOND_MS);
    await runToEnd(team, request.id);
  });

  test("stays where it is when it is short, and so does text that only looks like one", async ({ team }) => {
    const short = `data:image/png;base64,${base64(aPng(3_000))}`;
    const sentence = `data: ${"a long sentence, ".repeat(1_000)}`;
    await submitted(team, { image_url: short, prompt: sentence });
    const input = await sentInput();
    expect([input.image_url === short, input.prompt === sentence]).toEqual([true, true]);
    expect(await storedKeys(team)).toEqual([]);
  });

  test("counts as bare base64 where a URL is asked for, and stays where base64 is", async ({ team }) => {
    const bare = base64(aPng(20_000));
    const letters = "A".repeat(20_000);
    await submitted(team, { image_url: bare, mask_url: letters, image_base64: bare });
    const input = (await sentInput()) as { image_url: string; mask_url: string; image_base64: string };
    expect([input.mask_url === letters, input.image_base64 === bare]).toEqual([true, true]);
    expect((await fetched(input.image_url)).bytes).toEqual(aPng(20_000));
  });

  test("keeps the numbers beside it as they were written", async ({ team }) => {
    const dataUri = `data:image/png;base64,${base64(aPng(20_000))}`;
    const body = `{"model":"${MODEL}","input":{"prompt":"a cat","seed":196619188014358660,"image_url":"${dataUri}"}}`;
    expect((await team.send("POST", "/v1/requests", body)).status).toBe(202);
    const { requests } = await sandbox<{ requests: { upstream_id: string; input_text?: string }[] }>("GET", "requests");
    expect(JSON.stringify(requests)).toContain("196619188014358660");
  });

  test("is the same request when it is posted again, also after its file is gone", async ({ team }) => {
    const dataUri = `data:image/png;base64,${base64(aPng(20_000))}`;
    const first = await submitted(team, { image_url: dataUri }, team, { "Idempotency-Key": "one" });
    const [key = ""] = await storedKeys(team);
    await bindings.FILES.delete(key);
    const again = await submitted(team, { image_url: dataUri }, team, { "Idempotency-Key": "one" });
    expect(again.id).toBe(first.id);
    expect(await storedKeys(team), "nothing is stored for a replay").toEqual([]);
    const other = await team.send(
      ...([
        "POST",
        "/v1/requests",
        { model: MODEL, input: { prompt: "a cat", image_url: `${dataUri.slice(0, -8)}AAAAAAA=` } },
      ] as const),
      { "Idempotency-Key": "one" },
    );
    expect(other.status, "another file is another body").toBe(422);
  });

  test("is refused when the plan takes no such file, and nothing is stored, sent or charged", async ({ team }) => {
    const strict = await Team.create({ uploads: { max_bytes: 10_000, types: ["image/*"] } });
    const large = await refusal(team, { image_url: `data:image/png;base64,${base64(aPng(20_000))}` }, strict);
    expect(large).toMatchObject({
      status: 413,
      code: "payload_too_large",
      detail: expect.stringContaining("input.image_url"),
    });
    const text = await refusal(team, { image_url: `data:text/plain;base64,${btoa("words ".repeat(1_500))}` }, strict);
    expect(text).toMatchObject({ status: 415, code: "unsupported_media_type" });
    expect(await storedKeys(team, strict)).toEqual([]);
  });

  test("counts on the limits of uploads", async ({ team }) => {
    const limits = [
      { name: "files", scope: "team", per: "upload", limit: 1, window: "1d" },
      { name: "bytes", scope: "team", per: "upload_byte", limit: 50_000, window: "1d" },
    ];
    const limited = await Team.create({ limits });
    const dataUri = `data:image/png;base64,${base64(aPng(20_000))}`;
    await submitted(team, { image_url: dataUri }, limited);
    expect(await limited.used()).toEqual([1, 20_000]);
    await sandbox("POST", "reset");
    expect(await refusal(team, { image_url: dataUri }, limited)).toMatchObject({ status: 402, code: "quota_exceeded" });
    expect((await limited.submit("no file")).stage).toBe("queued");
  });

  test.for<[string, (base64: string, bytes: Uint8Array) => string]>([
    ["white space around it", (text) => ` \n data:image/png;base64,${text} `],
    ["base64 in lines", (text) => `data:image/png;base64,${text.replace(/.{76}/g, "$&\r\n")}`],
    ["escaped base64", (text) => `data:image/png;base64,${encodeURIComponent(text)}`],
    [
      "base64 of the URL-safe alphabet",
      (text) => `data:image/png;base64,${text.replaceAll("+", "-").replaceAll("/", "_")}`,
    ],
    [
      "a head in capitals with spaces",
      (text) => `DATA: image/png ; name="a, b" ; BASE64 ,${text}`.replace(", b", " b"),
    ],
    [
      "percent form",
      (_, bytes) => `data:image/png,${[...bytes].map((each) => `%${each.toString(16).padStart(2, "0")}`).join("")}`,
    ],
  ])("with %s is stored and counted like any other", async ([_name, write], { team }) => {
    const picture = aPng(20_000);
    const image_url = write(base64(picture), picture);
    const closed = await Team.create({
      limits: [{ name: "none", scope: "team", per: "upload", limit: 0, window: "1d" }],
    });
    expect(await refusal(team, { image_url }, closed)).toMatchObject({ status: 402, code: "quota_exceeded" });
    await submitted(team, { image_url });
    const read = await fetched(String((await sentInput()).image_url));
    expect([read.status, read.headers.get("content-type")]).toEqual([200, "image/png"]);
    expect(read.bytes).toEqual(picture);
  });

  test("goes with its request when that is deleted", async ({ team }) => {
    const dataUri = `data:image/png;base64,${base64(aPng(20_000))}`;
    const request = await submitted(team, { image_url: dataUri });
    const { image_url } = (await sentInput()) as { image_url: string };
    await passTime(5 * SECOND_MS);
    await runToEnd(team, request.id);
    await team.send("DELETE", `/v1/requests/${request.id}`);
    await runToEnd(team, request.id).catch(() => undefined);
    expect(await storedKeys(team)).toEqual([]);
    expect((await fetched(image_url)).status).toBe(410);
  });
});

describe("where no PUBLIC_URL is set", () => {
  /** A call on a deployment that fal cannot reach. */
  async function callUnreachable(
    team: Team,
    path: string,
    body: unknown,
    more: Record<string, string> = {},
  ): Promise<{ status: number; body: Record<string, unknown> }> {
    const headers = { Authorization: `Bearer ${team.key}`, "Content-Type": "application/json", ...more };
    const request = new Request(new URL(path, BASE), { method: "POST", headers, body: JSON.stringify(body) });
    const context = createExecutionContext();
    const answer = await checked(createApp().fetch)(request, { ...bindings, PUBLIC_URL: "" }, context);
    const said = { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
    await waitOnExecutionContext(context);
    return said;
  }

  test("a data URI stays in the input, whatever its size, and nothing is stored", async ({ team }) => {
    const dataUri = `data:image/png;base64,${base64(aPng(200_000))}`;
    const input = { prompt: "a cat", image_url: dataUri };
    const { status, body } = await callUnreachable(team, "/v1/requests", { model: MODEL, input });
    expect(status).toBe(202);
    expect((await sentInput()).image_url).toBe(dataUri);
    expect(await storedKeys(team)).toEqual([]);
    await passTime(5 * SECOND_MS);
    await runToEnd(team, String(body.id));
  });

  test.for([
    ["the API", "/v1/uploads", {}],
    ["fal's proxy", "/fal/proxy", { "x-fal-target-url": "https://rest.fal.ai/storage/upload/initiate" }],
  ] as const)(
    "an upload is refused before a byte is sent, in a sentence, by %s",
    async ([_name, path, headers], { team }) => {
      const refused = await callUnreachable(team, path, { file_name: "cat.png" }, headers);
      expect(refused).toMatchObject({ status: 422, body: { detail: expect.stringContaining("PUBLIC_URL") } });
    },
  );
});

describe("an upload that an input names", () => {
  async function uploaded(team: Team, bytes = aPng(20_000)): Promise<string> {
    const { upload_url, file_url } = await announce(team.key);
    expect((await send(upload_url, { body: bytes })).status).toBe(200);
    return file_url;
  }

  test("goes to fal as it was written", async ({ team }) => {
    const url = await uploaded(team);
    await submitted(team, { image_url: url });
    expect(await sentInput()).toMatchObject({ image_url: url });
  });

  test("stays as long as the request is open, and goes afterwards", async ({ team }) => {
    const url = await uploaded(team);
    await passTime(7 * DAY_MS - SECOND_MS);
    const request = await submitted(team, { image_url: url });
    await passTime(2 * SECOND_MS);
    expect((await fetched(url)).status, "its days are over, but the request is open").toBe(200);
    await runToEnd(team, request.id);
    expect((await fetched(url)).status).toBe(410);
  });

  test("cannot be deleted while the request is open, but afterwards", async ({ team }) => {
    const url = await uploaded(team);
    const id = /upl_\w{20}/.exec(url)?.[0] ?? "";
    const request = await submitted(team, { image_url: url });
    const refused = await team.send("DELETE", `/v1/uploads/${id}`);
    expect([refused.status, refused.body]).toMatchObject([409, { code: "conflict" }]);
    expect((await fetched(url)).status).toBe(200);
    await passTime(5 * SECOND_MS);
    await runToEnd(team, request.id);
    expect((await team.send("DELETE", `/v1/uploads/${id}`)).status).toBe(204);
    expect((await fetched(url)).status).toBe(410);
  });

  test("is not submitted when it was never sent, or its days are over: nobody pays for a file that fal cannot fetch", async ({
    team,
  }) => {
    const { file_url } = await announce(team.key);
    expect(await refusal(team, { image_url: file_url })).toMatchObject({
      ...{ status: 422, code: "input_unreachable", detail: expect.stringContaining("input.image_url") },
    });
    const url = await uploaded(team);
    await passTime(8 * DAY_MS);
    expect(await refusal(team, { nested: [{ url }] })).toMatchObject({
      status: 422,
      detail: expect.stringContaining("input.nested.0.url"),
    });
  });

  test("may be as many as fifty", async ({ team }) => {
    const url = await uploaded(team);
    const urls = (count: number) => Array.from({ length: count }, () => url);
    expect(await refusal(team, { image_urls: urls(51) })).toMatchObject({ status: 400, code: "invalid_request" });
    await submitted(team, { image_urls: urls(50) });
  });
});

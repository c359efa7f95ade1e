// A model whose answer is no JSON, or more of it than a tree would hold: replayed as it came where fal's clients read it, a string in
// v1, its media stored in any case. And media that are not copied, of which the operator hears.

import { runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { requireConfig } from "../../../src/platform/config.ts";
import { HOUR_MS, SECOND_MS } from "../../../src/platform/time.ts";
import { call } from "../../harness/calls.ts";
import { freezeClocks, passTime } from "../../harness/clock.ts";
import { bindings } from "../../harness/env.ts";
import { eventually } from "../../harness/eventually.ts";
import { account, ringAccount } from "../../harness/objects.ts";
import { Receivers } from "../../harness/receiver.ts";
import type { RequestObject } from "../../harness/request-object.ts";
import { Team } from "../../harness/team.ts";
import { runToEnd } from "../../harness/tracker.ts";
import { interceptFetch, upstreamCall } from "../../harness/wire.ts";

let team: Team;

beforeEach(async () => {
  await freezeClocks();
  team = await Team.create({ hold_s: 0 });
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** The model's answer is changed on its way; what came is returned by the function. */
function changeResults(change: (json: string) => string, contentType = "application/json"): () => string {
  let sent = "";
  interceptFetch(async (request, pass) => {
    const answer = await pass();
    if (upstreamCall(request) !== "result" || !answer.ok) return answer;
    sent = change(await answer.text());
    return new Response(sent, { headers: { "Content-Type": contentType } });
  });
  return () => sent;
}

async function ended(): Promise<RequestObject> {
  const { id } = await team.submit("a cat");
  await passTime(5 * SECOND_MS);
  return runToEnd(team, id, { webhooks: false });
}

function get(path: string, headers: Record<string, string> = {}): Promise<Response> {
  return call("GET", path, { headers: { Authorization: `Bearer ${team.key}`, ...headers } });
}

const withEntry = (entry: string) => (json: string) => json.replace(/}\s*$/, `,\n  ${entry}}`);
/** Where the picture lies at the source. */
const sourceIn = (text: string) => /https:[^"\s]+\/files\/[^"\s)]+/.exec(text)?.[0] ?? "";

describe("an output that is no JSON", () => {
  test.each([
    ["NaN", withEntry('"score": NaN'), "application/json", "images.0.url"],
    ["a sentence", (json: string) => `Here: "${sourceIn(json)}".\r\nEnjoy`, "text/plain; charset=utf-8", ""],
    [
      "cut JSON",
      (json: string) => json.slice(0, json.indexOf(sourceIn(json)) + sourceIn(json).length + 1),
      "application/json",
      "",
    ],
  ])(
    "(%s) is replayed as the model wrote it, with our URLs, on every surface of fal's",
    async (_what, change, type, path) => {
      const sent = changeResults(change, type);
      const { id, files, output, ...request } = await ended();
      expect(request).toMatchObject({ status: "COMPLETED", output_format: "text" });
      expect(files).toMatchObject([{ path, status: "stored", content_type: "image/png" }]);
      const expected = sent().replace(sourceIn(sent()), files[0]?.url ?? "");
      expect(output).toBe(expected);
      const target = { "x-fal-target-url": `https://queue.fal.run/fal-ai/flux/requests/${id}` };
      for (const answer of [
        await get(`/fal/queue/fal-ai/flux/requests/${id}`),
        await get(`/maton/fal-ai/fal-ai/flux/requests/${id}`),
        await get("/fal/proxy", target),
      ]) {
        expect([answer.status, answer.headers.get("Content-Type")]).toEqual([200, type]);
        expect(await answer.text()).toBe(expected);
      }
    },
  );

  test("is what /fal/run answers, and a string in the one event of its stream", async () => {
    changeResults(withEntry('"score": NaN'));
    for (const path of ["", "/stream"]) {
      const headers = { Authorization: `Bearer ${team.key}`, "Content-Type": "application/json" };
      const before = (await team.send<{ data: unknown[] }>("GET", "/v1/requests")).body.data.length;
      const answer = call("POST", `/fal/run/fal-ai/flux/schnell${path}`, { headers, body: '{"prompt":"a cat"}' });
      const list = () => team.send<{ data: { id: string }[] }>("GET", "/v1/requests");
      await eventually(async () => expect((await list()).body.data).toHaveLength(before + 1));
      await passTime(5 * SECOND_MS);
      await runToEnd(team, (await list()).body.data[0]?.id ?? "", { webhooks: false });
      const text = await (await answer).text();
      const read = path === "" ? text : (JSON.parse(/^data: (.*)$/m.exec(text)?.[1] ?? "") as string);
      expect(read).toMatch(/"score": NaN}$/);
    }
  });
});

test.each([
  ["600,000 numbers", withEntry(`"n": [${"1.50,".repeat(599_999)}2]`)],
  ["250 levels", withEntry(`"deep": ${"[".repeat(250)}${"]".repeat(250)}`)],
])("an output of %s is JSON as any other, and its files are stored", async (_what, change) => {
  const sent = changeResults(change);
  const { id, files, ...request } = await ended();
  expect(request).toMatchObject({ status: "COMPLETED", output_format: "json" });
  expect(files).toMatchObject([{ path: "images.0.url", status: "stored" }]);
  const answer = await get(`/fal/queue/fal-ai/flux/requests/${id}`);
  const same = (await answer.text()).replace(files[0]?.url ?? "", sourceIn(sent()));
  expect(JSON.stringify(JSON.parse(same)) === JSON.stringify(JSON.parse(sent()))).toBe(true);
});

describe("media on a host that is not listed", () => {
  const VIDEO = "https://v4.fal.example/files/a.mp4";

  /** The address is configuration, which is parsed once for all objects of an isolate. */
  async function configureOperator(): Promise<Receivers> {
    const configure = (url: string | undefined) =>
      runInDurableObject(account(), (instance) => {
        const { env } = instance as unknown as { env: typeof bindings };
        Object.assign(requireConfig(env), { OPERATOR_WEBHOOK_URL: url });
      });
    await configure("https://ops.example/alerts");
    onTestFinished(() => configure(undefined));
    const answer = await call("GET", "/v1/admin/webhook_secret", {
      headers: { Authorization: `Bearer ${bindings.ADMIN_TOKEN}` },
    });
    const receivers = Receivers.open();
    receivers.secrets.set("ops.example", [((await answer.json()) as { secret: string }).secret]);
    return receivers;
  }

  test("are listed with the reason, keep their URL, and the operator hears of the host once", async () => {
    const receivers = await configureOperator();
    changeResults(withEntry(`"video": {"url": "${VIDEO}", "content_type": "video/mp4"}`));
    const { id, files, output, status } = await ended();
    expect([status, output?.video]).toEqual(["COMPLETED", { url: VIDEO, content_type: "video/mp4" }]);
    expect(files).toMatchObject([
      { path: "images.0.url", status: "stored" },
      {
        ...{ path: "video.url", status: "not_copied", url: VIDEO, size: null },
        error: { code: "storage_failed", message: expect.stringContaining("v4.fal.example is not in FAL_MEDIA_HOSTS") },
      },
    ]);
    const again = await team.send<{ detail: string }>("POST", `/v1/requests/${id}/files/1/retry`, undefined);
    expect([again.status, again.body.detail]).toEqual([409, expect.stringContaining("File 1 is not copied.")]);
    await eventually(async () => {
      await ringAccount();
      expect(receivers.types("ops.example")).toEqual(["media_host.unlisted"]);
    });
    expect(receivers.at("ops.example")[0]?.event.data).toEqual({ host: "v4.fal.example", request_id: id });
    await ended();
    await passTime(HOUR_MS);
    await ringAccount();
    expect(receivers.at("ops.example")).toHaveLength(1);
  });

  test("end a request that has no other file at once", async () => {
    changeResults(() => `{"video": {"url": "${VIDEO}"}}`);
    const { status, files } = await ended();
    expect([status, files.map((file) => file.status)]).toEqual(["COMPLETED", ["not_copied"]]);
  });
});

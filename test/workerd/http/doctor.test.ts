// The self-test, against the real bucket, objects and sandbox: all well, and each thing broken in turn.

import { describe, expect, vi } from "vitest";
import { PROBE_ROOT } from "../../../src/files/bucket-keys.ts";
import { CHECK_IDS, type CheckReport } from "../../../src/http/doctor/run.ts";
import { requireConfig } from "../../../src/platform/config.ts";
import { MINUTE_MS } from "../../../src/platform/time.ts";
import { faultAccount } from "../../harness/account.ts";
import { call } from "../../harness/calls.ts";
import { ADMIN_TOKEN, BASE, bindings } from "../../harness/env.ts";
import { test as base } from "../../harness/fixtures.ts";
import { interceptFetch } from "../../harness/wire.ts";

/** The Worker's calls of its own address reach it, as they do where it has one. */
const test = base.extend("loop", { auto: true }, async ({ clock: _clock }) => {
  interceptFetch((request, pass) => {
    const { origin, pathname } = new URL(request.url);
    if (origin !== BASE) return pass();
    return call(request.method, pathname, {
      headers: request.headers,
      ...(request.method === "POST" ? { body: "{}" } : {}),
    });
  });
});

async function checksOf(answer: Response): Promise<Record<string, CheckReport>> {
  expect([answer.status, answer.headers.get("Content-Type")]).toEqual([200, "text/event-stream"]);
  const events = (await answer.text()).split("\n\n").filter((text) => text.startsWith("event: check"));
  const reports = events.map((text) => JSON.parse(text.slice(text.indexOf("data: ") + 6)) as CheckReport);
  return Object.fromEntries(reports.map((report) => [report.id, report]));
}

const operatorRuns = async () => checksOf(await call("POST", "/v1/admin/doctor", { key: ADMIN_TOKEN }));

describe("the operator's self-test", () => {
  test("tells every check in order, then the worst state, and leaves nothing in the bucket", async () => {
    const answer = await call("POST", "/v1/admin/doctor", { key: ADMIN_TOKEN });
    const text = await answer.text();
    expect([...text.matchAll(/"id":"(\w+)"/g)].map(([, id]) => id)).toEqual(CHECK_IDS);
    expect(text).toMatch(/event: end\ndata: \{"state":"\w+"\}\n\n$/);
    expect((await bindings.FILES.list({ prefix: PROBE_ROOT })).objects).toEqual([]);
  });

  test("finds a deployment that works well, but for the operator webhook that it lacks", async () => {
    const checks = await operatorRuns();
    for (const id of ["config", "maton_key", "connection", "upstream", "r2", "file_url", "webhook_loop"]) {
      expect([id, checks[id]?.state, checks[id]?.fix]).toEqual([id, "ok", null]);
    }
    expect(checks.operator_webhook).toMatchObject({
      state: "warn",
      fix: expect.stringContaining("OPERATOR_WEBHOOK_URL"),
    });
  });

  test("names a key that Maton rejects, and does not repeat it", async () => {
    interceptFetch((request, pass) =>
      new URL(request.url).pathname === "/connections"
        ? Promise.resolve(Response.json({ error: { message: "Unauthorized" } }, { status: 401 }))
        : pass(),
    );
    const checks = await operatorRuns();
    expect(checks.maton_key).toMatchObject({ state: "fail", fix: expect.stringContaining("MATON_API_KEY") });
    expect(checks.connection?.state).toBe("skipped");
    expect(JSON.stringify(checks)).not.toContain(requireConfig(bindings).MATON_API_KEY);
  });

  test("says that fal has locked the account", async ({ team }) => {
    await faultAccount("locked");
    await team.submit("finds it locked");
    expect((await operatorRuns()).upstream).toMatchObject({
      state: "fail",
      message: expect.stringContaining("locked"),
    });
    await faultAccount("none");
  });

  test("finds a bucket that refuses writes, and does not blame the addresses for it", async () => {
    vi.spyOn(bindings.FILES, "put").mockRejectedValue(new Error("put: We encountered an internal error. (10001)"));
    const checks = await operatorRuns();
    expect(checks.r2).toMatchObject({ state: "fail", message: "The bucket refuses writes (R2 error 10001)." });
    expect([checks.file_url?.state, checks.webhook_loop?.state]).toEqual(["skipped", "skipped"]);
  });

  test("finds addresses that lead to another server", async () => {
    interceptFetch((request, pass) =>
      request.url.startsWith(BASE)
        ? Promise.resolve(new Response("<html>", { headers: { "Content-Type": "text/html" } }))
        : pass(),
    );
    const checks = await operatorRuns();
    expect(checks.file_url).toMatchObject({
      state: "fail",
      message: expect.stringContaining("answered 200 (text/html)"),
    });
    expect(checks.webhook_loop).toMatchObject({ state: "fail", fix: expect.stringContaining("PUBLIC_URL") });
  });

  test("finds that only webhooks are kept away", async () => {
    interceptFetch((request, pass) =>
      request.url.startsWith(`${BASE}/hooks/`)
        ? Promise.resolve(
            new Response(null, { status: 302, headers: { Location: "https://me.cloudflareaccess.com/" } }),
          )
        : pass(),
    );
    const checks = await operatorRuns();
    expect(checks.file_url?.state).toBe("ok");
    expect(checks.webhook_loop).toMatchObject({ state: "fail", message: expect.stringContaining("Cloudflare Access") });
  });

  test("leaves the probe of a run beside it, and deletes what an interrupted one left", async () => {
    vi.useRealTimers();
    await bindings.FILES.put(`${PROBE_ROOT}beside`, "x");
    await operatorRuns();
    const kept = await bindings.FILES.list({ prefix: PROBE_ROOT });
    expect(kept.objects.map(({ key }) => key)).toEqual([`${PROBE_ROOT}beside`]);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 2 * MINUTE_MS });
    await operatorRuns();
    expect((await bindings.FILES.list({ prefix: PROBE_ROOT })).objects).toEqual([]);
  });

  test("goes on when one look breaks", async () => {
    vi.spyOn(bindings.SWEEPER, "getByName").mockImplementation(() => {
      throw new TypeError("gone");
    });
    const checks = await operatorRuns();
    expect(checks.sweep).toMatchObject({ state: "fail", message: "The check could not look (TypeError)." });
    expect(checks.operator_webhook).toBeDefined();
  });
});

describe("a team's self-test", () => {
  test("shows nothing that is the operator's, and runs once a minute", async ({ team, clock }) => {
    const run = () => call("POST", "/v1/team/doctor", { key: team.key });
    expect(Object.keys(await checksOf(await run()))).not.toContain("operator_webhook");
    const soon = await run();
    expect([soon.status, soon.headers.get("Retry-After")]).toEqual([429, "60"]);
    await clock.pass(MINUTE_MS);
    expect((await run()).status).toBe(200);
  });
});

describe("the probe's address", () => {
  test.each([
    "/files/_probe/",
    "/files/_probe/aaaaaaaaaaaaaaaaaaaa.00",
    `/files/_probe/${"a".repeat(20)}.${"0".repeat(68)}`,
  ])("%s is no file's", async (path) => {
    expect((await call("GET", path)).status).toBe(404);
  });
});

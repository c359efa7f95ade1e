// start_timeout_s: ours to keep while the request is held, fal's once it is sent, with what is left of test.

import { expect } from "vitest";
import { MINUTE_MS, SECOND_MS } from "../../../src/platform/time.ts";
import { passTime } from "../../harness/clock.ts";
import { test } from "../../harness/fixtures.ts";
import { expectArmed, ring, runToEnd } from "../../harness/tracker.ts";
import { sandbox, upstreamRequests } from "../../harness/upstream.ts";
import { interceptFetch, upstreamCall } from "../../harness/wire.ts";

const ONE_LIMIT = { limits: [{ name: "month", scope: "team", per: "request", window: "1mo", limit: 5 }] };

test.override({ plan: ONE_LIMIT });

/** Upstream answers the next submit with a 429, so that nothing leaves the account for so many seconds. */
function closeAccountFor(seconds: number): void {
  let closed = false;
  interceptFetch((request, pass) => {
    if (closed || upstreamCall(request) !== "submit") return pass();
    closed = true;
    return Promise.resolve(new Response(null, { status: 429, headers: { "Retry-After": String(seconds) } }));
  });
}

/** The deadline as each request reached the sandbox, under its newer and its older name. */
async function deadlinesSent(): Promise<(string | undefined)[][]> {
  const { requests } = await sandbox<{ requests: { headers: Record<string, string> }[] }>("GET", "requests");
  return requests.map(({ headers }) => [headers["x-fal-request-start-timeout"], headers["x-fal-request-timeout"]]);
}

test("a request that is held past it fails, free, and never goes upstream", async ({ team }) => {
  closeAccountFor(60);
  await team.submit("closes the account");
  const { id, stage } = await team.submit("too late", { start_timeout_s: 5 });
  expect(stage).toBe("held");
  await passTime(5 * SECOND_MS - 1);
  await ring(id);
  expect((await team.read(id)).stage).toBe("held");
  await expectArmed(id);
  await passTime(1);
  const ended = await runToEnd(team, id);
  expect(ended).toMatchObject({
    status: "FAILED",
    error: { code: "upstream_timeout", retryable: true, charged: false },
    upstream: { request_id: null, calls: 0 },
  });
  expect(await team.timeline(id)).toContain("start_timed_out");
  await passTime(MINUTE_MS);
  expect(await ring(id)).toBe(false);
  expect(await upstreamRequests()).toEqual([]);
  expect(await team.used()).toEqual([1]);
});

test("a request that is sent in time takes what is left of it along", async ({ team }) => {
  closeAccountFor(3);
  const { id } = await team.submit("a cat", { start_timeout_s: 10 });
  await passTime(3 * SECOND_MS + 250);
  await ring(id);
  expect((await team.read(id)).stage).toBe("queued");
  expect(await deadlinesSent()).toEqual([["6.75", "6.75"]]);
  expect((await runToEnd(team, id)).status).toBe("COMPLETED");
});

test("less than what fal accepts is sent as the least that it accepts", async ({ team }) => {
  closeAccountFor(3);
  const { id } = await team.submit("a cat", { start_timeout_s: 4 });
  await passTime(3 * SECOND_MS + 500);
  await ring(id);
  expect(await deadlinesSent()).toEqual([["1.1", "1.1"]]);
});

test("a turn that comes as it runs out is not used", async ({ team }) => {
  closeAccountFor(4);
  const { id } = await team.submit("a cat", { start_timeout_s: 4 });
  await passTime(4 * SECOND_MS);
  await ring(id);
  expect((await team.read(id)).error).toMatchObject({ code: "upstream_timeout", charged: false });
  await expectArmed(id);
  expect(await upstreamRequests()).toEqual([]);
});

test.for([
  ["the body's field", { start_timeout_s: 12 }, {}],
  ["the newer header", {}, { "X-Fal-Request-Start-Timeout": "11.2" }],
  ["the older header", {}, { "X-Fal-Request-Timeout": "12" }],
  ["the body's field, whatever the header says", { start_timeout_s: 12 }, { "X-Fal-Request-Timeout": "99" }],
] as const)("it may be given by %s", async ([_where, more, headers], { team }) => {
  const body = { model: "fal-ai/flux/schnell", input: { prompt: "a cat" }, ...more };
  expect((await team.send("POST", "/v1/requests", body, headers)).status).toBe(202);
  expect(await deadlinesSent()).toEqual([["12", "12"]]);
});

test("without one no deadline is sent", async ({ team }) => {
  await team.submit("a cat");
  expect(await deadlinesSent()).toEqual([[undefined, undefined]]);
});

// /fal/run and /fal/proxy: the synchronous calls that wait on the queue, and the client's proxy protocol.

import { describe, expect, vi } from "vitest";
import { SSE_COMMENT_MS } from "../../../src/http/event-stream.ts";
import { call } from "../../harness/calls.ts";
import { passTime } from "../../harness/clock.ts";
import { bindings } from "../../harness/env.ts";
import { eventually } from "../../harness/eventually.ts";
import { test } from "../../harness/fixtures.ts";
import type { Team } from "../../harness/team.ts";
import { hurry } from "../../harness/timers.ts";
import { runToEnd } from "../../harness/tracker.ts";
import { upstreamRequests } from "../../harness/upstream.ts";
import { interceptFetch } from "../../harness/wire.ts";

const MODEL = "fal-ai/flux/schnell";
const PROXY = "/fal/proxy";

interface Body {
  [field: string]: unknown;
  request_id: string;
  message: string;
  error_type: string;
  images: { url: string }[];
}

/** A call that waits, and the request that it began, which is then run to its end. */
async function whileRunning<T>(team: Team, waits: Promise<T>): Promise<T> {
  let id = "";
  await eventually(async () => {
    id = await team.onlyRequest();
    await team.read(id);
  });
  await passTime(5_000);
  await runToEnd(team, id);
  return waits;
}

function run(team: Team, prompt: string, path = `/fal/run/${MODEL}`, headers: Record<string, string> = {}) {
  return team.send<Body>("POST", path, { prompt }, headers);
}

describe("/fal/run", () => {
  test("waits for the end and answers the bare output", async ({ team }) => {
    const answer = await whileRunning(team, run(team, "a cat"));
    expect(answer.status).toBe(200);
    expect(answer.body.images[0]?.url).toMatch(/^https:\/\/sluice\.test\/files\//);
    expect(answer.headers.get("x-fal-request-id")).toBe(await team.onlyRequest());
    expect(answer.headers.get("Content-Type")).toBe("application/json");
  });

  test.for([
    ["refused", 422, "content_policy_violation"],
    ["crash", 424, "runner_connection_error"],
    ["error500", 424, "upstream_failed"],
  ] as const)(
    "answers a failure (%s) with %d, which no client posts again after",
    async ([word, status, type], { team }) => {
      const answer = await whileRunning(team, run(team, `a cat sandbox:${word}`));
      expect([answer.status, answer.body.error_type]).toEqual([status, type]);
      expect(await upstreamRequests()).toHaveLength(1);
    },
  );

  test("answers no 5xx where the paid output cannot be read just now", async ({ team }) => {
    const waits = run(team, "a cat sandbox:webhook-big");
    await eventually(async () => expect((await team.read(await team.onlyRequest())).stage).toBe("queued"));
    const real = bindings.FILES.get.bind(bindings.FILES);
    vi.spyOn(bindings.FILES, "get").mockImplementation(((key: string, options: R2GetOptions) =>
      key.includes("output") && key.includes("text")
        ? Promise.reject(new Error("R2 is down"))
        : real(key, options)) as typeof real);
    await passTime(5_000);
    await runToEnd(team, await team.onlyRequest()).catch(() => undefined);
    const answer = await waits;
    expect([answer.status, answer.body.error_type]).toEqual([424, "storage_failed"]);
    expect(answer.body.message).toContain(await team.onlyRequest());
  });

  test.for([
    "/fal/run/sandbox/echo",
    "/fal/run/sandbox/echo/stream",
    "/fal/queue/sandbox/echo",
    "/maton/fal-ai/sandbox/echo",
  ])("takes an empty body for an empty input: %s", async (path, { team }) => {
    const waits = call("POST", path, { headers: { Authorization: `Key ${team.key}` } });
    const answer = await whileRunning(team, waits);
    expect([answer.status, await upstreamRequests()]).toMatchObject([200, [{ input: {} }]]);
  });

  test("refuses like a submit, before anything waits", async ({ team }) => {
    expect((await run(team, "a cat", "/fal/run/flux/schnell")).body.message).toContain("fal-ai/flux/schnell");
  });
});

describe("/fal/run/…/stream", () => {
  test("sends the final output as its one event", async ({ team }) => {
    const answer = await whileRunning(team, stream(team, "a cat"));
    expect(answer.headers.get("Content-Type")).toBe("text/event-stream");
    const [event, ...rest] = (await answer.text()).split("\n\n").filter((part) => part !== "");
    expect(rest).toEqual([]);
    expect((JSON.parse(event?.slice("data: ".length) ?? "") as Body).images[0]?.url).toContain("/files/");
  });

  test("answers an early failure as an ordinary error", async ({ team }) => {
    const answer = await whileRunning(team, stream(team, "a cat sandbox:refused"));
    expect([answer.status, answer.headers.get("Content-Type")]).toEqual([422, "application/json"]);
  });

  test("begins with comments when it takes longer, and ends after a failure's event", async ({ team }) => {
    hurry(SSE_COMMENT_MS);
    const answer = await stream(team, "a cat sandbox:crash");
    expect([answer.status, answer.headers.get("Content-Type")]).toEqual([200, "text/event-stream"]);
    const id = await team.onlyRequest();
    expect(answer.headers.get("x-fal-request-id")).toBe(id);
    let text = "";
    const read = async (): Promise<string> => {
      for await (const part of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) text += part;
      return "ended";
    };
    const ended = read();
    await eventually(async () => expect(text).toContain(": keep-alive"));
    await passTime(5_000);
    await runToEnd(team, id);
    expect(await ended).toBe("ended");
    expect(text).toMatch(/event: error\ndata: \{.*"error_type":"runner_connection_error".*\}\n\n$/);
  });

  function stream(team: Team, prompt: string): Promise<Response> {
    return call("POST", `/fal/run/${MODEL}/stream`, {
      headers: { Authorization: `Key ${team.key}`, "Content-Type": "application/json" },
      body: JSON.stringify({ prompt }),
    });
  }
});

describe("/fal/proxy", () => {
  const at = (target: string): Record<string, string> => ({ "x-fal-target-url": target });
  const testUnheld = test.extend("plan", { hold_s: 0 });

  testUnheld("submits, tells, cancels and shows the result, and leaves URLs on queue.fal.run", async ({ team }) => {
    const submitted = await team.send<Body>("POST", PROXY, { prompt: "a cat" }, at(`https://queue.fal.run/${MODEL}`));
    expect(submitted.status).toBe(200);
    const id = submitted.body.request_id;
    const url = `https://queue.fal.run/fal-ai/flux/requests/${id}`;
    expect(submitted.body).toMatchObject({
      response_url: url,
      status_url: `${url}/status`,
      cancel_url: `${url}/cancel`,
    });
    expect((await team.send("GET", PROXY, undefined, at(`${url}/status?logs=0`))).status).toBe(202);
    expect((await team.send("GET", PROXY, undefined, at(url))).status).toBe(400);
    await runToEnd(team, id);
    expect((await team.send<Body>("GET", PROXY, undefined, at(`${url}/status?logs=1`))).body.logs).toEqual(
      expect.any(Array),
    );
    expect((await team.send<Body>("GET", PROXY, undefined, at(url))).body.images[0]?.url).toContain("/files/");
    expect((await team.send<Body>("PUT", PROXY, undefined, at(`${url}/cancel`))).body.status).toBe("ALREADY_COMPLETED");
  });

  testUnheld("takes a PUT that claims JSON and has no body", async ({ team }) => {
    const submitted = await team.send<Body>("POST", PROXY, { prompt: "a cat" }, at(`https://queue.fal.run/${MODEL}`));
    const id = submitted.body.request_id;
    const headers = {
      ...at(`https://queue.fal.run/fal-ai/flux/requests/${id}/cancel`),
      "Content-Type": "application/json",
    };
    expect((await team.send("PUT", PROXY, undefined, headers)).status).toBe(202);
    await runToEnd(team, id);
  });

  test("runs", async ({ team }) => {
    const answer = await whileRunning(team, run(team, "a cat", PROXY, at(`https://fal.run/${MODEL}`)));
    expect(answer.body.images[0]?.url).toContain("/files/");
  });

  test.for([
    ["POST", "https://rest.fal.ai/tokens/", /v1\/tokens.*subscribe/],
    ["POST", "https://evilfal.run/fal-ai/flux", /queue\.fal\.run/],
    ["GET", "https://fal.run/fal-ai/flux", /queue\.fal\.run/],
    ["PUT", "https://queue.fal.run/fal-ai/flux", /queue\.fal\.run/],
  ] as const)(
    "refuses %s to %s, calls nobody, and says what to use instead",
    async ([method, target, message], { team }) => {
      const called: string[] = [];
      interceptFetch((request, pass) => {
        called.push(request.url);
        return pass();
      });
      const body = method === "POST" ? { allowed_apps: ["flux"] } : undefined;
      const answer = await team.send<Body>(method, PROXY, body, at(target));
      expect([answer.status, answer.body.error_type]).toEqual([400, "invalid_request"]);
      expect(answer.body.message).toMatch(message);
      expect(called).toEqual([]);
    },
  );

  test("says that the target is missing", async ({ team }) => {
    const answer = await team.send<Body>("POST", PROXY, { prompt: "a cat" });
    expect(answer.body.message).toContain("`x-fal-target-url` is required");
  });
});

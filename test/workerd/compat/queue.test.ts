// fal's queue under /fal/queue, call by call: statuses, bodies and headers to the letter, as fal's clients look at them.

import { describe, expect } from "vitest";
import { SSE_COMMENT_MS } from "../../../src/http/event-stream.ts";
import { exhaustPace } from "../../harness/account.ts";
import { call } from "../../harness/calls.ts";
import { passTime } from "../../harness/clock.ts";
import { eventually } from "../../harness/eventually.ts";
import { test as base } from "../../harness/fixtures.ts";
import { Team } from "../../harness/team.ts";
import { catchTimers, hurry } from "../../harness/timers.ts";
import { ring, runToEnd } from "../../harness/tracker.ts";

const QUEUE = "/fal/queue";
const MODEL = "fal-ai/flux/schnell";

interface Body {
  [field: string]: unknown;
  request_id: string;
  status: string;
  detail: unknown;
  message: string;
  error_type: string;
}

/** A team whose plan holds nothing, so that pending answers come at once. */
const test = base.extend("unheld", async ({ upstream: _upstream }) => Team.create({ hold_s: 0 }));

async function submitted(team: Team, prompt = "a cat", model = MODEL): Promise<string> {
  const answer = await team.send<Body>("POST", `${QUEUE}/${model}`, { prompt });
  expect(answer.status).toBe(200);
  return answer.body.request_id;
}

function get(team: Team, path: string) {
  return team.send<Body>("GET", `${QUEUE}/${path}`);
}

const at = (id: string, app = "fal-ai/flux"): string => `${app}/requests/${id}`;

/** What a run of the sandbox writes to its log. */
const LINES = ["Loading the model", "Step 1 of 4", "Step 2 of 4", "Step 3 of 4", "Step 4 of 4", "Done"];

describe("a submit", () => {
  test("answers 200 with the id and URLs under the caller's origin and prefix, the model's sub-path and query left out", async ({
    team,
  }) => {
    const answer = await team.send<Body>("POST", `${QUEUE}/${MODEL}?fal_max_queue_length=7`, { prompt: "a cat" });
    const id = answer.body.request_id;
    expect(answer.status).toBe(200);
    expect(answer.headers.get("Content-Type")).toBe("application/json");
    expect(answer.headers.get("x-fal-request-id")).toBe(id);
    const url = `https://sluice.test/fal/queue/fal-ai/flux/requests/${id}`;
    expect(answer.body).toEqual({
      status: "IN_QUEUE",
      request_id: id,
      response_url: url,
      status_url: `${url}/status`,
      cancel_url: `${url}/cancel`,
      queue_position: expect.any(Number),
    });
    await runToEnd(team, id);
  });

  test("keeps three segments of a workflow", async ({ unheld: team }) => {
    const answer = await team.send<Body>("POST", `${QUEUE}/workflows/acme/poster/v2/`, { prompt: "a cat" });
    expect(answer.body.response_url).toBe(
      `https://sluice.test/fal/queue/workflows/acme/poster/requests/${answer.body.request_id}`,
    );
    expect((await get(team, at(answer.body.request_id, "workflows/acme/poster"))).status).toBe(400);
    await runToEnd(team, answer.body.request_id);
  });

  test("is counted, priced and owned as the same submit of v1 is", async () => {
    const limits = [{ name: "one", scope: "team", per: "request", limit: 1, window: "1d" }];
    const team = await Team.create({ limits });
    const id = await submitted(team);
    const refused = await team.send<Body>("POST", `${QUEUE}/${MODEL}`, { prompt: "another" });
    expect(refused.status).toBe(402);
    expect(refused.body).toMatchObject({ error_type: "quota_exceeded", error: { code: 402 } });
    expect(refused.headers.get("RateLimit")).toContain("one");
    expect((await runToEnd(team, id)).model).toBe(MODEL);
  });

  test.for([
    [
      "a model without its owner",
      "flux/schnell",
      { prompt: "a cat" },
      404,
      "not_found",
      /Did you mean "fal-ai\/flux\/schnell"/,
    ],
    ["an id that is none", "fal-ai", { prompt: "a cat" }, 400, "invalid_request", /owner\/app/],
    ["a wrong input", MODEL, { prompt: 7 }, 422, "invalid_input", /prompt/],
    ["a body that is no object", MODEL, [1], 400, "invalid_request", /object/],
    ["an empty body, where the model needs a prompt", MODEL, "", 422, "invalid_input", /prompt/],
  ] as const)(
    "of %s is refused in words that all clients show",
    async ([_name, model, body, status, code, message], { team }) => {
      const answer = await team.send<Body>("POST", `${QUEUE}/${model}`, body);
      expect(answer.status).toBe(status);
      expect(answer.body).toMatchObject({ error_type: code, message: expect.stringMatching(message) });
      expect(answer.body.error).toEqual({ message: answer.body.message, code: status });
      const asField = [{ loc: ["body"], msg: answer.body.message, type: "value_error" }];
      expect(answer.body.detail).toEqual(status === 422 ? asField : answer.body.message);
      expect(answer.headers.get("x-fal-error-type")).toBe(code);
      expect(answer.headers.get("x-fal-needs-retry")).toBe("0");
      expect(answer.headers.get("x-fal-retryable")).toBe("0");
      expect(answer.headers.get("x-fal-request-id")).toBeNull();
    },
  );

  test.for([
    ["submit-400", 400, "bad_request"],
    ["submit-422", 422, "missing"],
  ] as const)(
    "that fal refuses at once (%s) is refused with %d, which no client takes for a reason to post again",
    async ([word, status, type], { team }) => {
      const answer = await team.send<Body>("POST", `${QUEUE}/${MODEL}`, { prompt: `a cat sandbox:${word}` });
      expect([answer.status, answer.body.error_type]).toEqual([status, type]);
      expect(answer.body.message).not.toBe("");
    },
  );

  test("that may have been taken answers 200, and its failure is told by status and result", async ({
    unheld: team,
  }) => {
    const answer = await team.send<Body>("POST", `${QUEUE}/${MODEL}`, {
      prompt: "a cat sandbox:submit-drop,webhook-lost",
    });
    expect(answer.status).toBe(200);
    const { id } = { id: answer.body.request_id };
    await passTime(7 * 3_600_000);
    await ring(id);
    const status = await get(team, `${at(id)}/status`);
    expect([status.status, status.body.status, status.body.error_type]).toEqual([200, "COMPLETED", "submit_uncertain"]);
    const result = await get(team, at(id));
    expect([result.status, result.body.error_type]).toEqual([424, "submit_uncertain"]);
  });
});

describe("a status", () => {
  test("is 202 while it waits and works, 200 when it is over, with fal's fields", async ({ unheld: team }) => {
    const id = await submitted(team);
    const first = await get(team, `${at(id)}/status`);
    expect([first.status, first.body.status]).toEqual([202, "IN_QUEUE"]);
    expect(first.body.queue_position).toEqual(expect.any(Number));
    expect(first.headers.get("x-fal-request-id")).toBe(id);
    await runToEnd(team, id);
    const last = await get(team, `${at(id)}/status`);
    expect(last.status).toBe(200);
    const url = `https://sluice.test/fal/queue/fal-ai/flux/requests/${id}`;
    expect(last.body).toEqual({
      ...{ status: "COMPLETED", request_id: id, response_url: url, status_url: `${url}/status` },
      ...{ cancel_url: `${url}/cancel`, logs: null, metrics: expect.any(Object) },
    });
  });

  test.for(["?logs=1", "?logs=true", "/?logs=1"])(
    "%s has log lines, and without it null",
    async (query, { unheld: team }) => {
      const id = await submitted(team);
      await runToEnd(team, id, { webhooks: false });
      const { logs } = (await get(team, `${at(id)}/status${query}`)).body;
      expect((logs as { message: string }[]).map(({ message }) => message)).toEqual(LINES);
      for (const off of ["", "?logs=0", "?logs=false", "/"]) {
        expect((await get(team, `${at(id)}/status${off}`)).body.logs).toBeNull();
      }
    },
  );

  test("takes the app, the whole model id and any sub-path, and knows no request of another app", async ({
    unheld: team,
  }) => {
    const id = await submitted(team);
    for (const app of ["fal-ai/flux", MODEL, "fal-ai/flux/anything/else"]) {
      expect((await get(team, `${at(id, app)}/status`)).status).toBe(202);
    }
    for (const app of ["fal-ai/fast-sdxl", "fal-ai", "workflows/fal-ai/flux"]) {
      const answer = await get(team, `${at(id, app)}/status`);
      expect([answer.status, answer.body.status]).toEqual([404, "NOT_FOUND"]);
    }
    await runToEnd(team, id);
  });

  test("of somebody else's request is 404 like an id that nobody made", async ({ unheld: team }) => {
    const stranger = await Team.create({ hold_s: 0 });
    const id = await submitted(team);
    const [theirs, madeUp] = [await get(stranger, `${at(id)}/status`), await get(stranger, `${at("nonsense")}/status`)];
    expect(theirs.status).toBe(404);
    expect(theirs.body).toEqual(madeUp.body);
    await runToEnd(team, id);
  });

  test("is told at once when it is news, and held while the caller knows it already", async ({ team }) => {
    const id = await submitted(team);
    const expire = catchTimers(10_000);
    expect((await get(team, `${at(id)}/status`)).body.status).toBe("IN_QUEUE");
    let answered = false;
    const held = get(team, `${at(id)}/status`).then((answer) => {
      answered = true;
      return answer;
    });
    await passTime(5_000);
    expect(answered).toBe(false);
    await runToEnd(team, id);
    expect((await held).body.status).toBe("IN_PROGRESS");
    expect((await get(team, `${at(id)}/status`)).body.status).toBe("COMPLETED");
    expire();
  });
});

describe("a result", () => {
  test("is 400 with fal's own words while it is not over, and the bare output then", async ({ unheld: team }) => {
    const id = await submitted(team, "a cat");
    const pending = await get(team, at(id));
    expect(pending.status).toBe(400);
    expect(pending.body.detail).toBe("Request is still in progress");
    await runToEnd(team, id);
    for (const path of [at(id), `${at(id)}/`, `${at(id)}/response`, at(id, MODEL)]) {
      const answer = await get(team, path);
      expect(answer.status).toBe(200);
      expect(answer.headers.get("Content-Type")).toBe("application/json");
      expect(answer.headers.get("x-fal-request-id")).toBe(id);
      const { images } = answer.body as unknown as { images: { url: string }[] };
      expect(images[0]?.url).toMatch(/^https:\/\/sluice\.test\/files\//);
    }
  });

  test("keeps whole numbers above 2^53 as the model wrote them, and adds nothing", async ({ unheld: team }) => {
    const input = '{"prompt":"a cat","seed":196619188014358660}';
    const answer = await team.send<Body>("POST", `${QUEUE}/${MODEL}`, input);
    const id = answer.body.request_id;
    await runToEnd(team, id);
    const result = await call("GET", `${QUEUE}/${at(id)}`, { headers: { Authorization: `Key ${team.key}` } });
    const text = await result.text();
    expect(text).toContain('"seed":196619188014358660');
    const output = JSON.parse(text) as { images: object[] };
    expect(Object.keys(output)).toEqual(["images", "timings", "seed", "has_nsfw_concepts", "prompt"]);
    expect(output.images.map((image) => Object.keys(image))).toEqual([["url", "content_type", "width", "height"]]);
  });

  test.for([
    ["refused", 422, "content_policy_violation", "x"],
    ["invalid", 422, "invalid_input", "The input could not be processed"],
    ["crash", 503, "runner_connection_error", "The runner could not be reached"],
    ["error500", 500, "upstream_failed", "Internal Server Error"],
  ] as const)(
    "of a failed run (%s) is fal's own code %d and body, by poll and by webhook",
    async ([word, status, type, detail], { unheld: team }) => {
      for (const webhooks of [true, false]) {
        const id = await submitted(team, `a cat sandbox:${word}`);
        await runToEnd(team, id, { webhooks });
        const told = await get(team, `${at(id)}/status`);
        expect([told.status, told.body.status]).toEqual([200, "COMPLETED"]);
        expect(told.body.error).toEqual(expect.any(String));
        const result = await get(team, at(id));
        expect(result.status).toBe(status);
        expect(result.headers.get("x-fal-request-id")).toBe(id);
        if (word === "refused") expect(result.body.detail).toEqual([expect.objectContaining({ type })]);
        else expect(result.body.detail).toBe(detail);
        // A webhook does not say the machine name of an error that is a mere text.
        if (!webhooks || word === "refused")
          expect([told.body.error_type, result.body.error_type]).toEqual([type, type]);
      }
    },
  );

  test("that a start deadline ended is 504 with the mark that no client tries again after", async ({
    unheld: team,
  }) => {
    await exhaustPace();
    const deadline = { "x-fal-request-timeout": "2" };
    const answer = await team.send<Body>("POST", `${QUEUE}/${MODEL}`, { prompt: "a cat" }, deadline);
    const id = answer.body.request_id;
    await passTime(3_000);
    expect((await runToEnd(team, id)).status).toBe("FAILED");
    const result = await get(team, at(id));
    expect([result.status, result.headers.get("x-fal-request-timeout-type")]).toEqual([504, "user"]);
    expect(result.body.error_type).toBe("request_timeout");
  });
});

describe("a cancel", () => {
  const cancel = (team: Team, id: string) => team.send<Body>("PUT", `${QUEUE}/${at(id)}/cancel`);

  test("is 202 while it is not over, 400 afterwards and 404 for no such request", async ({ unheld: team }) => {
    const id = await submitted(team);
    const first = await cancel(team, id);
    expect([first.status, first.body]).toEqual([202, { status: "CANCELLATION_REQUESTED" }]);
    await runToEnd(team, id);
    const late = await cancel(team, id);
    expect([late.status, late.body.status]).toEqual([400, "ALREADY_COMPLETED"]);
    const none = await cancel(team, "0".repeat(64));
    expect([none.status, none.body.status]).toEqual([404, "NOT_FOUND"]);
  });

  test("that fal granted shows as COMPLETED with an error, and result 499", async ({ unheld: team }) => {
    const id = await submitted(team);
    await cancel(team, id);
    expect((await runToEnd(team, id)).status).toBe("CANCELED");
    const status = await get(team, `${at(id)}/status`);
    expect(status.body).toMatchObject({ status: "COMPLETED", error_type: "client_cancelled" });
    expect((await get(team, at(id))).status).toBe(499);
  });
});

describe("a status stream", () => {
  test("has an event for each change, new log lines once, and ends with COMPLETED", async ({ team }) => {
    const id = await submitted(team);
    const response = await call("GET", `${QUEUE}/${at(id)}/status/stream?logs=1`, {
      headers: { Authorization: `Bearer ${team.key}`, Accept: "application/json, text/event-stream" },
    });
    expect(response.headers.get("Content-Type")).toBe("text/event-stream");
    expect(response.headers.get("x-fal-request-id")).toBe(id);
    const whole = response.text();
    await eventually(async () => expect(await ring(id)).toBe(true));
    await runToEnd(team, id, { webhooks: false });
    const events = (await whole).split("\n\n").filter((part) => part.startsWith("data: "));
    const told = events.map((event) => JSON.parse(event.slice(6)) as Body);
    expect(told[0]?.status).toBe("IN_QUEUE");
    expect(told.at(-1)).toMatchObject({ status: "COMPLETED", request_id: id, metrics: expect.any(Object) });
    const lines = told.flatMap(({ logs }) => (logs ?? []) as { message: string }[]).map(({ message }) => message);
    expect(lines).toEqual(LINES);
  });

  test("has comments while nothing changes, so that no proxy takes it for dead", async ({ team }) => {
    const id = await submitted(team);
    hurry(SSE_COMMENT_MS);
    const answer = await call("GET", `${QUEUE}/${at(id)}/status/stream`, {
      headers: { Authorization: `Bearer ${team.key}` },
    });
    let text = "";
    for await (const part of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += part;
      if (text.includes(": keep-alive")) break;
    }
    expect(text).toMatch(/^data: \{.*"IN_QUEUE".*\n\n(: keep-alive\n\n)+/);
    await runToEnd(team, id);
  });

  test("of no such request is an ordinary 404", async ({ team }) => {
    expect((await get(team, `${at("0".repeat(64))}/status/stream`)).status).toBe(404);
  });
});

describe("paths that are none", () => {
  test("are refused in the same words: 404 and 405", async ({ team }) => {
    const answer = await team.send<Body>("GET", "/fal/nothing");
    expect([answer.status, answer.body.error_type, answer.body.error]).toEqual([
      404,
      "not_found",
      { message: answer.body.message, code: 404 },
    ]);
    const method = await team.send<Body>("DELETE", `${QUEUE}/${MODEL}`);
    expect([method.status, method.headers.get("Allow")]).toEqual([405, expect.stringContaining("POST")]);
  });
});

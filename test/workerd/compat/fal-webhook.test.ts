// `fal_webhook` on the compatible surfaces: the end told in fal's body, signed as all our webhooks are.

import { describe, expect } from "vitest";
import { SECOND_MS } from "../../../src/platform/time.ts";
import { EVENT_BODY_MAX_BYTES } from "../../../src/webhooks/event-body.ts";
import { introduceAccount } from "../../harness/account.ts";
import { passTime } from "../../harness/clock.ts";
import { teamSecret } from "../../harness/deliveries.ts";
import { test as base } from "../../harness/fixtures.ts";
import type { Received } from "../../harness/receiver.ts";
import { ring, runToEnd } from "../../harness/tracker.ts";

const HOOK = "https://own.example/done";

/** A request that was made with `fal_webhook` and has ended; what its receiver got. */
const test = base.extend("told", async ({ team, receivers }) => {
  await introduceAccount(team);
  receivers.secrets.set("own.example", [await teamSecret(team)]);
  return async (
    prefix: string,
    prompt: string,
    model = "fal-ai/flux/schnell",
  ): Promise<{ id: string; received: Received; body: unknown }> => {
    const path = `${prefix}/${model}?fal_webhook=${encodeURIComponent(HOOK)}`;
    const submitted = await team.send<{ request_id: string }>("POST", path, { prompt });
    expect(submitted.status).toBe(200);
    const id = submitted.body.request_id;
    await passTime(5 * SECOND_MS);
    await runToEnd(team, id);
    for (let n = 0; n < 3; n++) await ring(id);
    const [received] = receivers.at("own.example");
    if (received === undefined) throw new Error("nothing came");
    return { id, received, body: JSON.parse(received.body) };
  };
});
test.override({ plan: { hold_s: 0 } });

describe("a caller's fal_webhook", () => {
  test.for(["/fal/queue", "/maton/fal-ai"])(
    "given at %s hears of a good end in fal's shape, files under our URLs",
    async (prefix, { told }) => {
      const { id, body } = await told(prefix, "a cat");
      expect(body).toEqual({
        ...{ request_id: id, gateway_request_id: id, status: "OK" },
        payload: expect.objectContaining({
          images: [expect.objectContaining({ url: expect.stringContaining("https://sluice.test/files/") })],
        }),
      });
    },
  );

  test("hears of a failed run with its code and fields", async ({ told }) => {
    const { id, body } = await told("/fal/queue", "a cat sandbox:refused");
    expect(body).toEqual({
      ...{ request_id: id, gateway_request_id: id, status: "ERROR", error: "Invalid status code: 422" },
      payload: { detail: [expect.objectContaining({ type: "content_policy_violation" })] },
    });
  });

  test("is told of an output that is too large for it without the output", async ({ told }) => {
    const { body } = await told("/fal/queue", "x".repeat(EVENT_BODY_MAX_BYTES), "sandbox/echo");
    expect(body).toMatchObject({ status: "OK", payload: null, payload_error: expect.stringContaining("too large") });
  });

  test("does not change what the team's endpoints read", async ({ team, receivers, told }) => {
    const made = await team.send<{ secret: string }>("POST", "/v1/webhooks", { url: "https://all.example/hook" });
    receivers.secrets.set("all.example", [made.body.secret]);
    const { id } = await told("/fal/queue", "a cat");
    const [received] = receivers.at("all.example");
    expect(JSON.parse(received?.body ?? "null")).toMatchObject({ type: "request.completed", data: { id } });
  });

  test("that no receiver may have is refused before anything is paid", async ({ team }) => {
    const submit = (hook: string) =>
      team.send<{ error_type: string }>("POST", `/fal/queue/fal-ai/flux/schnell?fal_webhook=${hook}`, {
        prompt: "a cat",
      });
    for (const hook of ["http%3A%2F%2F127.0.0.1%2Fx", "nonsense", "https%3A%2F%2Fsluice.test%2Fhooks%2Ffal%2Fx"]) {
      const refused = await submit(hook);
      expect([refused.status, refused.body.error_type]).toEqual([400, "invalid_request"]);
    }
  });
});

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { acquire, BUFFER_BUDGET_BYTES } from "../../../../src/net/byte-budget.ts";
import { type TurnstileCheck, turnstileFault } from "../../../../src/team/auth/turnstile.ts";

const CHECK: TurnstileCheck = {
  verifyUrl: "https://challenges.cloudflare.com/turnstile/v0/siteverify",
  secret: "0x4AAAAAAA-a-real-secret",
  hostname: "demo.example",
  token: "XXXX.a-widgets-token.XXXX",
  address: "203.0.113.7",
  isLocal: false,
};
const PASSES = "1x0000000000000000000000000000000AA";

const fetchSpy = vi.spyOn(globalThis, "fetch");
const log = vi.spyOn(console, "log");

beforeEach(() => {
  fetchSpy.mockReset();
  log.mockReset().mockImplementation(() => undefined);
});

afterEach(async () => {
  // Waits for ever when a call kept bytes that nobody can release any more.
  const all = await acquire(BUFFER_BUDGET_BYTES);
  all?.release();
});

function answerWith(body: unknown, status = 200): void {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  fetchSpy.mockImplementation(async () => new Response(text, { status }));
}

const passed = { success: true, "error-codes": [], hostname: "demo.example" };

describe("Turnstile", () => {
  test("lets pass who Cloudflare says passed on the right site", async () => {
    answerWith(passed);
    expect(await turnstileFault(CHECK)).toBeNull();
    const [url, init] = fetchSpy.mock.calls[0] ?? [];
    expect(String(url)).toBe(CHECK.verifyUrl);
    expect(JSON.parse(String(init?.body))).toEqual({
      ...{ secret: CHECK.secret, response: CHECK.token, remoteip: CHECK.address },
    });
  });

  test("sends no address where none is known", async () => {
    answerWith(passed);
    await turnstileFault({ ...CHECK, address: null });
    expect(JSON.parse(String(fetchSpy.mock.calls[0]?.[1]?.body))).not.toHaveProperty("remoteip");
  });

  test.each([
    ["on another site", { ...passed, hostname: "evil.example" }, "forbidden", "another hostname"],
    ["on a site below ours", { ...passed, hostname: "x.demo.example" }, "forbidden", "another hostname"],
    ["on a site that is not named", { success: true }, "forbidden", "another hostname"],
    [
      "not",
      { success: false, "error-codes": ["invalid-input-response"] },
      "forbidden",
      "invalid, expired or already used",
    ],
    [
      "before, with the same token",
      { success: false, "error-codes": ["timeout-or-duplicate"] },
      "forbidden",
      "already used",
    ],
    [
      "for a secret it does not know",
      { success: false, "error-codes": ["invalid-input-secret"] },
      "misconfigured",
      "secret",
    ],
    [
      "when Cloudflare has a fault",
      { success: false, "error-codes": ["internal-error"] },
      "internal",
      "could not be reached",
    ],
    ["in an answer that is none", "<html>", "internal", "could not be reached"],
    ["in an answer of another shape", { ok: true }, "internal", "could not be reached"],
  ])("stops who passed %s", async (_what, answer, code, words) => {
    answerWith(answer);
    const refusal = await turnstileFault(CHECK);
    expect(refusal?.code).toBe(code);
    expect(`${refusal?.detail}`).toContain(words);
  });

  test("cannot be passed while siteverify is not to be had", async () => {
    answerWith("{}", 503);
    expect(await turnstileFault(CHECK)).toMatchObject({ code: "internal" });
    fetchSpy.mockImplementation(async () => {
      throw new TypeError("network");
    });
    expect(await turnstileFault(CHECK)).toMatchObject({ code: "internal" });
  });

  test.each([undefined, "", "x".repeat(2_049)])("asks nobody about what cannot be a token", async (token) => {
    expect(await turnstileFault({ ...CHECK, token })).toMatchObject({ code: "forbidden" });
    expect(fetchSpy).not.toHaveBeenCalled();
  });

  test.each([PASSES, PASSES.replace("1x", "2x"), PASSES.replace("1x", "3x")])(
    "refuses the test secret %s where the world can reach it",
    async (secret) => {
      expect(await turnstileFault({ ...CHECK, secret })).toMatchObject({
        code: "forbidden",
        hint: expect.stringContaining("Test secrets"),
      });
      expect(fetchSpy).not.toHaveBeenCalled();
    },
  );

  test("takes a test secret on this machine, whatever host its answer names", async () => {
    answerWith({ ...passed, hostname: "example.com" });
    expect(await turnstileFault({ ...CHECK, secret: PASSES, isLocal: true })).toBeNull();
  });

  test("never logs a secret, a token or an address", async () => {
    for (const codes of [["invalid-input-secret"], ["timeout-or-duplicate"]]) {
      answerWith({ success: false, "error-codes": codes });
      await turnstileFault(CHECK);
    }
    const lines = log.mock.calls.flat().join();
    expect(log).toHaveBeenCalledTimes(2);
    for (const secret of [CHECK.secret, "a-widgets-token", "203.0.113.7"]) expect(lines).not.toContain(secret);
  });
});

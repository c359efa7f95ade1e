// The line that a call leaves in the log: which calls have one, and what it shows.

import { createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, test, vi } from "vitest";
import { createApp } from "../../../src/app.ts";
import { isSampled } from "../../../src/platform/log.ts";
import { type CallOptions, requestOf } from "../../harness/calls.ts";
import { Team } from "../../harness/team.ts";

const app = createApp();

afterEach(() => {
  vi.restoreAllMocks();
});

/** Calls, and what was logged of it. */
async function logged(
  share: string,
  method: string,
  path: string,
  options: CallOptions = {},
  bindings: Partial<typeof env> = {},
): Promise<{ id: string; status: number; lines: Record<string, unknown>[]; text: string }> {
  const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
  const request = requestOf(method, path, options);
  const response = await app.fetch(request, { ...env, ...bindings, LOG_SAMPLE: share }, createExecutionContext());
  const text = log.mock.calls.map(([line]) => String(line)).join("\n");
  log.mockRestore();
  const lines = text === "" ? [] : text.split("\n").map((line) => JSON.parse(line) as Record<string, unknown>);
  return {
    id: response.headers.get("X-Request-Id") ?? "",
    status: response.status,
    lines: lines.filter(({ event }) => event === "call.answered"),
    text,
  };
}

describe("a call that goes well", () => {
  test("is logged with its declared path, its caller and nothing that it carried", async () => {
    const { id: team, key, keyId } = await Team.create();
    const { id, lines, text } = await logged("1", "GET", "/v1/usage?user=ada-lovelace&group_by=day", { key });
    expect(lines).toEqual([
      {
        ...{ event: "call.answered", call: id, method: "GET", route: "/v1/usage", status: 200 },
        ...{ team, key: keyId, ms: expect.any(Number) },
      },
    ]);
    expect(text).not.toMatch(new RegExp(`ada-lovelace|group_by|${key}`));
  });

  test("is logged for the share of calls that its id is in, and for no other", async () => {
    const { key } = await Team.create();
    const found = { logged: 0, left: 0 };
    for (let n = 0; n < 40; n++) {
      const { id, lines } = await logged("0.5", "GET", "/v1/me", { key });
      expect(lines.length).toBe(isSampled(id, 0.5) ? 1 : 0);
      found[lines.length === 1 ? "logged" : "left"]++;
    }
    expect([found.logged, found.left]).not.toContain(0);
  });

  test("is not logged with a share of nothing; nor is a preflight, nor a health check", async () => {
    const { key } = await Team.create();
    expect((await logged("0", "GET", "/v1/me", { key })).lines).toEqual([]);
    expect((await logged("1", "OPTIONS", "/v1/me")).lines).toEqual([]);
    expect((await logged("1", "GET", "/healthz")).lines).toEqual([]);
  });
});

describe("a call that is refused or fails is logged whatever the share:", () => {
  test.each<[string, string, string, CallOptions, Record<string, unknown>]>([
    ["a made-up key", "GET", "/v1/me", { key: "let-me-in" }, { route: "/v1/me", status: 401, code: "unauthenticated" }],
    [
      ...(["on a surface in fal's format", "GET", "/fal/queue/fal-ai/flux/requests/0/status", {}] as const),
      { status: 401, code: "unauthenticated", route: expect.stringMatching(/^\/fal\/queue\/:/) },
    ],
    ["a file that is not there", "GET", "/files/acme/0.mark/0/x.png", {}, { route: "/files/…", status: 404 }],
    [
      "a path that nobody has",
      "GET",
      "/wp-login.php?password=x",
      {},
      { route: "other", status: 404, code: "not_found" },
    ],
    ["fal's webhook with a made-up token", "POST", "/hooks/fal/0/made-up", {}, { route: "/hooks/…", status: 404 }],
  ])("%s", async (_name, method, path, options, shown) => {
    const { id, status, lines, text } = await logged("0", method, path, options);
    expect(lines).toEqual([
      { event: "call.answered", call: id, method, ms: expect.any(Number), ...shown, code: lines[0]?.code },
    ]);
    if (shown.code !== undefined) expect(lines[0]?.code).toBe(shown.code);
    expect(status).toBe(shown.status);
    expect(text).not.toMatch(/let-me-in|mark|x\.png|wp-login|password|made-up/);
  });

  test("a fault, beside the line with its class", async () => {
    const { key } = await Team.create();
    const getByName = () => {
      throw new TypeError("inner text");
    };
    const TEAM = { getByName } as unknown as DurableObjectNamespace;
    const { id, lines, text } = await logged("0", "GET", "/v1/me", { key }, { TEAM });
    expect(lines).toMatchObject([{ call: id, status: 500, code: "internal" }]);
    expect(text).toContain('"event":"call.failed"');
    expect(text).not.toContain("inner text");
  });
});

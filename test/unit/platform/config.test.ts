// The configuration: every variable's default, its good spellings, and its refusal by name and without its value.

import { describe, expect, test } from "vitest";
import type { Env } from "../../../src/platform/bindings.ts";
import { parseConfig, readConfig, requireConfig, VARIABLE_NAMES } from "../../../src/platform/config.ts";

const SECRET = "0123456789abcdef0123456789abcdef";
const NEEDED = { MATON_API_KEY: "maton-key", SIGNING_KEY: SECRET };

function read(name: string, value: string | undefined): unknown {
  const parsed = parseConfig({ ...NEEDED, [name]: value });
  return parsed.ok ? (parsed.config as Record<string, unknown>)[name] : parsed.problems;
}

describe("defaults", () => {
  test("are the real services, with nothing else set", () => {
    expect(parseConfig(NEEDED)).toEqual({
      ok: true,
      config: {
        MATON_API_KEY: "maton-key",
        MATON_GATEWAY_URL: "https://gateway.maton.ai",
        MATON_CONTROL_URL: "https://ctrl.maton.ai",
        FAL_JWKS_URL: "https://rest.fal.ai/.well-known/jwks.json",
        FAL_MEDIA_HOSTS: ["fal.media", "*.fal.media"],
        SIGNING_KEY: [SECRET],
        UPSTREAM_RPS: 10,
        UPSTREAM_SLOTS: 40,
        OBJECT_SIZE_LIMIT_MB: 10_000,
        HISTORY_DAYS: 400,
        LOG_SAMPLE: 1,
        RELAY_ALLOW_HOSTS: [],
        TURNSTILE_VERIFY_URL: "https://challenges.cloudflare.com/turnstile/v0/siteverify",
      },
    });
  });

  test.each(VARIABLE_NAMES.filter((name) => !(name in NEEDED)))(
    "hold for %s when it is empty, as when it is not set",
    (name) => {
      expect(read(name, "")).toEqual(read(name, undefined));
    },
  );
});

describe("good spellings", () => {
  test.each<[string, string, unknown]>([
    ["MATON_CONNECTION", "connection-1", "connection-1"],
    ["MATON_GATEWAY_URL", "https://api.maton.ai/", "https://api.maton.ai"],
    ["MATON_GATEWAY_URL", "http://127.0.0.1:8788/maton//", "http://127.0.0.1:8788/maton"],
    ["FAL_JWKS_URL", "http://localhost:8788/jwks.json", "http://localhost:8788/jwks.json"],
    ["FAL_MEDIA_HOSTS", " v3.fal.media ,, http://localhost:8788 ", ["v3.fal.media", "http://localhost:8788"]],
    ["FAL_MEDIA_HOSTS", "V3.fal.media:8443", ["V3.fal.media:8443"]],
    ["PUBLIC_URL", "https://sluice.example", "https://sluice.example"],
    ["BASE_URL", "https://sluice.example/base/", "https://sluice.example/base"],
    ["SIGNING_KEY", `${SECRET}, ${SECRET}2`, [SECRET, `${SECRET}2`]],
    ["SIGNING_KEY", "é".repeat(16), ["é".repeat(16)]],
    ["ADMIN_TOKEN", SECRET, SECRET],
    ["UPSTREAM_RPS", "1", 1],
    ["LOCATION_HINT", "weur", "weur"],
    ["JURISDICTION", "eu", "eu"],
    ["LOG_SAMPLE", "0", 0],
    ["LOG_SAMPLE", "0.05", 0.05],
    ["LOG_SAMPLE", ".5", 0.5],
    ["LOG_SAMPLE", "1.0", 1],
    ["UPSTREAM_RPS", "9999999", 9_999_999],
    ["RELAY_ALLOW_HOSTS", "localhost:3000, [::1]:80", ["localhost:3000", "[::1]:80"]],
  ])("%s=%j", (name, value, expected) => {
    expect(read(name, value)).toEqual(expected);
  });
});

describe("a bad value", () => {
  /** Must not come back to whoever asks why: it may be half of a secret. */
  const LEAK = "l3ak";

  test.each([
    ["MATON_GATEWAY_URL", `${LEAK}.example`],
    ["MATON_GATEWAY_URL", `ftp://${LEAK}`],
    ["MATON_GATEWAY_URL", `https://x.example/?key=${LEAK}`],
    ["MATON_GATEWAY_URL", `https://x.example/#${LEAK}`],
    ["MATON_GATEWAY_URL", `https://${LEAK} .example`],
    ["MATON_GATEWAY_URL", `https://${LEAK}:port`],
    ["MATON_CONTROL_URL", LEAK],
    ["FAL_JWKS_URL", LEAK],
    ["PUBLIC_URL", LEAK],
    ["BASE_URL", LEAK],
    ["FAL_MEDIA_HOSTS", `v3.fal.media,https://${LEAK}/path`],
    ["FAL_MEDIA_HOSTS", `*${LEAK}`],
    ["FAL_MEDIA_HOSTS", "*.media"],
    ["FAL_MEDIA_HOSTS", "*.0.0.1"],
    ["FAL_MEDIA_HOSTS", "*.fal.media:443"],
    ["FAL_MEDIA_HOSTS", "v*.fal.media"],
    ["FAL_MEDIA_HOSTS", "10.0.0.1"],
    ["FAL_MEDIA_HOSTS", "fal.media."],
    ["FAL_MEDIA_HOSTS", "https://me@fal.media"],
    ["FAL_MEDIA_HOSTS", "http://*.fal.media"],
    ["FAL_MEDIA_HOSTS", `user@${LEAK}`],
    ["SIGNING_KEY", LEAK],
    ["SIGNING_KEY", `${SECRET},${LEAK}`],
    ["SIGNING_KEY", `,${" ".repeat(40)},`],
    ["ADMIN_TOKEN", LEAK],
    ["LOCATION_HINT", LEAK],
    ["LOCATION_HINT", "WEUR"],
    ["JURISDICTION", LEAK],
    ["LOG_SAMPLE", "1.1"],
    ["LOG_SAMPLE", "-0.5"],
    ["LOG_SAMPLE", "10%"],
    ["LOG_SAMPLE", LEAK],
    ["UPSTREAM_RPS", "0"],
    ["UPSTREAM_RPS", "-1"],
    ["UPSTREAM_RPS", "1.5"],
    ["UPSTREAM_RPS", "10000000"],
    ["UPSTREAM_RPS", LEAK],
    ["RELAY_ALLOW_HOSTS", LEAK],
    ["RELAY_ALLOW_HOSTS", `http://${LEAK}:80`],
    ["RELAY_ALLOW_HOSTS", `a:1,user@${LEAK}:80`],
  ])("%s=%j is refused by name and reason alone", (name, value) => {
    const problems = read(name, value);
    expect(problems).toEqual([{ name, message: expect.stringMatching(/\S/) }]);
    expect(JSON.stringify(problems)).not.toContain(LEAK);
  });

  test.each([
    ["MATON_API_KEY", undefined],
    ["MATON_API_KEY", ""],
    ["SIGNING_KEY", undefined],
  ])("%s=%j is missing", (name, value) => {
    expect(read(name, value)).toEqual([{ name, message: "is missing" }]);
  });

  test("does not hide another one", () => {
    const parsed = parseConfig({ UPSTREAM_RPS: "0", PUBLIC_URL: "x" });
    expect(parsed.ok ? [] : parsed.problems.map(({ name }) => name).sort()).toEqual([
      ...["MATON_API_KEY", "PUBLIC_URL", "SIGNING_KEY", "UPSTREAM_RPS"],
    ]);
  });
});

describe("the configuration of an isolate", () => {
  test("is parsed once, beside bindings that are none of its business", () => {
    const env = { ...NEEDED, TEAM: {}, FILES: {} } as unknown as Env;
    expect(readConfig(env)).toBe(readConfig(env));
    expect(requireConfig(env)).not.toHaveProperty("TEAM");
  });

  test("that does not hold stops an object with the names alone", () => {
    const env = { ...NEEDED, ADMIN_TOKEN: "short" } as unknown as Env;
    expect(() => requireConfig(env)).toThrow(new Error("misconfigured: ADMIN_TOKEN"));
  });
});

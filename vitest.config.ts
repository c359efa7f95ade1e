// Tests by runtime: plain Node, the Worker and the sandbox each inside workerd, whole processes, and a real browser before them.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { writeLocalConfig } from "./scripts/local-config.ts";

process.env.CLOUDFLARE_CF_FETCH_ENABLED = "false";
process.env.WRANGLER_SEND_METRICS = "false";

// The Worker's static assets, whose folder its configuration names, and the sandbox: auxiliary Workers cannot be TypeScript.
execFileSync(process.execPath, ["scripts/ensure-built.mjs", "pages", "console", "sandbox"], { stdio: "inherit" });
const compiledSandbox = readFileSync(".build/sandbox/index.js", "utf8");

/** Variables of the Worker under test: the sandbox plays Maton, fal, fal's JWKS and fal's CDN on these names. */
const variables = {
  MATON_API_KEY: "sandbox-maton-key",
  MATON_GATEWAY_URL: "https://gateway.sandbox.test",
  MATON_CONTROL_URL: "https://ctrl.sandbox.test",
  FAL_JWKS_URL: "https://rest.sandbox.test/.well-known/jwks.json",
  FAL_MEDIA_HOSTS: "cdn.sandbox.test",
  PUBLIC_URL: "https://sluice.test",
  SIGNING_KEY: "test-signing-key-of-at-least-32-bytes",
  ADMIN_TOKEN: "test-admin-token-of-at-least-32-bytes",
  // Tests of a file share one account, and many leave requests behind.
  UPSTREAM_SLOTS: "1000",
};

/**
 * The fuzz's seed and length, so that a run can be repeated, and what `npm run freeze` records: code inside workerd does not see this
 * process's environment.
 */
const passedOn = Object.fromEntries(
  ["FUZZ_SEED", "FUZZ_ATTEMPTS", "FREEZE"].flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])),
);

/** What ends a test that hangs. On a busy machine a good one takes its time, which decides nothing. */
const patience = { testTimeout: 300_000, hookTimeout: 300_000 };

export default defineConfig({
  test: {
    silent: "passed-only",
    reporters: ["default", "./test/harness/project-times.ts"],
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/unit/**/*.test.ts"],
          ...patience,
        },
      },
      {
        plugins: [
          cloudflareTest({
            main: "./test/harness/checked-worker.ts",
            wrangler: { configPath: `./${writeLocalConfig()}` },
            miniflare: {
              bindings: { ...variables, ...passedOn },
              outboundService: "sandbox",
              workers: [
                {
                  name: "sandbox",
                  modules: [{ type: "ESModule", path: "index.js", contents: compiledSandbox }],
                  compatibilityDate: "2026-10-15",
                  durableObjects: { FAKE_UPSTREAM: { className: "FakeUpstream", useSQLite: true } },
                  bindings: { SANDBOX_WEBHOOKS: "hold", SANDBOX_CDN_ORIGIN: "https://cdn.sandbox.test" },
                },
              ],
            },
          }),
        ],
        test: {
          name: "workerd",
          include: ["test/workerd/**/*.test.ts"],
          exclude: ["test/workerd/sandbox/**"],
          setupFiles: ["test/harness/quiet.ts", "test/harness/contract.ts", "test/harness/parts.ts"],
          ...patience,
        },
      },
      {
        plugins: [cloudflareTest({ wrangler: { configPath: "./sandbox/wrangler.toml" } })],
        test: {
          name: "sandbox",
          include: ["test/workerd/sandbox/**/*.test.ts"],
          setupFiles: ["test/harness/quiet.ts"],
          ...patience,
        },
      },
      {
        test: {
          name: "process",
          include: ["test/process/**/*.test.ts"],
          fileParallelism: false,
          ...patience,
        },
      },
      {
        test: {
          name: "browser",
          include: ["test/browser/**/*.test.ts"],
          fileParallelism: false,
          ...patience,
        },
      },
    ],
  },
});

// The console's page: for every path under it that is no asset, and for no other path of the deployment.

import { createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { createApp } from "../../../src/app.ts";
import { call, json, requestOf } from "../../harness/calls.ts";

/** What a browser says when a person opens an address. */
const OPENED = { "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", Accept: "text/html" };

describe("the console's page", () => {
  test.each(["/console/requests", "/console/requests/0f?tab=cost", "/console/keys/new", "/console/no/such"])(
    "is the answer to %s",
    async (path) => {
      const response = await call("GET", path, { headers: OPENED });
      expect([response.status, response.headers.get("Content-Type")]).toEqual([200, "text/html; charset=utf-8"]);
      expect(await response.text()).toContain('<div id="app"></div>');
    },
  );

  test("has the policy of the assets: no script, style or call of another origin", async () => {
    const response = await call("GET", "/console/requests", { headers: OPENED });
    const policy = response.headers.get("Content-Security-Policy") ?? "";
    expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'");
    expect(policy).not.toContain("unsafe");
    expect(response.headers.get("Cross-Origin-Resource-Policy")).toBe("same-origin");
  });

  test("opens while the deployment is not configured: it says what is missing", async () => {
    const { ASSETS } = env;
    const request = requestOf("GET", "/console/start", { headers: OPENED });
    const response = await createApp().fetch(request, { ...env, ASSETS, SIGNING_KEY: "" }, createExecutionContext());
    expect(response.status).toBe(200);
  });

  test("has no inline script or style, which its policy would refuse", async () => {
    const page = await (await call("GET", "/console/", { headers: OPENED })).text();
    expect(page.match(/<script(?![^>]*\ssrc=)[^>]*>|<style|\sstyle=|\son\w+=/g)).toBeNull();
  });
});

describe("a path that is not the console's", () => {
  test.each(["/v1/me", "/files/demo/nothing.png", "/consoles", "/v1/requests/0f"])(
    "%s is never a page, although a browser opens it",
    async (path) => {
      const response = await call("GET", path, { headers: OPENED });
      expect(response.status).toBeGreaterThanOrEqual(400);
      expect(response.headers.get("Content-Type")).not.toContain("text/html");
    },
  );

  test("a script of an older version is 404, so that the open page learns that it is gone", async () => {
    const response = await call("GET", "/console/assets/list-00000000.js");
    expect([response.status, (await json(response)).code]).toEqual([404, "not_found"]);
  });

  test("the console takes nothing but reads", async () => {
    expect((await call("POST", "/console/requests", { body: {} })).status).toBe(404);
  });
});

// The public pages and static assets of a running Sluice: what is served where, with which headers, and what never gets a page.

import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Sluice, startSluice } from "../harness/sluice.ts";

let sluice: Sluice;

beforeAll(async () => {
  sluice = await startSluice();
});

afterAll(() => sluice.stop());

function get(path: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${sluice.url}${path}`, { headers, redirect: "manual" });
}

test("the API description is public, readable from any page, kept by caches, and answered 304 by its ETag", async () => {
  const answer = await get("/openapi.json", { Origin: "https://tools.example" });
  expect(answer.status).toBe(200);
  expect(answer.headers.get("Content-Type")).toMatch(/^application\/json/);
  expect(answer.headers.get("Access-Control-Allow-Origin")).toBe("*");
  expect(answer.headers.get("Cache-Control")).toBe("public, max-age=300");
  expect(await answer.text()).toBe(readFileSync("docs/openapi.json", "utf8"));
  const etag = answer.headers.get("ETag") ?? "";
  expect(etag).not.toBe("");
  expect((await get("/openapi.json", { "If-None-Match": etag })).status).toBe(304);
});

const NAVIGATION = {
  "Sec-Fetch-Mode": "navigate",
  "Sec-Fetch-Dest": "document",
  "Sec-Fetch-Site": "none",
  Accept: "text/html,application/xhtml+xml",
};

test.each([
  { path: "/v1/me", status: 401 },
  { path: "/v1/requests", status: 401 },
  { path: "/files/demo/none", status: 404 },
  { path: "/files/demo/a.b/0/picture.png", status: 404 },
  { path: "/unknown", status: 404 },
  { path: "/assets/unknown-12345678.js", status: 404 },
  { path: "/docs/unknown", status: 404 },
])("a browser that opens $path gets no page but $status", async ({ path, status }) => {
  const answer = await get(path, NAVIGATION);
  expect(answer.status).toBe(status);
  expect(answer.headers.get("Content-Type")).toBe("application/problem+json");
});

test.each(["/", "/docs"])("%s has a strict content security policy and nothing inline", async (path) => {
  const answer = await get(path, NAVIGATION);
  expect(answer.status).toBe(200);
  expect(answer.headers.get("Content-Type")).toMatch(/^text\/html/);
  const policy = answer.headers.get("Content-Security-Policy") ?? "";
  expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'");
  expect(policy).toContain("require-trusted-types-for 'script'; trusted-types 'none'");
  expect(policy).not.toContain("unsafe");
  expect(answer.headers.get("X-Content-Type-Options")).toBe("nosniff");
  expect(answer.headers.get("Referrer-Policy")).toBe("no-referrer");
  const html = await answer.text();
  expect(html).not.toMatch(/<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)/);
});

test.each([
  { path: "/docs.md", type: "text/markdown" },
  { path: "/llms.txt", type: "text/plain" },
])("$path is text that other pages may read", async ({ path, type }) => {
  const answer = await get(path, { Origin: "https://tools.example" });
  expect(answer.status).toBe(200);
  expect(answer.headers.get("Content-Type")).toMatch(new RegExp(`^${type}`));
  expect(answer.headers.get("Access-Control-Allow-Origin")).toBe("*");
});

test("scripts and styles have a name of their content and are kept for good", async () => {
  const html = await (await get("/")).text();
  const urls = [...html.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(([, url = ""]) => url);
  expect(urls).toHaveLength(2);
  for (const url of urls) {
    const answer = await get(url);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("Cache-Control")).toBe("public, max-age=31536000, immutable");
  }
});

// The public pages in a real browser: readable with and without script, on every width and in both themes, by WCAG 2.2 AA; and the code
// that the reference shows, which runs as it stands.

import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { startBrowser } from "../harness/browser.ts";
import { type Sluice, startSluice } from "../harness/sluice.ts";

const PAGES = ["/", "/docs"];
const WIDTHS = [320, 390, 800, 1280];
const AXE = readFileSync("node_modules/axe-core/axe.min.js", "utf8");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
const HOW = JSON.stringify({ runOnly: { type: "tag", values: RULES }, resultTypes: ["violations"] });

let sluice: Sluice;
let browser: Browser | null = null;

beforeAll(async () => {
  sluice = await startSluice();
});

afterEach(async () => {
  await browser?.close();
  browser = null;
});

afterAll(() => sluice.stop());

interface Opened {
  page: Page;
  /** What went wrong: refusals of the policy, errors of the console, calls to other origins. */
  faults: string[];
}

async function open(path: string, options: { javaScriptEnabled?: boolean; bypassCSP?: boolean } = {}): Promise<Opened> {
  browser = await startBrowser();
  const page = await browser.newPage(options);
  const faults: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error") faults.push(message.text());
  });
  page.on("pageerror", (fault) => faults.push(fault.message));
  page.on("request", (request) => {
    if (!request.url().startsWith(sluice.url)) faults.push(`asks ${request.url()}`);
  });
  await page.goto(`${sluice.url}${path}`);
  return { page, faults };
}

/** Rules look at what is shown: the list beside the page only where it is wide, so that its colours are looked at once more. */
const LOOKS = [
  { width: 390, colorScheme: "light", what: "document" },
  { width: 1280, colorScheme: "dark", what: "document" },
  { width: 1280, colorScheme: "light", what: "'header, nav'" },
] as const;

test.each(PAGES)("%s has no serious fault of accessibility in either theme, wide or narrow", async (path) => {
  // axe is put into the page, which the page's own policy would refuse.
  const { page } = await open(path, { bypassCSP: true });
  await page.evaluate(AXE);
  for (const { width, colorScheme, what } of LOOKS) {
    await page.setViewportSize({ width, height: 900 });
    await page.emulateMedia({ colorScheme });
    const { violations } = await page.evaluate<AxeResult>(`axe.run(${what}, ${HOW})`);
    const found = violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(
        ({ id, nodes }) =>
          `${id}: ${nodes
            .slice(0, 3)
            .map(({ html }) => html.slice(0, 160))
            .join(" | ")}`,
      );
    expect(found, `${width} ${colorScheme}`).toEqual([]);
  }
});

interface AxeResult {
  violations: { id: string; impact: string; nodes: { html: string }[] }[];
}

test.each(PAGES)("%s fits every width, asks nobody else, and meets its own policy", async (path) => {
  const { page, faults } = await open(path);
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 900 });
    const [wide, given] = await page.evaluate<number[]>("[document.documentElement.scrollWidth, innerWidth]");
    expect(wide, `at ${width}`).toBeLessThanOrEqual(given ?? 0);
  }
  expect(faults).toEqual([]);
});

test("the start page says that the deployment runs, and shows its own address", async () => {
  const { page } = await open("/");
  await page.getByText("Configured and running.").waitFor();
  expect(await page.locator("pre").first().textContent()).toContain(`curl ${sluice.url}/v1/admin/teams`);
});

test("without script the reference has its calls, its fields and a choice of language", async () => {
  const { page } = await open("/docs#post-v1-requests", { javaScriptEnabled: false });
  const call = page.locator("#post-v1-requests");
  expect(await call.getByRole("heading", { name: "Submit a request" }).isVisible()).toBe(true);
  expect(await call.locator(".curl").isVisible()).toBe(true);
  await page.getByRole("radio", { name: "Python" }).check();
  expect(await call.locator(".curl").isVisible()).toBe(false);
  expect(await call.locator(".python").isVisible()).toBe(true);
  // What would do nothing is not there.
  expect(await page.getByRole("searchbox").count()).toBe(0);
  expect(await page.getByRole("button", { name: "Copy" }).count()).toBe(0);
});

test("the list is filtered by words, and a match is opened by Enter", async () => {
  const { page } = await open("/docs");
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.keyboard.press("/");
  await page.keyboard.type("rotate key");
  const list = page.getByRole("navigation", { name: "Calls" });
  await expect.poll(() => list.locator("li:visible").allTextContents()).toEqual(["Rotate a keyPOST"]);
  await page.keyboard.press("Enter");
  expect(new URL(page.url()).hash).toBe("#post-v1-keys-id-rotate");
  await page.getByRole("searchbox").fill("nothing like it");
  await page.getByText("No call has these words.").waitFor();
});

test("on a phone the list opens over the page and closes behind a choice", async () => {
  const { page } = await open("/docs");
  await page.setViewportSize({ width: 390, height: 844 });
  const link = page.locator("#list").getByRole("link", { name: "Submit a request POST" });
  expect(await link.isVisible()).toBe(false);
  await page.getByRole("button", { name: "Contents" }).click();
  await link.click();
  expect(await link.isVisible()).toBe(false);
  expect(new URL(page.url()).hash).toBe("#post-v1-requests");
});

test("a sample is copied as it is shown, and the chosen language stays", async () => {
  const { page } = await open("/docs");
  await page.evaluate(
    "globalThis.copied = []; navigator.clipboard.writeText = async (text) => void copied.push(text);",
  );
  const call = page.locator("#post-v1-estimate");
  await page.getByRole("radio", { name: "fetch" }).check();
  await call.locator(".fetch").getByRole("button", { name: "Copy" }).click();
  await call.getByText("Copied").waitFor();
  const [copied] = await page.evaluate<string[]>("copied");
  expect(copied).toBe(await call.locator(".fetch code").textContent());
  await page.reload();
  expect(await page.getByRole("radio", { name: "fetch" }).isChecked()).toBe(true);
});

/** The calls that a reader copies first. Where one names an object of the recorded walk, it names ours here. */
const SAMPLES = [
  "get-healthz",
  "get-v1-me",
  "get-v1-models",
  "get-v1-models-id",
  "post-v1-estimate",
  "post-v1-requests",
  "get-v1-requests",
  "get-v1-requests-id",
  "get-v1-requests-id-timeline",
  "post-v1-uploads",
  "post-v1-keys",
  "put-v1-plans-name",
  "post-v1-tokens",
  "post-v1-webhooks",
  "get-v1-usage",
  "get-v1-events",
  "post-fal-queue-model",
  "get-v1-admin-upstream",
];

const RUNNERS = {
  curl: {
    program: "bash",
    options: ["-c"],
    before: "curl() { command curl -sS -o /dev/null -w '%{http_code}' \"$@\"; }\n",
  },
  fetch: { program: process.execPath, options: ["--input-type=module", "-e"], before: "" },
  python: { program: "python3", options: ["-c"], before: "" },
};

test("the code of the reference runs as it stands: curl, fetch and Python", async () => {
  const { page } = await open("/docs");
  const id = await sluice.submit({ model: "fal-ai/flux/schnell", input: { prompt: "a cat" } });
  const folder = mkdtempSync(join(tmpdir(), "docs-samples-"));
  writeFileSync(join(folder, "cat.png"), "");
  const env = { ...process.env, SLUICE_KEY: sluice.key, ADMIN_TOKEN: sluice.adminToken };
  try {
    for (const anchor of SAMPLES) {
      for (const [language, { program, options, before }] of Object.entries(RUNNERS)) {
        const shown = (await page.locator(`[id="${anchor}"] .${language} code`).textContent()) ?? "";
        const code = before + shown.replace(/(?<=\/v1\/requests\/)[0-9a-f]{64}/, id);
        const { stdout } = await promisify(execFile)(program, [...options, code], { cwd: folder, env });
        expect(stdout, `${anchor} in ${language}`).toMatch(/^2\d\d\b/);
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

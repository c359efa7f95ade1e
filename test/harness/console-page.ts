// The console in a real browser, watched: what its console said, what its policy refused, and every call to another origin are kept,
// and a test that ends with any of them fails. One launch a page: this Chromium ends with its first closed context.

import chromium from "@sparticuz/chromium";
import axe, { type AxeResults } from "axe-core";
import { type Browser, chromium as driver, type Page } from "playwright-core";
import { expect } from "vitest";

const TELL_VIOLATIONS = `addEventListener("securitypolicyviolation", (event) =>
  console.error("policy: " + event.violatedDirective + " " + event.blockedURI));`;
const RUN_AXE = `axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"] })`;
const PIXELS_TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth";

export interface ConsolePage {
  page: Page;
  /** Every URL that the page asked for, with its method. */
  asked: string[];
  /** Opens a path under /console and waits until its heading stands and nothing loads. */
  open(path: string): Promise<void>;
  /** Signs in by the form. */
  signIn(key: string, options?: { keep?: boolean }): Promise<void>;
  /** What axe-core finds serious or critical, as `rule selector`. */
  seriousFaults(): Promise<string[]>;
  /** By how many pixels the page is wider than its window. */
  overflow(): Promise<number>;
  /** Fails on what the browser complained about since it was last asked. `expected`: statuses of calls that a test refuses on purpose. */
  expectQuiet(expected?: readonly number[]): void;
  close(): Promise<void>;
}

export async function openConsole(url: string): Promise<ConsolePage> {
  const browser: Browser = await driver.launch({
    args: chromium.args,
    executablePath: await chromium.executablePath(),
    headless: true,
  });
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  const complaints: string[] = [];
  const asked: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (fault) => complaints.push(`thrown: ${fault.message}`));
  page.on("request", (request) => {
    asked.push(`${request.method()} ${request.url()}`);
    const { origin, protocol } = new URL(request.url());
    if (protocol.startsWith("http") && origin !== url) complaints.push(`a call to ${origin}`);
  });
  // Scripts of the driver are not bound by the page's policy.
  await page.addInitScript({ content: axe.source });
  await page.addInitScript({ content: TELL_VIOLATIONS });
  const settle = async () => {
    await page.locator("h1").first().waitFor();
    await page.locator("[aria-busy=true]").first().waitFor({ state: "detached" });
  };
  return {
    ...{ page, asked },
    open: async (path) => {
      await page.goto(`${url}/console${path}`);
      await settle();
    },
    signIn: async (key, { keep = false } = {}) => {
      await page.getByLabel("Key", { exact: true }).fill(key);
      await page.getByLabel(/Keep in this tab/).setChecked(keep);
      await page.getByRole("button", { name: /^Sign in/ }).click();
    },
    seriousFaults: async () => {
      const { violations } = (await page.evaluate(RUN_AXE)) as AxeResults;
      return violations
        .filter(({ impact }) => impact === "serious" || impact === "critical")
        .flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id} ${target.join(" ")}`));
    },
    overflow: async () => (await page.evaluate(PIXELS_TOO_WIDE)) as number,
    expectQuiet: (expected = []) => {
      const refused = new RegExp(`status of (${expected.join("|") || "none"})`);
      expect(complaints.splice(0).filter((text) => !refused.test(text))).toEqual([]);
    },
    close: () => browser.close(),
  };
}

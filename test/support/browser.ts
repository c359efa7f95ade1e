// A real browser for tests: headless Chromium, and pages of ours on an origin of their own, which is never the Worker's.

import { createServer, type Server } from "node:http";
import chromium from "@sparticuz/chromium";
import { type Browser, chromium as driver, type Page } from "playwright-core";

/** What a page may read of another origin is what these tests are about: the package's own arguments switch the rule off. */
const LAX = ["--disable-web-security", "--disable-site-isolation-trials"];

export async function startBrowser(): Promise<Browser> {
  const args = chromium.args.filter((each) => !LAX.includes(each));
  return driver.launch({ args, executablePath: await chromium.executablePath(), headless: true });
}

export interface Site {
  origin: string;
  stop(): Promise<void>;
}

/** Serves one script, and a page that loads it, on an origin of its own. */
export async function servePage(script: string): Promise<Site> {
  const server = createServer((request, response) => {
    const isScript = request.url === "/page.js";
    response.setHeader("Content-Type", isScript ? "text/javascript" : "text/html");
    response.end(isScript ? script : '<!doctype html><link rel="icon" href="data:,"><script src="/page.js"></script>');
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("no port");
  return { origin: `http://127.0.0.1:${address.port}`, stop: () => closed(server) };
}

function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((done) => server.close(() => done()));
}

/** A fresh page of that site, in a context without anybody else's state. */
export async function openPage(browser: Browser, { origin }: Site): Promise<Page> {
  const page = await (await browser.newContext()).newPage();
  await page.goto(origin);
  return page;
}

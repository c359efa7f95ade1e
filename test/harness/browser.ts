// A real browser and a page of another origin, for tests of what pages may do. The browser comes with the test dependencies
// and is unpacked once per machine; one launch per file.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import chromium from "@sparticuz/chromium";
import { type Browser, chromium as driver, type Page } from "playwright-core";

export interface PageElsewhere {
  page: Page;
  /** The page's origin: another port of this machine, and so another origin than Sluice's. */
  origin: string;
  /** What the page's console said, for messages of failed tests. */
  said: string[];
  close(): Promise<void>;
}

/** The package switches the rules between origins off; what a page may read of another one is what these tests are about. */
const LAX = ["--disable-web-security", "--disable-site-isolation-trials", "--allow-running-insecure-content"];

/** A browser with the rules between origins on. It ends with its first context that closes: one browser for each. */
export async function startBrowser(): Promise<Browser> {
  return driver.launch({
    args: chromium.args.filter((argument) => !LAX.includes(argument)),
    executablePath: await chromium.executablePath(),
    headless: true,
  });
}

/** Opens an empty page, or this one, on an origin of its own. */
export async function openPage(html = "<!doctype html><title>A page</title>"): Promise<PageElsewhere> {
  const server = createServer((_request, response) => {
    response.writeHead(200, { "Content-Type": "text/html; charset=utf-8" }).end(html);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const browser = await startBrowser();
  const page = await browser.newPage();
  const said: string[] = [];
  page.on("console", (message) => said.push(message.text()));
  await page.goto(origin);
  return {
    ...{ page, origin, said },
    close: async () => {
      await browser.close();
      await new Promise((done) => server.close(done));
    },
  };
}

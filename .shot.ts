import { createServer } from "node:http"; import { readFileSync, existsSync } from "node:fs";
import chromium from "@sparticuz/chromium"; import { chromium as driver } from "playwright-core";
const types: any = { html:"text/html", js:"text/javascript", css:"text/css", svg:"image/svg+xml", json:"application/json" };
const server = createServer((q, r) => { let p = q.url!.split("?")[0]!; if (p==="/") p="/index.html"; if (p==="/docs") p="/docs.html"; if (p==="/healthz") { r.setHeader("content-type","application/json"); return void r.end('{"configuration":{"ok":true}}'); }
 const f = "console/dist"+p; if (!existsSync(f)) { r.statusCode=404; return void r.end(); } r.setHeader("content-type", types[f.split(".").pop()!]); r.end(readFileSync(f)); });
await new Promise<void>(d => server.listen(0, d)); const o = `http://localhost:${(server.address() as any).port}`;
const b = await driver.launch({ args: chromium.args, executablePath: await chromium.executablePath(), headless: true });
const page = await b.newPage();
for (const [name, w, h, scheme, path] of JSON.parse(process.argv[2]!)) {
  await page.emulateMedia({ colorScheme: scheme }); await page.setViewportSize({ width: w, height: h }); await page.goto(o + path); await page.waitForTimeout(400);
  await page.screenshot({ path: `/tmp/shots/${name}.png` });
  console.log(name, await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]));
}
await b.close(); server.close();

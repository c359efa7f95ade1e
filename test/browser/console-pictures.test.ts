// Takes the pictures of the console's screens: `npm run pictures`. All of them go to .build/pictures, one a screen to docs/pictures.
// They are looked at, never compared: fonts differ between machines.

import { copyFileSync, mkdirSync } from "node:fs";
import { afterAll, beforeAll, describe, test } from "vitest";
import { type ConsolePage, openConsole } from "../harness/console-page.ts";
import { type ConsoleScene, openScene } from "../harness/console-scene.ts";

const ALL = ".build/pictures/";
const IDLE_MS = 2_000;
const SHOWN = "docs/pictures/";
const SIZES = [
  [1280, 800],
  [390, 844],
] as const;

const SCREENS: readonly (readonly [name: string, path: (scene: ConsoleScene) => string])[] = [
  ["start", () => "/start"],
  ["requests", () => "/requests"],
  ["request", ({ completed }) => `/requests/${completed}`],
  ["request-failed", ({ failed }) => `/requests/${failed}`],
  ["request-uncertain", ({ uncertain }) => `/requests/${uncertain}`],
  ["request-events", ({ completed }) => `/requests/${completed}?tab=events`],
  ["usage", () => "/usage"],
  ["deliveries", () => "/deliveries"],
  ["delivery", ({ delivery }) => `/deliveries/${delivery}`],
  ["keys", () => "/keys"],
  ["key", ({ key }) => `/keys/${key}`],
  ["key-new", () => "/keys/new?kind=page"],
  ["plans", () => "/plans"],
  ["plan", () => "/plans/default"],
  ["plan-rules", () => "/plans/default?tab=rules"],
  ["plan-try", () => "/plans/members?tab=try"],
  ["plan-versions", () => "/plans/members?tab=versions"],
  ["webhooks", () => "/webhooks"],
  ["webhook", ({ endpoint }) => `/webhooks/${endpoint}`],
  ["settings", () => "/settings"],
  ["audit", () => "/audit"],
];

describe.skipIf(!process.env.PICTURES)("pictures", () => {
  let scene: ConsoleScene;
  let console_: ConsolePage;

  beforeAll(async () => {
    scene = await openScene();
    console_ = await openConsole(scene.sluice.url);
    await console_.page.addInitScript({
      content: `sessionStorage.setItem("sluice.key", ${JSON.stringify(scene.sluice.key)})`,
    });
    mkdirSync(ALL, { recursive: true });
    mkdirSync(SHOWN, { recursive: true });
  });
  afterAll(async () => {
    await console_.close();
    await scene.stop();
  });

  test.each(SCREENS)("%s", async (name, path) => {
    const { page } = console_;
    for (const [width, height] of SIZES) {
      await page.setViewportSize({ width, height });
      for (const theme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme: theme });
        await console_.open(path(scene));
        // A list that is followed live is never idle: its held call ends this wait instead.
        await page.waitForLoadState("networkidle", { timeout: IDLE_MS }).catch(() => undefined);
        await page.waitForFunction(
          "document.querySelector('[aria-busy=true]') === null && [...document.images].every((image) => image.complete)",
        );
        await page.screenshot({ path: `${ALL}${name}-${width}-${theme}.png` });
      }
    }
    copyFileSync(`${ALL}${name}-1280-light.png`, `${SHOWN}${name}.png`);
  });
});

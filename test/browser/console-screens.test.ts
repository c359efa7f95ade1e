// Every screen of the console in every theme and width: nothing serious for readers of screens, no page wider than its window, no
// complaint of the browser, no call to another origin.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ConsolePage, openConsole } from "../harness/console-page.ts";
import { type ConsoleScene, openScene } from "../harness/console-scene.ts";

/** The least that the layout is made for, a phone, a desk. */
const WIDTHS = [320, 390, 1280] as const;
const HEIGHT = 844;

let scene: ConsoleScene;
let console_: ConsolePage;

beforeAll(async () => {
  scene = await openScene();
  console_ = await openConsole(scene.sluice.url);
  await console_.page.addInitScript({
    content: `sessionStorage.setItem("sluice.key", ${JSON.stringify(scene.sluice.key)})`,
  });
});
afterAll(async () => {
  await console_.close();
  await scene.stop();
});

/** Every screen, with what it is opened with. */
const SCREENS: readonly (readonly [name: string, path: () => string])[] = [
  ["start", () => "/start"],
  ["requests", () => "/requests"],
  ["requests, filtered", () => "/requests?user=ada&status=completed"],
  ["requests, none", () => "/requests?user=nobody"],
  ["a completed request", () => `/requests/${scene.completed}`],
  ["a failed request", () => `/requests/${scene.failed}`],
  ["a request with a failed file", () => `/requests/${scene.halfStored}`],
  ["an uncertain request", () => `/requests/${scene.uncertain}`],
  ["a running request", () => `/requests/${scene.running}`],
  ["input of a request", () => `/requests/${scene.completed}?tab=input`],
  ["events of a request", () => `/requests/${scene.completed}?tab=events`],
  ["cost of a request", () => `/requests/${scene.failed}?tab=cost`],
  ["deliveries of a request", () => `/requests/${scene.completed}?tab=deliveries`],
  ["a request as JSON", () => `/requests/${scene.completed}?tab=raw`],
  ["an unknown request", () => `/requests/${"0".repeat(64)}`],
  ["usage", () => "/usage"],
  ["usage by user", () => "/usage?split=user&metric=requests"],
  ["usage, none", () => "/usage?from=2020-01-01&to=2020-01-31"],
  ["deliveries", () => "/deliveries"],
  ["deliveries, none", () => "/deliveries?state=parked"],
  ["a failing delivery", () => `/deliveries/${scene.delivery}`],
  ["keys", () => "/keys"],
  ["a key", () => `/keys/${scene.key}`],
  ["a new key", () => "/keys/new"],
  ["a new key of a page", () => "/keys/new?kind=page"],
  ["plans", () => "/plans"],
  ["a plan", () => "/plans/default"],
  ["rules of a plan", () => "/plans/default?tab=rules"],
  ["a plan as JSON", () => "/plans/default?tab=json"],
  ["a plan to try out", () => "/plans/members?tab=try"],
  ["versions of a plan", () => "/plans/members?tab=versions"],
  ["an unknown plan", () => "/plans/nobody"],
  ["webhooks", () => "/webhooks"],
  ["a failing endpoint", () => `/webhooks/${scene.endpoint}`],
  ["the team's settings", () => "/settings"],
  ["issuers", () => "/settings/issuers"],
  ["alerts", () => "/settings/alerts"],
  ["connections", () => "/settings/connections"],
  ["audit", () => "/audit"],
  ["audit of a plan", () => "/audit?target=members"],
  ["audit, none", () => "/audit?target=nobody"],
  ["no such page", () => "/nowhere"],
];

describe.each(["light", "dark"] as const)("in the %s theme", (theme) => {
  test.each(SCREENS)("%s", async (_name, path) => {
    const { page } = console_;
    await page.emulateMedia({ colorScheme: theme });
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: HEIGHT });
      if (width === WIDTHS[0]) await console_.open(path());
      expect.soft(await console_.overflow(), `pixels too wide at ${width}`).toBe(0);
      // 320 px is the phone's layout, narrower.
      if (width > WIDTHS[0]) expect.soft(await console_.seriousFaults(), `at ${width} px`).toEqual([]);
    }
    // The unknown request is one: its 404 is what the screen is about.
    console_.expectQuiet([404]);
  });
});

const DIALOGS: readonly (readonly [name: string, path: () => string, button: RegExp])[] = [
  ["an endpoint to add", () => "/webhooks", /Add an endpoint/],
  ["a plan to create", () => "/plans", /Create a plan/],
  ["a key to edit", () => `/keys/${scene.key}`, /^Edit$/],
  ["a version to restore", () => "/plans/members?tab=versions", /^Restore$/],
  ["a key to revoke", () => `/keys/${scene.key}`, /^Revoke$/],
  ["deliveries to replay", () => "/deliveries?state=failing", /^Replay/],
  ["the team to freeze", () => "/settings", /^Freeze/],
  ["an issuer to add", () => "/settings/issuers", /Add an issuer/],
];

test.each(DIALOGS)(
  "the dialog of %s takes the focus, is in order in both themes, and gives the focus back",
  async (_name, path, button) => {
    const { page } = console_;
    await page.setViewportSize({ width: 390, height: HEIGHT });
    await console_.open(path());
    await page.getByRole("button", { name: button }).first().click();
    await page.getByRole("dialog").waitFor();
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      expect.soft(await console_.seriousFaults()).toEqual([]);
    }
    expect(await console_.overflow()).toBe(0);
    expect(await page.evaluate('document.activeElement.closest("dialog") !== null')).toBe(true);
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    expect(await page.evaluate("document.activeElement.textContent")).toMatch(button);
    console_.expectQuiet();
  },
);

test("what a plan says of a request and of the past is in order in every width", async () => {
  const { page } = console_;
  await console_.open("/plans/members?tab=try");
  await page.getByRole("button", { name: "Try it", exact: true }).click();
  await page.getByText("It would be refused").waitFor();
  await page.getByRole("button", { name: "Replay the last seven days" }).click();
  await page.getByText("would have been refused", { exact: false }).waitFor();
  await page.getByText(/^The first/).click();
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: HEIGHT });
    expect.soft(await console_.overflow(), `pixels too wide at ${width}`).toBe(0);
    if (width > WIDTHS[0]) expect.soft(await console_.seriousFaults(), `at ${width} px`).toEqual([]);
  }
  console_.expectQuiet();
});

test("the page stays usable where colours are the system's, and where nothing may move", async () => {
  const { page } = console_;
  await page.emulateMedia({ forcedColors: "active", reducedMotion: "reduce" });
  await console_.open("/requests");
  expect(await page.evaluate('getComputedStyle(document.querySelector(".button, a")).transitionDuration')).toBe("0s");
  expect(await page.locator("tbody tr").first().isVisible()).toBe(true);
  await page.emulateMedia({ forcedColors: "none", reducedMotion: "no-preference" });
  console_.expectQuiet();
});

test("a full list stays light: few nodes, no layout shift", async () => {
  const { page } = console_;
  await page.setViewportSize({ width: 1280, height: HEIGHT });
  await page.addInitScript({
    content: `globalThis.shifts = 0; new PerformanceObserver((list) => { for (const each of list.getEntries()) globalThis.shifts += each.value; })
      .observe({ type: "layout-shift", buffered: true });`,
  });
  await console_.open("/requests");
  await page.locator("tbody tr").first().waitFor();
  const nodesOfRows = (await page.evaluate('document.querySelector("tbody").querySelectorAll("*").length')) as number;
  const rows = await page.locator("tbody tr").count();
  expect((nodesOfRows / rows) * 50).toBeLessThan(1_500);
  expect(await page.evaluate("globalThis.shifts")).toBeLessThan(0.02);
});

test.each(["light", "dark"] as const)("the operator's screen is in order in the %s theme", async (colorScheme) => {
  const { page } = console_;
  // The operator's token is kept nowhere, so the form is the only way in.
  await page.addInitScript({ content: "sessionStorage.clear()" });
  await page.emulateMedia({ colorScheme });
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: HEIGHT });
    if (width === WIDTHS[0]) {
      await console_.open("/sign-in");
      await console_.signIn(scene.sluice.adminToken);
      await page.getByRole("heading", { name: "What needs you" }).waitFor();
    }
    expect.soft(await console_.overflow(), `pixels too wide at ${width}`).toBe(0);
    if (width > WIDTHS[0]) expect.soft(await console_.seriousFaults(), `at ${width} px`).toEqual([]);
  }
  console_.expectQuiet();
});

// Last: from here on the page has no key.
test("the sign-in is in order before anybody is signed in", async () => {
  const { page } = console_;
  await page.addInitScript({ content: "sessionStorage.clear()" });
  for (const [width, colorScheme] of [
    [320, "light"],
    [1280, "dark"],
  ] as const) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: HEIGHT });
    await console_.open("/sign-in");
    expect.soft(await console_.overflow(), `pixels too wide at ${width}`).toBe(0);
    expect.soft(await console_.seriousFaults(), `at ${width} px`).toEqual([]);
  }
  console_.expectQuiet();
});

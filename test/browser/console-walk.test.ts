// The console as people use it, in a real browser against `npm start`: from an empty deployment to the first request, what each
// credential sees, filters, actions, and that a sign-out leaves nothing.

import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type ConsolePage, openConsole } from "../harness/console-page.ts";
import { eventually } from "../harness/eventually.ts";
import { type Sluice, startSluice } from "../harness/sluice.ts";

const MODEL = "fal-ai/flux/schnell";

let sluice: Sluice;
let console_: ConsolePage;

beforeAll(async () => {
  sluice = await startSluice();
  console_ = await openConsole(sluice.url);
});
afterAll(async () => {
  await console_.close();
  await sluice.stop();
});
afterEach(() => console_.expectQuiet([401, 403, 404]));

async function post<T>(path: string, body: unknown, key = sluice.key): Promise<T> {
  const answer = await fetch(sluice.url + path, {
    method: "POST",
    headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as T;
}

const newKey = (terms: Record<string, unknown>) => post<{ id: string; secret: string }>("/v1/keys", terms);

/** The names in the rail. */
function rail(): Promise<string[]> {
  return console_.page.locator(".rail-links a").allInnerTexts();
}

async function freshSignIn(key: string, path = "/sign-in"): Promise<void> {
  await console_.page.evaluate("sessionStorage.clear()");
  await console_.open(path);
  await console_.signIn(key);
}

describe("signing in", () => {
  test("asks for a key first, and opens on Start while nothing was made", async () => {
    const { page } = console_;
    await console_.open("/");
    expect(await page.locator("h1").innerText()).toBe("Sign in to Sluice");
    await console_.signIn(sluice.key);
    await page.getByRole("heading", { name: "Welcome, Demo" }).waitFor();
    expect(new URL(page.url()).pathname).toBe("/console/start");
    await page.getByText("Make the first request").waitFor();
    await page.getByText("fal is connected").waitFor();
  });

  test("tests the deployment on Start: each check says what it found", async () => {
    const { page } = console_;
    await page.getByRole("button", { name: "Run the self-test" }).click();
    await page.getByRole("button", { name: "Run again" }).waitFor();
    await page.getByText("Maton accepts the key.").waitFor();
    await page.getByText("The bucket takes, gives and ranges.").waitFor();
    expect(await page.getByText("At fault:").count()).toBe(0);
  });

  test.each([
    ["a key with a typo", () => sluice.key.slice(0, -1) + (sluice.key.endsWith("0") ? "1" : "0"), "checksum"],
    ["half a key", () => sluice.key.slice(0, 20), "incomplete"],
    ["a fal key", () => "0c1e8d9a-1111-2222-3333-444455556666:0123456789abcdef0123456789abcdef", "not a Sluice key"],
  ])("names what is wrong with %s, and sends it nowhere", async (_what, make, words) => {
    await console_.page.evaluate("sessionStorage.clear()");
    await console_.open("/sign-in");
    const before = console_.asked.length;
    await console_.signIn(make());
    await console_.page.getByRole("alert").filter({ hasText: words }).waitFor();
    expect(console_.asked.slice(before).filter((call) => call.includes("/v1/"))).toEqual([]);
  });

  test("refuses a publishable key with a sentence", async () => {
    const limits = [{ name: "page-money", scope: "key", per: "usd", limit: "2", window: "1d" }];
    await fetch(`${sluice.url}/v1/plans/page`, {
      method: "PUT",
      headers: { Authorization: `Bearer ${sluice.key}`, "Content-Type": "application/json" },
      body: JSON.stringify({ limits }),
    });
    const { secret } = await newKey({
      kind: "publishable",
      plan: "page",
      name: "page",
      origins: ["https://demo.example"],
    });
    await console_.open("/sign-in");
    await console_.signIn(secret);
    await console_.page.getByText("This key is publishable: it is for web pages.").waitFor();
  });

  test("says what the API says of a key that it does not know", async () => {
    const { id, secret } = await newKey({ name: "gone" });
    await fetch(`${sluice.url}/v1/keys/${id}`, {
      method: "DELETE",
      headers: { Authorization: `Bearer ${sluice.key}` },
    });
    await console_.open("/sign-in");
    await console_.signIn(secret);
    await console_.page.getByRole("alert").filter({ hasText: "was revoked" }).waitFor();
  });

  test("takes a key whose origins are other pages", async () => {
    const { secret } = await newKey({ name: "listed", origins: ["https://app.example"] });
    await freshSignIn(secret);
    await console_.page.getByRole("heading", { name: "Welcome, Demo" }).waitFor();
  });
});

describe("the rail", () => {
  const WATCH = ["Start", "Requests", "Usage"];
  test.each([
    ["run alone", { scopes: ["run"] }, ["Start"]],
    ["read alone", { scopes: ["read"] }, WATCH],
    ["run and read of a member", { scopes: ["run", "read"], user: "mia" }, WATCH],
    ["admin alone", { scopes: ["admin"] }, ["Start", "Deliveries", "Keys", "Plans", "Webhooks", "Settings", "Audit"]],
    [
      "every scope",
      { scopes: ["run", "read", "mint", "admin"] },
      [...WATCH, "Deliveries", "Keys", "Plans", "Webhooks", "Settings", "Audit"],
    ],
  ])("of a key with %s holds what it opens", async (name, terms, screens) => {
    const { secret } = await newKey({ name, ...terms });
    await freshSignIn(secret);
    await console_.page.locator(".rail-links a").first().waitFor();
    expect(await rail()).toEqual(screens);
  });

  test("of the operator is the deployment, and a screen that it does not open says what it needs", async () => {
    await freshSignIn(sluice.adminToken);
    await console_.page.getByRole("heading", { name: "Operator" }).waitFor();
    expect(await rail()).toEqual(["Operator"]);
    await console_.page.getByRole("row", { name: /^demo Demo .* Active$/ }).waitFor();
    await console_.page.getByRole("heading", { name: "What needs you" }).waitFor();
    await console_.page.getByRole("button", { name: "Sweep the bucket" }).click();
    await console_.page.locator("p.card-body", { hasText: /^(A sweep is running|The sweep has ended)/ }).waitFor();
  });

  test("leaves out what a deep link still names: it says which scope the screen needs", async () => {
    const { secret } = await newKey({ name: "reader", scopes: ["read"] });
    await freshSignIn(secret, "/keys");
    await console_.page.getByText("This screen needs the scope admin. Your key has: read.").waitFor();
  });
});

describe("requests", () => {
  test("appear while the list is open, and do not move what is read until asked for", async () => {
    const { page } = console_;
    await sluice.submit({ model: MODEL, input: { prompt: "a first cat" }, user: "ada", tags: { client: "acme" } });
    await freshSignIn(sluice.key, "/requests");
    await page.locator("tbody tr").first().waitFor();
    await eventually(
      async () => ((await page.locator("tbody tr").first().innerText()).includes("Completed") ? true : null),
      {
        what: "the list shows the end",
      },
    );
    await sluice.submit({ model: MODEL, input: { prompt: "another cat" }, user: "eve" });
    await page.getByRole("button", { name: "1 new request" }).click();
    expect(await page.locator("tbody tr").count()).toBe(2);
  });

  test("are filtered by the URL, which survives a reload", async () => {
    const { page } = console_;
    await freshSignIn(sluice.key, "/requests");
    await page.locator("[data-filter]").fill("user:ada");
    await page.keyboard.press("Enter");
    await page.locator(".chip", { hasText: "ada" }).waitFor();
    await page.getByRole("button", { name: "Completed", exact: true }).click();
    await eventually(async () => ((await page.locator("tbody tr").count()) === 1 ? true : null), {
      what: "one is left",
    });
    expect(new URL(page.url()).search).toBe("?user=ada&status=completed");
    await page.evaluate(`sessionStorage.setItem("sluice.key", ${JSON.stringify(sluice.key)})`);
    await page.reload();
    await page.locator(".chip", { hasText: "ada" }).waitFor();
    await eventually(async () => ((await page.locator("tbody tr").count()) === 1 ? true : null), {
      what: "the filter holds after the reload",
    });
    expect(console_.asked.some((call) => call.includes("user=ada") && call.includes("status=completed"))).toBe(true);
  });

  test("are followed live to their end, with numbers as the model gave them", async () => {
    const { page } = console_;
    const answer = await fetch(`${sluice.url}/v1/requests`, {
      method: "POST",
      headers: { Authorization: `Bearer ${sluice.key}`, "Content-Type": "application/json" },
      body: `{"model":"${MODEL}","input":{"prompt":"sandbox:slow:3000","seed":9007199254740993}}`,
    });
    const { id } = (await answer.json()) as { id: string };
    await console_.open(`/requests/${id}`);
    await page.locator("h1 .badge", { hasText: /In queue|Running/ }).waitFor();
    await page.locator("h1 .badge", { hasText: "Completed" }).waitFor();
    await page.getByText("Output", { exact: true }).click();
    expect(await page.locator(".code-block").first().innerText()).toContain('"seed": 9007199254740993');
    await page.getByRole("tab", { name: "Input" }).click();
    await page.locator(".code-block", { hasText: '"seed": 9007199254740993' }).waitFor();
    await page.getByRole("tab", { name: "Result" }).click();
    const picture = page.getByAltText("Output images.0.url");
    await picture.waitFor();
    expect(new URL((await picture.getAttribute("src")) ?? "", sluice.url).origin).toBe(sluice.url);
  });

  test("that failed say who and whether it was charged, in one screen", async () => {
    const id = await sluice.submit({ model: MODEL, input: { prompt: "sandbox:refused" } });
    await eventually(
      async () => ((await sluice.read<{ stage: string }>(`/v1/requests/${id}`)).stage === "failed" ? true : null),
      {
        what: "it failed",
      },
    );
    await console_.open(`/requests/${id}`);
    await console_.page.locator(".note.bad", { hasText: "The model's content check failed" }).waitFor();
    expect(await console_.page.locator(".note.bad").innerText()).toMatch(/charged/);
  });

  test("are canceled after a question", async () => {
    const { page } = console_;
    const id = await sluice.submit({ model: MODEL, input: { prompt: "sandbox:slow:600000" } });
    await console_.open(`/requests/${id}`);
    await page.getByRole("button", { name: "Cancel", exact: true }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Cancel the request" }).click();
    await page.locator("h1 .badge", { hasText: "Canceled" }).waitFor();
  });
});

describe("keys", () => {
  test("of a page say what they can cost at worst, are shown once, and can be frozen", async () => {
    const { page } = console_;
    await console_.open("/keys/new?kind=page");
    await page.getByLabel("Name", { exact: true }).fill("Cat maker");
    await page.getByLabel("Page origins").fill("https://demo.example");
    await page.getByText("Worst case: $2.00 a day, $62.00 in a month of 31").waitFor();
    await page.getByLabel("USD per day in all").fill("0.5");
    await page.getByText("Worst case: $0.50 a day, $15.50 in a month of 31").waitFor();
    await page.getByRole("button", { name: "Create the key" }).click();
    await page.getByRole("heading", { name: "Cat maker is created" }).waitFor();
    await page.getByRole("button", { name: "Show the key" }).click();
    await page.getByRole("button", { name: "Freeze" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Freeze" }).click();
    await page.locator("h1 .badge", { hasText: "Frozen" }).waitFor();
  });

  test("are edited, and what was changed is in the audit log", async () => {
    const { page } = console_;
    const { id } = await newKey({ name: "shop" });
    await console_.open(`/keys/${id}`);
    await page.getByRole("button", { name: "Edit" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Name", { exact: true }).fill("shop-eu");
    await dialog.getByLabel("Models").fill("fal-ai/flux/*");
    await dialog.getByRole("button", { name: "Save" }).click();
    await page.getByRole("heading", { name: "shop-eu" }).waitFor();
    expect(await sluice.read(`/v1/keys/${id}`)).toMatchObject({ name: "shop-eu", models: ["fal-ai/flux/*"] });
    await page.getByRole("link", { name: "Who changed it" }).click();
    await page.getByText("2 fields changed").click();
    await page.getByRole("row", { name: "name shop shop-eu" }).waitFor();
    expect(await page.getByRole("cell", { name: "key created" }).count()).toBe(1);
  });

  test("that are secret warn before they are left uncopied", async () => {
    const { page } = console_;
    await console_.open("/keys/new");
    await page.getByLabel("Name", { exact: true }).fill("cron");
    await page.getByRole("button", { name: "Create the key" }).click();
    expect(await page.getByLabel("Secret").inputValue()).toMatch(/^sl_sk_demo_/);
    await page.getByRole("button", { name: "Show the key" }).click();
    await page.getByText("Not copied. Leaving now loses the secret").waitFor();
    await page.getByRole("button", { name: "Leave without copying" }).click();
    await page.getByRole("heading", { name: "cron" }).waitFor();
  });
});

test("a plan that is saved is felt by the next submit", async () => {
  const { page } = console_;
  await console_.open("/plans/default");
  await page.getByRole("button", { name: "Add a limit" }).click();
  await page.getByLabel("At most").fill("0");
  await page.getByLabel("For each").selectOption("team");
  await page.getByRole("tab", { name: "Try it out" }).click();
  await page.getByRole("button", { name: "Try it", exact: true }).click();
  await page.getByText("It would be refused: 402 quota_exceeded").waitFor();
  await page.getByRole("row", { name: /limit-1 .* Refuses it/ }).waitFor();
  await page.getByRole("button", { name: "Replay the last seven days" }).click();
  await page.getByText(/\d+ of \d+ requests would have been refused/).waitFor();
  await sluice.submit({ model: MODEL, input: { prompt: "not saved yet" } });
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("status").filter({ hasText: "default is saved" }).waitFor();
  await expect(sluice.submit({ model: MODEL, input: { prompt: "a cat" } })).rejects.toThrow("402");
  await page.getByRole("tab", { name: "Versions" }).click();
  await page.getByRole("button", { name: "Restore" }).first().click();
  await page
    .getByRole("dialog")
    .getByRole("row", { name: /limits\.limit-1\.limit 0 not there/ })
    .waitFor();
  await page.getByRole("dialog").getByRole("button", { name: "Restore" }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await sluice.submit({ model: MODEL, input: { prompt: "a cat again" } });
  await page.getByRole("tab", { name: "Limits" }).click();
  await page.getByText("No limits").waitFor();
});

test("a plan that somebody else saved meanwhile is not overwritten: their change is shown, and taken or not", async () => {
  const { page } = console_;
  await console_.open("/plans/default?tab=rules");
  await page.getByLabel("Most that one request may cost").fill("2");
  const theirs = await fetch(`${sluice.url}/v1/plans/default`, {
    method: "PATCH",
    headers: { Authorization: `Bearer ${sluice.key}`, "Content-Type": "application/json" },
    body: JSON.stringify({ hold_s: 3 }),
  });
  expect(theirs.status).toBe(200);
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Somebody changed it meanwhile").waitFor();
  await page.getByRole("row", { name: "hold_s 10 3" }).waitFor();
  console_.expectQuiet([412]);
  await page.getByRole("button", { name: "Save mine over theirs" }).click();
  await page.getByRole("status").filter({ hasText: "default is saved" }).waitFor();
  const plan = await sluice.read<Record<string, unknown>>("/v1/plans/default");
  expect([plan.max_cost_per_request, plan.hold_s]).toEqual(["2", 10]);
});

test("by the keyboard alone: the palette opens a pasted id, g and a letter a screen, j the next row", async () => {
  const { page } = console_;
  const id = await sluice.submit({ model: MODEL, input: { prompt: "a cat" } });
  await console_.open("/start");
  // The page listens to keys once it is drawn.
  await page.getByRole("heading", { name: "Welcome, Demo" }).waitFor();
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox").waitFor();
  await page.keyboard.insertText(id);
  await page.keyboard.press("Enter");
  await page.waitForURL(`**/console/requests/${id}`);
  await page.locator("h1 .badge").waitFor();
  await page.keyboard.press("g");
  await page.keyboard.press("r");
  await page.waitForURL("**/console/requests");
  await page.locator("tbody tr").first().waitFor();
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/console/requests/*");
  await page.locator("h1 .badge").waitFor();
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keyboard" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
});

test("a key that is revoked while it is used is asked for again over the screen, which stays", async () => {
  const { page } = console_;
  const { id, secret } = await newKey({ name: "short", scopes: ["run", "read", "admin"] });
  await freshSignIn(secret, "/plans/default?tab=json");
  await page.locator("textarea.json").fill('{"limits": [');
  await fetch(`${sluice.url}/v1/keys/${id}`, { method: "DELETE", headers: { Authorization: `Bearer ${sluice.key}` } });
  await page.keyboard.press("Control+k");
  await page.getByRole("dialog", { name: "The key is refused" }).waitFor({ timeout: 60_000 });
  await console_.signIn(sluice.key);
  await page.getByRole("dialog", { name: "The key is refused" }).waitFor({ state: "detached" });
  expect(await page.locator("textarea.json").inputValue()).toBe('{"limits": [');
});

test("a sign-out leaves no key in storage, page or history, and no secret was ever in a URL", async () => {
  const { page } = console_;
  await page.evaluate("sessionStorage.clear()");
  await console_.open("/requests");
  await console_.signIn(sluice.key, { keep: true });
  await page.locator("tbody tr").first().waitFor();
  expect(await page.evaluate("sessionStorage.length")).toBe(1);
  await page.locator(".account").first().click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in to Sluice" }).waitFor();
  const left = await page.evaluate("JSON.stringify([{ ...sessionStorage }, { ...localStorage }, document.cookie])");
  expect(left).toBe('[{},{},""]');
  expect(await page.content()).not.toContain(sluice.key);
  await page.goBack();
  await page.getByRole("heading", { name: "Sign in to Sluice" }).waitFor();
  expect(console_.asked.filter((call) => /sl_sk_|sl_jwt_/.test(call) || call.includes(sluice.adminToken))).toEqual([]);
});

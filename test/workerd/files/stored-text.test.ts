import { env } from "cloudflare:workers";
import { afterEach, describe, expect, test, vi } from "vitest";
import { keepDescribed, keepText, loadText, ROW_TEXT_MAX_BYTES } from "../../../src/files/stored-text.ts";
import { acquire, BUFFER_BUDGET_BYTES } from "../../../src/net/byte-budget.ts";
import type { Env } from "../../../src/platform/bindings.ts";
import { sha256Hex } from "../../../src/platform/ids.ts";

const { FILES: bucket } = env as Env;
const place = { team: "acme", request: "ab".repeat(32), name: "output" } as const;

afterEach(() => {
  vi.restoreAllMocks();
});

async function expectAllGivenBack(): Promise<void> {
  const everything = await acquire(BUFFER_BUDGET_BYTES);
  expect(everything?.bytes).toBe(BUFFER_BUDGET_BYTES);
  everything?.release();
}

describe("where a text is kept", () => {
  test.each([
    ["nothing", "", "row"],
    ["a short one", "{}", "row"],
    ["the longest that a row takes", "a".repeat(ROW_TEXT_MAX_BYTES), "row"],
    ["one byte more", "a".repeat(ROW_TEXT_MAX_BYTES + 1), "r2"],
    ["one that is short in letters and long in bytes", "€".repeat(Math.ceil(ROW_TEXT_MAX_BYTES / 3) + 1), "r2"],
    ["one that just fits in bytes", "€".repeat(Math.floor(ROW_TEXT_MAX_BYTES / 3)), "row"],
  ])("%s", async (_name, text, at) => {
    const stored = await keepText(bucket, place, text);
    expect(stored.at).toBe(at);
    const loaded = await loadText(bucket, stored);
    expect(loaded.kind === "loaded" && loaded.text === text).toBe(true);
    if (loaded.kind === "loaded") loaded.permit.release();
    await expectAllGivenBack();
  });

  test("a long one carries its size in bytes and its digest, and a key of its own", async () => {
    const text = `{"prompt":"${"ü".repeat(ROW_TEXT_MAX_BYTES)}"}`;
    const sha256 = await sha256Hex(text);
    expect(await keepText(bucket, place, text)).toEqual({
      at: "r2",
      key: `texts/acme/${place.request}/output.${sha256.slice(0, 16)}`,
      sha256,
      bytes: new TextEncoder().encode(text).length,
    });
  });

  test("a second one under the same name does not overwrite the first", async () => {
    const texts = ["a", "b"].map((letter) => letter.repeat(ROW_TEXT_MAX_BYTES + 1));
    const stored = await Promise.all(texts.map((text) => keepText(bucket, place, text)));
    const loaded = await Promise.all(stored.map((each) => loadText(bucket, each)));
    expect(loaded.map((each) => (each.kind === "loaded" ? each.text[0] : null))).toEqual(["a", "b"]);
    for (const each of loaded) if (each.kind === "loaded") each.permit.release();
  });

  test("text that R2 does not take is an error, not a row that points nowhere", async () => {
    vi.spyOn(bucket, "put").mockRejectedValue(new Error("put: internal error (10001)"));
    await expect(keepText(bucket, place, "a".repeat(ROW_TEXT_MAX_BYTES + 1))).rejects.toThrow("10001");
  });
});

describe("bringing a long text back", () => {
  const text = `\ufeff{"seed":196619188014358660,"text":"${"ü€😀".repeat(ROW_TEXT_MAX_BYTES / 8)}"}`;

  test("gives every character, under a permit for its bytes", async () => {
    const stored = await keepText(bucket, place, text);
    const loaded = await loadText(bucket, stored);
    if (loaded.kind !== "loaded" || stored.at !== "r2") throw new Error("it should lie in R2");
    expect(loaded.text === text).toBe(true);
    expect(loaded.permit.bytes).toBe(stored.bytes);
    loaded.permit.release();
    await expectAllGivenBack();
  });

  test("takes no bytes of the budget for a row", async () => {
    const everything = await acquire(BUFFER_BUDGET_BYTES);
    const loaded = await loadText(bucket, { at: "row", text: "{}" });
    expect(loaded).toMatchObject({ kind: "loaded", text: "{}", permit: { bytes: 0 } });
    everything?.release();
  });

  test.each([
    ["is gone", (key: string) => bucket.delete(key)],
    ["was changed", (key: string) => bucket.put(key, text.replace("1966", "1967"))],
    ["was cut", (key: string) => bucket.put(key, text.slice(0, -1))],
  ])("says missing when it %s, and gives the bytes back", async (_name, damage) => {
    const stored = await keepText(bucket, place, text);
    if (stored.at !== "r2") throw new Error("it should lie in R2");
    await damage(stored.key);
    expect(await loadText(bucket, stored)).toEqual({ kind: "missing" });
    await expectAllGivenBack();
  });

  test("rejects when R2 cannot be read just now, and gives the bytes back", async () => {
    const stored = await keepText(bucket, place, text);
    vi.spyOn(bucket, "get").mockRejectedValue(new Error("get: internal error (10001)"));
    await expect(loadText(bucket, stored)).rejects.toThrow("10001");
    await expectAllGivenBack();
  });

  test("twenty at once take turns at the budget", async () => {
    const stored = await Promise.all(
      Array.from({ length: 20 }, (_, n) => keepText(bucket, place, `${n}`.padEnd(4 * 1024 * 1024, " "))),
    );
    const numbers = await Promise.all(
      stored.map(async (each) => {
        const loaded = await loadText(bucket, each);
        if (loaded.kind !== "loaded") return null;
        await scheduler.wait(1);
        loaded.permit.release();
        return Number(loaded.text);
      }),
    );
    expect(numbers).toEqual(stored.map((_, n) => n));
    await expectAllGivenBack();
  });
});

test("of a described output the payload is kept only while data URIs need it, and its key is known before its bytes are put", async () => {
  const noted: string[] = [];
  const note = (key: string) => void noted.push(key);
  const owner = { team: "acme", id: place.request };
  const outputText = '{"images":[]}';
  expect(await keepDescribed(bucket, owner, { outputText, payloadText: null }, note)).toEqual({
    output: { at: "row", text: outputText },
  });
  const payloadText = `{"url":"data:image/png;base64,${"A".repeat(ROW_TEXT_MAX_BYTES)}"}`;
  const kept = await keepDescribed(bucket, owner, { outputText, payloadText }, note);
  expect(kept.output).toEqual({ at: "row", text: outputText });
  expect(kept.payload).toMatchObject({ at: "r2", key: expect.stringContaining(`/${place.request}/payload.`) });
  expect(noted).toEqual([(kept.payload as { key: string }).key]);
});

import { expect, test } from "vitest";
import { outputKey, teamPrefixes, textKey } from "../../../src/files/bucket-keys.ts";
import { fileName, filePath, linkEndS, linkPath, readFilePath } from "../../../src/files/urls.ts";

const keys = ["a-signing-key-of-at-least-32-bytes!!"];
const request = "0123456789abcdef".repeat(4);
const file = { team: "acme", request, n: 3, name: "cat.png" };
/** What is read back of a path that is for good. */
const forGood = { ...file, link: null };

test("a path that we made is read back, whatever name stands in it", async () => {
  const path = await filePath(keys, file);
  expect(path).toMatch(/^\/files\/acme\/[0-9a-f]{64}\.[0-9a-f]{68}\/3\/cat\.png$/);
  expect(await readFilePath(keys, path)).toEqual(forGood);
  expect(await readFilePath(keys, path.replace("cat.png", "my%20dog.png"))).toEqual({ ...forGood, name: "my dog.png" });
  expect(await readFilePath(keys, path.replace("/cat.png", ""))).toEqual({ ...forGood, name: null });
  expect(await readFilePath(keys, path.replace("cat.png", "%ff"))).toEqual({ ...forGood, name: null });
});

test("the same file has the same path every time", async () => {
  expect(await filePath(keys, file)).toBe(await filePath(keys, file));
});

test("paths of an older key hold while that key is listed", async () => {
  const path = await filePath(keys, file);
  expect(await readFilePath(["a-newer-signing-key-of-32-bytes!!!!!", ...keys], path)).toEqual(forGood);
  expect(await readFilePath(["a-newer-signing-key-of-32-bytes!!!!!"], path)).toBeNull();
});

test("nothing but the name can be changed", async () => {
  const path = await filePath(keys, file);
  const mark = path.split("/")[3]?.split(".")[1] ?? "";
  const changed = [
    path.replace("/acme/", "/acne/"),
    path.replace("/3/", "/4/"),
    path.replace("/3/", "/03/"),
    path.replace("/3/", "/3.0/"),
    path.replace(request, request.replace("0", "1")),
    path.replace(
      mark,
      mark.replace(/.$/, (char) => (char === "0" ? "1" : "0")),
    ),
    path.replace(mark, mark.slice(1)),
    path.replace(mark, mark.toUpperCase()),
    path.replace(mark, ""),
    path.replace(`.${mark}`, ""),
    path.replace(mark, `${mark}.${mark}`),
    `${path}/more`,
    path.slice(1),
    `/x${path}`,
    path.replace("/files/", "/Files/"),
    "/files/",
    "/",
    "",
  ];
  for (const each of changed) expect(await readFilePath(keys, each), each).toBeNull();
});

const share = { share: `shr_${"a1B2".repeat(5)}`, endsAtS: 1_800_000_000 };

test.each([share, { ...share, share: null }])("a link that ends is read back with its end: %j", async (link) => {
  const path = await linkPath(keys, file, link);
  expect(await readFilePath(keys, path)).toEqual({ ...file, link });
});

test("of a link nothing but the name can be changed, and no mark of one kind passes as another", async () => {
  const path = await linkPath(keys, file, share);
  const forGoodMark = (await filePath(keys, file)).split("/")[3]?.split(".")[1] ?? "";
  const [id = "", shareId = "", end = "", mark = ""] = path.split("/")[3]?.split(".") ?? [];
  const places = [
    [id, "-", end, mark],
    [id, shareId.replace("a", "b"), end, mark],
    [id, shareId, String(share.endsAtS + 1), mark],
    [id, shareId, `0${end}`, mark],
    [id, shareId, "", mark],
    [id, shareId, end, forGoodMark],
    [id, mark],
    [id, end, mark],
    [id, shareId, end, mark, mark],
  ];
  for (const place of places) {
    const changed = path.replace(/[^/]+(?=\/3\/)/, place.join("."));
    expect(await readFilePath(keys, changed), changed).toBeNull();
  }
  expect(await readFilePath(keys, path.replace("/3/", "/4/"))).toBeNull();
});

test("links of private files end after one to two times their life, all of one stretch at the same moment", () => {
  const ends = (s: number) => linkEndS(s * 1_000, 600) - s;
  expect([ends(6_000), ends(6_001), ends(6_599)]).toEqual([1_200, 1_199, 601]);
  expect(linkEndS(6_599_999, 600)).toBe(linkEndS(6_000_000, 600));
});

test("numbers past the last file are refused although their mark is ours", async () => {
  expect(await readFilePath(keys, await filePath(keys, { ...file, n: 999 }))).not.toBeNull();
  expect(await readFilePath(keys, await filePath(keys, { ...file, n: 1_000 }))).toBeNull();
});

const url = (text: string) => ({ kind: "url", url: text }) as const;

test.each([
  ["the claimed name", { claimedName: "cat.png" }, "cat.png"],
  [
    "the claimed name with the stored type's extension",
    { claimedName: "cat.png", contentType: "image/jpeg" },
    "cat.jpg",
  ],
  [
    "the last part of the URL",
    { source: url("https://cdn.test/files/b/0a/xyz_out.webp?sig=1"), contentType: "image/webp" },
    "xyz_out.webp",
  ],
  ["an escaped URL", { source: url("https://cdn.test/my%20cat.png") }, "my-cat.png"],
  ["a number where there is nothing", { source: url("https://cdn.test/") }, "file-7.png"],
  ["a number for a data URI", { source: { kind: "data" } as const }, "file-7.png"],
  ["no path in it", { claimedName: "../../etc/passwd" }, "etc-passwd.png"],
  ["pictures in it", { claimedName: "🐱 1.png" }, "🐱-1.png"],
  ["letters of any script", { claimedName: "Grüße 世界.png" }, "Grüße-世界.png"],
  ["no mark that turns it around", { claimedName: "a\u202egnp.png" }, "a-gnp.png"],
  ["its own extension while its type is not known", { claimedName: "Song.MP3", contentType: null }, "Song.mp3"],
  [
    "an unlisted extension of plain bytes",
    { claimedName: "my.safetensors", contentType: "application/octet-stream" },
    "my.safetensors",
  ],
  [
    "no extension that the bytes did not prove",
    { claimedName: "cat.html", contentType: "application/octet-stream" },
    "cat.bin",
  ],
  [
    "a bin for bytes without a name",
    { contentType: "application/octet-stream", source: { kind: "data" } as const },
    "file-7.bin",
  ],
])("a file is called by %s", (_name, change, expected) => {
  const base = { n: 7, source: url("https://cdn.test/a"), claimedName: null, contentType: "image/png" };
  expect(fileName({ ...base, ...change })).toBe(expected);
});

test("a name is never longer than it may be", () => {
  const name = fileName({
    n: 0,
    source: { kind: "data" },
    claimedName: `${"a".repeat(500)}.png`,
    contentType: "image/png",
  });
  expect(name).toHaveLength(100);
  expect(name.endsWith("a.png")).toBe(true);
});

test("keys of a request lie below the prefixes of its team and below no other's", () => {
  const stored = [outputKey("acme", request, 0), textKey("acme", request, "output", "f".repeat(64))];
  expect(stored).toEqual([`outputs/acme/${request}/0`, `texts/acme/${request}/output.ffffffffffffffff`]);
  const under = (prefixes: string[], key: string) => prefixes.some((prefix) => key.startsWith(prefix));
  for (const key of stored) {
    expect(under(teamPrefixes("acme"), key)).toBe(true);
    expect(under(teamPrefixes("acm"), key)).toBe(false);
  }
});

test.each(["世界".repeat(100), "🐱".repeat(100), "é".repeat(300)])(
  "a name of a script with long characters fits a file system, its extension whole: %s",
  (stem) => {
    const source = { kind: "data" } as const;
    const name = fileName({ n: 0, source, claimedName: `${stem}.safetensors`, contentType: null });
    expect(new TextEncoder().encode(name).length).toBeLessThanOrEqual(240);
    expect(name.endsWith(".safetensors")).toBe(true);
    expect(stem.startsWith(name.slice(0, -".safetensors".length))).toBe(true);
  },
);

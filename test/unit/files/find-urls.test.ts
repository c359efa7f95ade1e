import { expect, test } from "vitest";
import { findFiles } from "../../../src/files/find-urls.ts";
import { parseTree, valueAt } from "../../../src/platform/json.ts";

const allowed = (url: URL) => url.host === "cdn.test";

function walk(text: string, max = 100) {
  const found = findFiles(text, allowed, max);
  const parsed = parseTree(text);
  if (found === null || parsed === null) throw new Error("the fixture is not JSON");
  return { ...found, tree: parsed.tree };
}

const paths = (text: string) => walk(text).files.map((file) => file.path.join("."));

test.each([
  [
    "a list of images",
    '{"images":[{"url":"https://cdn.test/a.png"},{"url":"https://cdn.test/b.png"}],"seed":1}',
    ["images.0.url", "images.1.url"],
  ],
  ["one video", '{"video":{"url":"https://cdn.test/a.mp4"}}', ["video.url"]],
  ["an object despite its name", '{"audio_url":{"url":"https://cdn.test/a.wav"}}', ["audio_url.url"]],
  ["a bare string", '{"video_url":"https://cdn.test/a.mp4"}', ["video_url"]],
  [
    "a bare string in a list",
    '{"frames":["https://cdn.test/1.png","https://cdn.test/2.png"]}',
    ["frames.0", "frames.1"],
  ],
  [
    "nested 3D models",
    '{"model_urls":{"glb":{"url":"https://cdn.test/a.glb"},"fbx":null},"t":[[{"url":"https://cdn.test/t.png"}]]}',
    ["model_urls.glb.url", "t.0.0.url"],
  ],
  ["the whole output", '"https://cdn.test/a.png"', [""]],
  ["a data URI in a url field", '{"images":[{"url":"data:image/png;base64,QQ=="}]}', ["images.0.url"]],
  ["a bare base64 data URI", '{"mask":"data:image/png;base64,QQ=="}', ["mask"]],
  ["a data URI in percent form in a url field", '{"file":{"url":"data:text/plain,hello"}}', ["file.url"]],
  ["a URL with a line break at its end", '{"url":"https://cdn.test/a.png\\n"}', ["url"]],
  ["a URL with white space around it", '{"url":" \\thttps://cdn.test/a.png "}', ["url"]],
  ["a bare URL with a space before it", '{"video_url":" https://cdn.test/a.mp4"}', ["video_url"]],
  ["a URL with a space inside", '{"url":"https://cdn.test/a b.png"}', ["url"]],
  ["a URL in capitals", '{"url":"HTTPS://CDN.test/a.png"}', ["url"]],
])("finds %s", (_name, text, expected) => {
  expect(paths(text)).toEqual(expected);
});

test.each([
  ["another host", '{"url":"https://other.test/a.png"}'],
  ["a prompt that contains a URL", '{"prompt":"like https://cdn.test/a.png please"}'],
  ["a prompt that begins with a URL", '{"prompt":"https://cdn.test/a.png but blue"}'],
  ["a URL with a line break inside", '{"url":"https://cdn.test/a\\n.png"}'],
  ["a bare URL with a space inside", '{"caption":"https://cdn.test/a b.png"}'],
  ["a URL with a tab inside", '{"url":"https://cdn.test/a\\tb.png"}'],
  ["another scheme", '{"url":"ftp://cdn.test/a.png"}'],
  ["a URL that does not parse", '{"url":"https://[cdn.test/a.png"}'],
  ["a URL as a key", '{"https://cdn.test/a.png":true}'],
  ["a sentence that begins with data:", '{"prompt":"data: rows, columns"}'],
  ["a bare data URI in percent form", '{"text":"data:text/plain,hello"}'],
  ["an empty url", '{"url":""}'],
  ["no string at all", '{"url":12345678901234567890,"x":[null,true,1.50]}'],
])("does not take %s", (_name, text) => {
  expect(paths(text)).toEqual([]);
});

test("reads type and name beside a url field as claims, and only there", () => {
  const { files } = walk(
    '{"image":{"url":"https://cdn.test/a","content_type":"image/png","file_name":"cat.png"},"content_type":"x/y","bare":"https://cdn.test/b"}',
  );
  expect(files).toEqual([
    {
      path: ["image", "url"],
      source: { kind: "url", url: "https://cdn.test/a" },
      claimedType: "image/png",
      claimedName: "cat.png",
    },
    { path: ["bare"], source: { kind: "url", url: "https://cdn.test/b" }, claimedType: null, claimedName: null },
  ]);
});

test("claims that are not text, or are inherited, count as none", () => {
  const { files } = walk('{"url":"https://cdn.test/a","content_type":7,"file_name":{"constructor":1}}');
  expect(files[0]).toMatchObject({ claimedType: null, claimedName: null });
});

test("a data URI's bytes are not copied into the list", () => {
  expect(walk('{"url":"data:image/png;base64,QQ=="}').files[0]?.source).toEqual({ kind: "data" });
});

test("takes at most max files in document order and counts the rest", () => {
  const urls = Array.from({ length: 7 }, (_, i) => `"https://cdn.test/${i}"`).join(",");
  const { files, skipped } = walk(`{"a":[${urls}],"b":"not a file"}`, 3);
  expect(files.map((file) => file.path)).toEqual([
    ["a", 0],
    ["a", 1],
    ["a", 2],
  ]);
  expect(skipped).toBe(4);
});

test("every path leads back to the value it was found at, odd keys included", () => {
  const { files, tree } = walk(
    '{"__proto__":{"url":"https://cdn.test/1"},"a.b":{"":["https://cdn.test/2"]},"constructor":"https://cdn.test/3"}',
  );
  expect(files.map((file) => valueAt(tree, file.path))).toEqual([1, 2, 3].map((n) => `https://cdn.test/${n}`));
});

test("a URL that stands in several places is one file, which is found at each of them", () => {
  const { files, places, skipped } = walk(
    '{"image":{"url":"https://cdn.test/a.png","file_name":"a"},"b":"https://cdn.test/b","all":["https://cdn.test/a.png"]}',
    2,
  );
  expect(files.map(({ path, claimedName }) => [path.join("."), claimedName])).toEqual([
    ["image.url", "a"],
    ["b", null],
  ]);
  expect(places.map(({ path, n }) => [path.join("."), n])).toEqual([
    ["image.url", 0],
    ["b", 1],
    ["all.0", 0],
  ]);
  expect(skipped).toBe(0);
});

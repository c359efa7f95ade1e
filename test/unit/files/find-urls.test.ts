import { describe, expect, test } from "vitest";
import { MEDIA_NOT_COPIED_MAX, unlistedHost } from "../../../src/files/find-in-text.ts";
import { findFiles } from "../../../src/files/find-urls.ts";
import { parseTree, valueAt } from "../../../src/platform/json.ts";

const allowed = (url: URL) => url.host === "cdn.test";

function walk(text: string, max = 100) {
  const found = findFiles(text, allowed, max);
  const parsed = parseTree(text);
  if (parsed === null) throw new Error("the fixture is not JSON");
  return { ...found, tree: parsed.tree };
}

/** Of the files that are copied. */
const paths = (text: string) => {
  return walk(text).files.flatMap((file) => (file.notCopied === undefined ? [file.path.join(".")] : []));
};

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

describe("media that are not copied are listed with the reason, and keep their text", () => {
  const left = (text: string) => {
    return findFiles(text, allowed, 100).files.flatMap(({ notCopied, path }) =>
      notCopied === undefined ? [] : [[path.join("."), notCopied]],
    );
  };
  const unlisted = (host: string) => expect.stringContaining(`${host} is not in FAL_MEDIA_HOSTS`);

  test.each([
    ["a host that is not listed", '{"url":"https://v4.test/a","content_type":"image/png"}', "url", unlisted("v4.test")],
    ["beside a name alone", '{"a":[{"file_name":"a","url":"https://v4.test/a"}]}', "a.0.url", unlisted("v4.test")],
    ["by its extension", '{"video":{"url":"https://v4.test/a.mp4?sig=1"}}', "video.url", unlisted("v4.test")],
    ["a bare URL by its extension", '{"video_url":"https://v4.test/a.MP4"}', "video_url", unlisted("v4.test")],
    ["a bare URL in a list", '["https://v4.test/a.glb"]', "0", unlisted("v4.test")],
    ["a listed host by http", '{"url":"http://v4.test:81/a.png"}', "url", unlisted("http://v4.test:81")],
    ["a line break inside", '{"url":"https://cdn.test/a\\n.png","content_type":"image/png"}', "url", /white space/],
    ["another scheme", '{"url":"gs://bucket/a.png","content_type":"image/png"}', "url", /no http or https/],
    ["a path", '{"url":"/tmp/a.png","file_name":"a.png"}', "url", /no http or https/],
    ["nothing", '{"url":"","content_type":"image/png"}', "url", /no http or https/],
    ["a URL that does not parse", '{"url":"https://[a.png","content_type":"image/png"}', "url", /no http or https/],
    ["a data URI without data", '{"url":"data:image/png;base64,","content_type":"image/png"}', "url", /data URI/],
    ["credentials", '{"url":"https://me:pass@v4.test/a.png"}', "url", /credentials/],
  ])("%s", (_name, text, path, reason) => {
    expect(left(text)).toEqual([[path, reason instanceof RegExp ? expect.stringMatching(reason) : reason]]);
    expect(walk(text).withPlaces((n) => `/${n}`)).toBe(walk(text).canonical);
  });

  test.each([
    ["a page", '{"url":"https://example.test/docs"}'],
    ["a page by its extension", '{"source":"https://example.test/index.html"}'],
    ["a sentence with a picture", '{"prompt":"https://v4.test/a.png but blue"}'],
    ["no text", '{"url":null,"content_type":"image/png"}'],
    ["a name without a URL", '{"file_name":"a.png","content_type":"image/png"}'],
  ])("but not %s", (_name, text) => {
    expect(left(text)).toEqual([]);
  });

  test("once each, beside those that are copied, and only so many", () => {
    const many = Array.from({ length: MEDIA_NOT_COPIED_MAX + 2 }, (_, n) => `https://v4.test/${n}.png`);
    const text = JSON.stringify({ many, again: many[0], image: { url: "https://cdn.test/a.png" } });
    const { files, skipped, places } = findFiles(text, allowed, 1_000);
    expect([files.length, skipped, places.length]).toEqual([MEDIA_NOT_COPIED_MAX + 1, 2, 1]);
    expect(files[places[0]?.n ?? 0]?.source).toEqual({ kind: "url", url: "https://cdn.test/a.png" });
  });

  test("a text of any length is not repeated", () => {
    const [file] = findFiles(`{"url":"${"x".repeat(1_000_000)}","file_name":"a"}`, allowed, 9).files;
    expect(JSON.stringify(file).length).toBeLessThan(1_000);
  });

  test.each([
    ["https://v4.test/a.png", "v4.test"],
    ["https://v4.test:8443/a.png", "v4.test:8443"],
    ["http://v4.test/a.png", "http://v4.test"],
    ["https://me@v4.test/a.png", null],
    ["https://cdn.test/a.png", null],
  ])("an operator would have to list, for %s, %s", (url, host) => {
    const [file] = findFiles(JSON.stringify([url]), allowed, 9).files;
    expect(file && unlistedHost(file)).toBe(host);
  });
});

describe("an output that is no JSON", () => {
  const read = (text: string) => {
    const found = findFiles(text, allowed, 100);
    const files = found.files.map(({ path, claimedType, notCopied }) => {
      return notCopied === undefined ? [path.join("."), claimedType] : [path.join("."), "not copied"];
    });
    return { format: found.format, files, text: found.withPlaces((n) => `/${n}`) };
  };

  test.each([
    ["NaN", ' {"images": [{"url": "https://cdn.test/a.png", "content_type": "image/png"}], "score": NaN}'],
    [
      "infinite numbers",
      '{"images":[{"url":"https://cdn.test/a.png","content_type":"image/png"}],"a":[-Infinity, Infinity]}\n',
    ],
  ])("but for %s is read as JSON, and every other character stays", (_name, text) => {
    expect(read(text)).toEqual({
      format: "text",
      files: [["images.0.url", "image/png"]],
      text: text.replace("https://cdn.test/a.png", "/0"),
    });
  });

  test.each([
    ["a sentence", "See https://cdn.test/a.png, or (https://cdn.test/b.png).", "See /0, or (/1)."],
    ["Markdown", "![a](https://cdn.test/a_(1).png) **https://cdn.test/b.png**", "![a](/0) **/1**"],
    ["Python's own spelling", "{'images': [{'url': 'https://cdn.test/a.png'}]}", "{'images': [{'url': '/0'}]}"],
    ["JSON that was cut off", '{"a":"https:\\/\\/cdn.test\\/a.png","b":', '{"a":"/0","b":'],
    ["the same URL twice", "https://cdn.test/a.png https://cdn.test/a.png", "/0 /0"],
    ["lines", "a\r\nhttps://cdn.test/a.png\r\n", "a\r\n/0\r\n"],
  ])("such as %s has the URLs in it stored", (_name, text, expected) => {
    expect(read(text)).toMatchObject({ format: "text", text: expected });
    expect(read(text).files).not.toEqual([]);
  });

  test("lists media of other hosts, and no other links", () => {
    const text = "https://v4.test/a.png and https://v4.test/page and http:// and https://cdn.test/x";
    expect(read(text)).toEqual({
      format: "text",
      files: [
        ["", "not copied"],
        ["", null],
      ],
      text: text.replace("https://cdn.test/x", "/1"),
    });
  });

  test("may be anything, and is read in linear time", () => {
    for (const text of [
      "",
      " ",
      "hello",
      "{",
      "NaN,",
      "https://",
      `${"https://cdn.test/".repeat(50_000)}`,
      ")".repeat(500_000),
    ]) {
      expect(findFiles(text, allowed, 10).canonical).toBe(text);
    }
    for (const end of ["", "a"])
      expect(findFiles(`https://cdn.test/a${").".repeat(200_000)}${end}`, allowed, 10).files).toHaveLength(1);
  });
});

import { expect, test } from "vitest";
import { decideType, sniff } from "../../../src/files/media-types.ts";
import { extensionOf, isShownInline, typeOfName } from "../../../src/files/type-names.ts";

/** First bytes of real files: signature, then enough of what follows that nothing else fits. */
const heads = {
  png: bytes("89504e470d0a1a0a0000000d49484452"),
  jpeg: bytes("ffd8ffe000104a46494600"),
  gif: bytes("474946383961010001000000"),
  webp: bytes("524946460a00000057454250565038200000"),
  avif: bytes("0000001c6674797061766966"),
  heic: bytes("0000001c6674797068656963"),
  heix: bytes("0000001c6674797068656978"),
  mp4: bytes("000000206674797069736f6d"),
  mov: bytes("000000146674797071742020"),
  webm: bytes("1a45dfa39f4286810142f781"),
  wav: bytes("5249464624000000574156456d7420"),
  ogg: bytes("4f67675300020000"),
  flac: bytes("664c614300000022"),
  mp3: bytes("fffb9064000000"),
  id3: bytes("494433040000000000"),
  rf64: bytes("52463634ffffffff57415645"),
  glb: bytes("676c5446020000000000"),
  zip: bytes("504b030414000000"),
  pdf: text("%PDF-1.7\n"),
  weights: bytes("4700000000000000007b225f5f"),
  html: text("<!doctype html><script>alert(1)</script>"),
  svg: text('<svg xmlns="http://www.w3.org/2000/svg"/>'),
  json: text('{"asset":{"version":"2.0"}}'),
  obj: text("# made by a model\nv 0 0 0\n"),
  words: text("the free market, Grüße\n"),
  none: new Uint8Array(0),
};

function bytes(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex.padEnd(64, "0"), "hex"));
}
function text(words: string): Uint8Array {
  return new TextEncoder().encode(words);
}
function decide(head: keyof typeof heads, words: { claimed?: string; header?: string; name?: string } = {}): string {
  const { claimed = null, header = null, name = null } = words;
  return decideType({ claimed, header, name, sniffed: sniff(heads[head]) });
}

test.each([
  ["png", "image/png"],
  ["jpeg", "image/jpeg"],
  ["gif", "image/gif"],
  ["webp", "image/webp"],
  ["avif", "image/avif"],
  ["heic", "image/heic"],
  ["mp4", "video/mp4"],
  ["mov", "video/quicktime"],
  ["webm", "video/webm"],
  ["wav", "audio/wav"],
  ["ogg", "audio/ogg"],
  ["id3", "audio/mpeg"],
  ["rf64", "audio/wav"],
  ["flac", "audio/flac"],
  ["glb", "model/gltf-binary"],
  ["zip", "application/zip"],
  ["pdf", "application/pdf"],
  ["weights", "application/octet-stream"],
  ["html", "application/octet-stream"],
  ["svg", "image/svg+xml"],
  ["json", "model/gltf+json"],
  ["words", "application/octet-stream"],
  ["none", "application/octet-stream"],
] as const)("%s bytes without a word about them are %s", (head, type) => {
  expect(decide(head)).toBe(type);
});

test.each([
  ["the source's word for a container", "webm", { header: "audio/webm" }, "audio/webm"],
  ["a claim that fits a container", "mp4", { claimed: "audio/mp4" }, "audio/mp4"],
  ["a name that fits a container", "zip", { name: "chair.usdz" }, "model/vnd.usdz+zip"],
  ["a brand that the signature list does not know", "heix", { header: "image/heic" }, "image/heic"],
  ["another name of the type", "wav", { header: "audio/x-wav" }, "audio/wav"],
  ["the source before the claim", "mp4", { header: "video/quicktime", claimed: "audio/mp4" }, "video/quicktime"],
  [
    "the claim where the source says nothing",
    "mp3",
    { header: "binary/octet-stream", claimed: "audio/mpeg" },
    "audio/mpeg",
  ],
  ["the name where neither says anything", "mp3", { header: "application/octet-stream", name: "a.MP3" }, "audio/mpeg"],
  ["parameters and capitals", "obj", { header: "Text/Plain; charset=utf-8" }, "text/plain"],
  ["a text model", "obj", { claimed: "model/obj" }, "model/obj"],
  ["a JSON model", "json", { claimed: "model/gltf+json" }, "model/gltf+json"],
  ["markup that says so", "html", { header: "text/html" }, "text/html"],
  ["a drawing that says so", "svg", { claimed: "image/svg+xml" }, "image/svg+xml"],
] as const)("takes %s", (_name, head, words, type) => {
  expect(decide(head, words)).toBe(type);
});

test.each([
  ["JPEG bytes called PNG", "jpeg", { header: "image/png", claimed: "image/png", name: "a.png" }, "image/jpeg"],
  ["PNG bytes called HTML", "png", { header: "text/html" }, "image/png"],
  ["HTML bytes called PNG", "html", { header: "image/png" }, "application/octet-stream"],
  ["HTML bytes called MP3, which needs no signature", "html", { claimed: "audio/mpeg" }, "application/octet-stream"],
  ["HTML bytes called a bitmap", "html", { header: "image/bmp" }, "application/octet-stream"],
  ["SVG bytes called WebP", "svg", { header: "image/webp" }, "image/svg+xml"],
  ["weights that begin like MPEG", "weights", { header: "application/octet-stream" }, "application/octet-stream"],
  ["words that hold a signature", "words", { header: "text/plain" }, "text/plain"],
  ["an empty file called PNG", "none", { header: "image/png" }, "application/octet-stream"],
  ["a script", "words", { header: "text/javascript", claimed: "application/javascript" }, "application/octet-stream"],
  ["a type off the list", "weights", { header: "application/x-msdownload" }, "application/octet-stream"],
  [
    "a word from the object prototype",
    "weights",
    { header: "constructor", name: "a.constructor" },
    "application/octet-stream",
  ],
] as const)("is not fooled by %s", (_name, head, words, type) => {
  expect(decide(head, words)).toBe(type);
});

test.each([
  ["image/png", true],
  ["video/mp4", true],
  ["audio/wav", true],
  ["text/plain", true],
  ["application/json", true],
  ["text/html", false],
  ["application/xhtml+xml", false],
  ["image/svg+xml", false],
  ["application/xml", false],
  ["model/vnd.collada+xml", false],
  ["application/pdf", false],
  ["model/gltf-binary", false],
  ["application/octet-stream", false],
])("%s is shown in place of the page: %s", (type, shown) => {
  expect(isShownInline(type)).toBe(shown);
});

test("extensions lead to their type and back", () => {
  for (const name of ["a.png", "a.jpg", "a.mp4", "a.wav", "a.glb", "a.zip", "a.json"]) {
    const type = typeOfName(name);
    expect(type && `a.${extensionOf(type)}`).toBe(name);
  }
  expect(typeOfName("a.jpeg")).toBe("image/jpeg");
  expect(typeOfName("weights.safetensors")).toBeNull();
  expect(typeOfName("png")).toBeNull();
});

// Uploads as real clients make them, against `npm start`: a page of another origin in a real browser, `curl -T`, and Python's
// urllib. What is refused must reach each of them as a sentence.

import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openPage, type PageElsewhere } from "../harness/browser.ts";
import { type Sluice, startSluice } from "../harness/sluice.ts";

const run = promisify(execFile);
const PNG = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52];

let sluice: Sluice;
let elsewhere: PageElsewhere;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "sluice-uploads-"));
  [sluice, elsewhere] = await Promise.all([startSluice(), openPage()]);
});
afterAll(async () => {
  await Promise.all([sluice.stop(), elsewhere.close()]);
  rmSync(folder, { recursive: true, force: true });
});

/** What pages have and Node has not, as far as these tests use test. */
declare const document: { createElement(name: "canvas"): Canvas };
declare const Image: new () => Picture;
interface Picture {
  crossOrigin: string;
  src: string;
  naturalWidth: number;
  decode(): Promise<void>;
}
interface Canvas {
  width: number;
  height: number;
  getContext(kind: "2d"): {
    fillRect(x: number, y: number, width: number, height: number): void;
    drawImage(image: Picture, x: number, y: number): void;
    getImageData(x: number, y: number, width: number, height: number): { data: Uint8ClampedArray };
  } | null;
  toBlob(done: (blob: Blob | null) => void, type: string): void;
}

interface Announced {
  upload_url: string;
  file_url: string;
}

async function announce(body: Record<string, unknown> = {}): Promise<Announced> {
  const answer = await fetch(`${sluice.url}/v1/uploads`, {
    method: "POST",
    headers: { Authorization: `Bearer ${sluice.key}`, "Content-Type": "application/json" },
    body: JSON.stringify({ file_name: "cat.png", content_type: "image/png", ...body }),
  });
  expect(answer.status).toBe(201);
  return (await answer.json()) as Announced;
}

function aPng(size: number): Buffer {
  const bytes = Buffer.alloc(size, 7);
  Buffer.from(PNG).copy(bytes);
  return bytes;
}

async function sizeAt(url: string): Promise<[number, string | null, number]> {
  const answer = await fetch(url);
  return [answer.status, answer.headers.get("Content-Type"), (await answer.arrayBuffer()).byteLength];
}

describe("a page of another origin", () => {
  test("uploads what it drew with a token, shows it, submits it, and reads the pixels of the output", async () => {
    const minted = await fetch(`${sluice.url}/v1/tokens`, {
      method: "POST",
      headers: { Authorization: `Bearer ${sluice.key}`, "Content-Type": "application/json" },
      body: JSON.stringify({ user: "ada" }),
    });
    const { token } = (await minted.json()) as { token: string };
    const seen = await elsewhere.page.evaluate(
      async ({ base, token }) => {
        const json = { "Content-Type": "application/json" };
        const headers = { ...json, Authorization: `Bearer ${token}` };
        const canvas = document.createElement("canvas");
        canvas.width = canvas.height = 600;
        canvas.getContext("2d")?.fillRect(10, 10, 300, 300);
        const blob: Blob = await new Promise((done) =>
          canvas.toBlob((made: Blob | null) => done(made as Blob), "image/png"),
        );
        const announced = await fetch(`${base}/v1/uploads`, {
          method: "POST",
          headers,
          body: JSON.stringify({ file_name: "drawn.png", content_type: blob.type, size: blob.size }),
        });
        const { upload_url, file_url } = (await announced.json()) as Announced;
        if (!upload_url) throw new Error(`not announced: ${announced.status}`);
        const sent = await fetch(upload_url, { method: "PUT", body: blob, headers: { "Content-Type": blob.type } });
        const stored = (await sent.json()) as { size: number };
        const shown = async (url: string) => {
          const image = new Image();
          image.crossOrigin = "anonymous";
          image.src = url;
          await image.decode();
          return image;
        };
        const image = await shown(file_url);
        const input = { prompt: "a cat", image_url: file_url };
        const submitted = await fetch(`${base}/v1/requests?wait=20`, {
          method: "POST",
          headers,
          body: JSON.stringify({ model: "fal-ai/flux/dev/image-to-image", input }),
        });
        const request = (await submitted.json()) as { status: string; output: { images: { url: string }[] } };
        const url = request.output.images[0]?.url ?? "";
        const paper = document.createElement("canvas").getContext("2d");
        paper?.drawImage(await shown(url), 0, 0);
        return {
          sent: sent.status,
          stored: stored.size === blob.size,
          width: image.naturalWidth,
          status: request.status,
          isOurs: url.startsWith(`${base}/files/`),
          // Throws where the canvas is tainted.
          opaque: paper?.getImageData(0, 0, 1, 1).data[3],
        };
      },
      { base: sluice.url, token },
    );
    expect(seen, elsewhere.said.join("\n")).toEqual({
      ...{ sent: 200, stored: true, width: 600, status: "COMPLETED" },
      ...{ isOurs: true, opaque: 255 },
    });
  });

  test("reads why a file is refused, also of a large one", async () => {
    const { upload_url } = await announce();
    const read = (size: number) =>
      elsewhere.page.evaluate(
        async ({ url, size }) => {
          const answer = await fetch(url, { method: "PUT", body: new Blob([new Uint8Array(size).fill(65)]) });
          return [answer.status, ((await answer.json()) as { code: string }).code];
        },
        { url: upload_url, size },
      );
    expect(await read(2_000)).toEqual([415, "unsupported_media_type"]);
    expect(await read(8_000_000)).toEqual([415, "unsupported_media_type"]);
  });

  test("sends a form and a file of 12 MiB", async () => {
    const { upload_url, file_url } = await announce();
    const status = await elsewhere.page.evaluate(
      async ({ url, head }) => {
        const bytes = new Uint8Array(12 * 1024 * 1024);
        bytes.set(head);
        const form = new FormData();
        form.append("file", new File([bytes], "large.png", { type: "image/png" }));
        return (await fetch(url, { method: "POST", body: form })).status;
      },
      { url: upload_url, head: PNG },
    );
    expect(status).toBe(200);
    expect(await sizeAt(file_url)).toEqual([200, "image/png", 12 * 1024 * 1024]);
  });
});

describe("curl -T", () => {
  const curl = async (...args: string[]) =>
    (await run("curl", ["-sS", "-w", "\n%{http_code}", ...args])).stdout.split("\n");

  test("sends a file, and a stream", async () => {
    const path = join(folder, "cat.png");
    writeFileSync(path, aPng(3_000_000));
    const file = await announce();
    expect((await curl("-T", path, file.upload_url)).at(-1)).toBe("200");
    expect(await sizeAt(file.file_url)).toEqual([200, "image/png", 3_000_000]);
    const piped = await announce();
    const streamed = await curl("-T", path, "-H", "Transfer-Encoding: chunked", piped.upload_url);
    expect(streamed.at(-1)).toBe("200");
    expect(await sizeAt(piped.file_url)).toEqual([200, "image/png", 3_000_000]);
  });

  test("is told in JSON that one call takes 100 MiB", async () => {
    const path = join(folder, "huge.png");
    writeFileSync(path, aPng(101 * 1024 * 1024));
    const [body = "", status] = await curl("-T", path, (await announce()).upload_url);
    expect([status, JSON.parse(body).code]).toEqual(["413", "payload_too_large"]);
  });
});

describe("Python's urllib", () => {
  const SEND = `
import sys, urllib.request, urllib.error
url, path = sys.argv[1:]
call = urllib.request.Request(url, data=open(path, "rb").read(), method="PUT")
try:
    print(urllib.request.urlopen(call).status)
except urllib.error.HTTPError as refused:
    print(refused.code, refused.read().decode())
`;
  const python = async (url: string, path: string) => (await run("python3", ["-c", SEND, url, path])).stdout.trim();

  test("sends a file, and reads why one is refused", async () => {
    const path = join(folder, "python.png");
    writeFileSync(path, aPng(2_000_000));
    const { upload_url, file_url } = await announce();
    expect(await python(upload_url, path)).toBe("200");
    expect(await sizeAt(file_url)).toEqual([200, "image/png", 2_000_000]);
    const text = join(folder, "words.txt");
    writeFileSync(text, "words ".repeat(400_000));
    expect(await python((await announce()).upload_url, text)).toMatch(/^415 .*"code":"unsupported_media_type"/);
  });
});

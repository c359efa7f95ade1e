// The largest file that one call may bring, sent for real: over a socket, to `npm start`, made as it is sent, so that nobody
// but the receiver could be the one who holds test.

import { createHash, type Hash } from "node:crypto";
import { request } from "node:http";
import { pipeline } from "node:stream/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { UPLOAD_PUT_MAX_BYTES } from "../../src/files/byte-reader.ts";
import { type Sluice, startSluice } from "../harness/sluice.ts";

const PNG = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52]);
const PIECE = Buffer.from(Uint8Array.from({ length: 256 * 1024 }, (_, i) => (i * 31 + (i >> 8)) & 0xff));

let sluice: Sluice;

beforeAll(async () => {
  sluice = await startSluice();
});

afterAll(async () => {
  await sluice.stop();
});

interface Announced {
  upload_url: string;
  file_url: string;
}

async function announced(): Promise<Announced> {
  const answer = await fetch(`${sluice.url}/v1/uploads`, {
    method: "POST",
    headers: { Authorization: `Bearer ${sluice.key}`, "Content-Type": "application/json" },
    body: JSON.stringify({ file_name: "huge.png", content_type: "image/png" }),
  });
  expect(answer.status).toBe(201);
  return (await answer.json()) as Announced;
}

/** So many bytes of a picture, a piece at a time; what was given out is in the digest. */
function* pieces(bytes: number, digest: Hash): Generator<Buffer> {
  for (let at = 0; at < bytes; ) {
    const piece = at === 0 ? PNG : PIECE.subarray(0, bytes - at);
    digest.update(piece);
    yield piece;
    at += piece.length;
  }
}

/** Sends so many bytes, with a Content-Length or in chunks. */
async function put(url: string, bytes: number, said: "with its length" | "in chunks") {
  const digest = createHash("sha256");
  const headers = said === "in chunks" ? {} : { "Content-Length": String(bytes) };
  const call = request(url, { method: "PUT", headers });
  const answered = new Promise<{ status: number; text: string }>((resolve, reject) => {
    call.on("error", reject).on("response", (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => {
        text += part;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
    });
  });
  const [{ status, text }] = await Promise.all([answered, pipeline(pieces(bytes, digest), call)]);
  return { status, body: JSON.parse(text) as Record<string, unknown>, sha256: digest.digest("hex") };
}

test.each(["with its length", "in chunks"] as const)(
  "100 MiB %s are taken, and come back as they were sent",
  async (said) => {
    const { upload_url, file_url } = await announced();
    const { status, body, sha256 } = await put(upload_url, UPLOAD_PUT_MAX_BYTES, said);
    expect([status, body]).toMatchObject([200, { file_url, content_type: "image/png", size: UPLOAD_PUT_MAX_BYTES }]);
    expect(body.sha256).toBe(sha256);
    const back = createHash("sha256");
    const file = await fetch(file_url);
    expect(file.headers.get("content-length")).toBe(String(UPLOAD_PUT_MAX_BYTES));
    for await (const part of file.body ?? []) back.update(part as Uint8Array);
    expect(back.digest("hex")).toBe(sha256);
  },
);

test.each([
  [
    "with its length",
    `The body has ${UPLOAD_PUT_MAX_BYTES + 1} bytes. The maximum is ${UPLOAD_PUT_MAX_BYTES} bytes per call.`,
  ],
  ["in chunks", `The body exceeds ${UPLOAD_PUT_MAX_BYTES} bytes, the maximum without a Content-Length.`],
] as const)(
  "a byte more %s is refused with a sentence and a way out, and nothing of it is kept",
  async (said, detail) => {
    const { upload_url, file_url } = await announced();
    const { status, body } = await put(upload_url, UPLOAD_PUT_MAX_BYTES + 1, said);
    expect([status, body]).toMatchObject([413, { code: "payload_too_large", detail }]);
    expect(body.hint).toContain("in parts");
    expect((await fetch(file_url)).status).toBe(404);
  },
);

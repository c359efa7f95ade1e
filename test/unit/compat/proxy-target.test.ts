import { describe, expect, test } from "vitest";
import { proxyTarget } from "../../../src/compat/proxy-target.ts";

const ID = "ab".repeat(32);

describe("a proxy target", () => {
  test.each([
    ["POST", "https://queue.fal.run/fal-ai/flux/schnell", { kind: "submit", model: "fal-ai/flux/schnell" }],
    [
      "POST",
      "https://queue.fal.run/fal-ai/flux?fal_webhook=https%3A%2F%2Fx.example",
      { kind: "submit", model: "fal-ai/flux" },
    ],
    ["POST", "https://queue.fal.run:443/fal-ai/flux/", { kind: "submit", model: "fal-ai/flux" }],
    [
      "GET",
      `https://queue.fal.run/fal-ai/flux/requests/${ID}/status?logs=1`,
      { kind: "status", app: "fal-ai/flux", id: ID },
    ],
    [
      "GET",
      `https://queue.fal.run/fal-ai/flux/requests/${ID}/status/stream`,
      { kind: "stream", app: "fal-ai/flux", id: ID },
    ],
    ["GET", `https://queue.fal.run/workflows/a/b/requests/${ID}`, { kind: "result", app: "workflows/a/b", id: ID }],
    ["GET", `https://queue.fal.run/a/requests/requests/${ID}/response`, { kind: "result", app: "a/requests", id: ID }],
    ["PUT", `https://queue.fal.run/fal-ai/flux/requests/${ID}/cancel`, { kind: "cancel", app: "fal-ai/flux", id: ID }],
    ["POST", "https://fal.run/fal-ai/flux/schnell", { kind: "run", model: "fal-ai/flux/schnell" }],
    ["POST", "https://fal.run/fal-ai/flux/schnell/stream", { kind: "run_stream", model: "fal-ai/flux/schnell" }],
    ["POST", "https://rest.fal.ai/storage/upload/initiate?storage_type=fal-cdn-v3", { kind: "upload" }],
    ["POST", "https://rest.alpha.fal.ai/storage/upload/initiate", { kind: "upload" }],
    [
      "POST",
      "https://rest.fal.ai/storage/upload/initiate-multipart?storage_type=fal-cdn-v3",
      { kind: "multipart_upload" },
    ],
    ["POST", "https://rest.fal.ai/tokens/", { kind: "token" }],
    ["POST", "https://rest.fal.ai/tokens/realtime", { kind: "token" }],
  ])("%s %s is understood", (method, url, target) => {
    expect(proxyTarget(method, url)).toEqual(target);
  });

  test.each([
    ["POST", "https://evilfal.run/fal-ai/flux"],
    ["POST", "https://queue.fal.run.evil.example/fal-ai/flux"],
    ["POST", "https://evil.example/queue.fal.run/fal-ai/flux"],
    ["POST", "https://queue.fal.run@evil.example/fal-ai/flux"],
    ["POST", "https://user:secret@queue.fal.run/fal-ai/flux"],
    ["POST", "https://queue.fal.run:8443/fal-ai/flux"],
    ["POST", "http://queue.fal.run/fal-ai/flux"],
    ["POST", "wss://fal.run/fal-ai/flux/realtime"],
    ["POST", "//queue.fal.run/fal-ai/flux"],
    ["POST", "queue.fal.run/fal-ai/flux"],
    ["POST", ""],
    ["POST", "https://rest.fal.ai/storage/upload/complete-multipart"],
    ["GET", "https://rest.fal.ai/storage/upload/initiate"],
    ["GET", "https://fal.run/fal-ai/flux"],
    ["GET", "https://queue.fal.run/fal-ai/flux"],
    ["PUT", `https://queue.fal.run/fal-ai/flux/requests/${ID}`],
    ["POST", `https://queue.fal.run/fal-ai/flux/requests/${ID}/cancel`],
    ["GET", `https://queue.fal.run/fal-ai/flux/requests/${ID}/../../../../x/requests/y/z`],
  ])("%s %s is none of ours", (method, url) => {
    expect(proxyTarget(method, url)).toEqual({ kind: "unknown" });
  });
});

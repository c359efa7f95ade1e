// Cloudflare Turnstile's siteverify, for its three test secrets; every other secret is invalid.
// https://developers.cloudflare.com/turnstile/troubleshooting/testing.

import type { Call } from "./call.ts";
import { parseObject } from "./json.ts";

/** The test secrets and the error code of each; null: success. */
const ERROR_OF_SECRET: Readonly<Record<string, string | null>> = {
  "1x0000000000000000000000000000000AA": null,
  "2x0000000000000000000000000000000AA": "invalid-input-response",
  "3x0000000000000000000000000000000AA": "timeout-or-duplicate",
};
const HOSTNAME = "example.com";

/** Accepts JSON or a form with `secret` and `response`. Always 200, as in the real API; the result is in the body. */
export function siteverify(call: Call): Response {
  call.note.kind = "turnstile";
  if (call.request.method !== "POST") return new Response(null, { status: 405, headers: { allow: "POST" } });
  const form = new URLSearchParams(call.body);
  const fields = parseObject(call.body) ?? { secret: form.get("secret"), response: form.get("response") };
  const error = verdict(fields.secret, fields.response);
  if (error !== null) return Response.json({ success: false, "error-codes": [error] });
  const challenge_ts = new Date(call.now).toISOString();
  return Response.json({ success: true, "error-codes": [], challenge_ts, hostname: HOSTNAME, action: "", cdata: "" });
}

function verdict(secret: unknown, response: unknown): string | null {
  if (typeof secret !== "string" || secret === "") return "missing-input-secret";
  if (!Object.hasOwn(ERROR_OF_SECRET, secret)) return "invalid-input-secret";
  if (typeof response !== "string" || response === "") return "missing-input-response";
  return ERROR_OF_SECRET[secret] ?? null;
}

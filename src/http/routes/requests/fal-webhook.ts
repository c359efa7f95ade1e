// fal's webhooks: POST /hooks/fal/{request}/{token}. Checks the token (without calling an object), the size and the signature, then
// one write in the tracker and 200; everything else runs after it. Never returns 3xx, which fal takes as final.

import { type Context, Hono } from "hono";
import type { WebhookReport } from "../../../contracts/tracker.ts";
import { allowedHosts } from "../../../files/media-hosts.ts";
import { readInbound, unheardRefusal } from "../../../net/body.ts";
import type { Env } from "../../../platform/bindings.ts";
import type { Config } from "../../../platform/config.ts";
import { requireConfig } from "../../../platform/config.ts";
import { REQUEST_ID } from "../../../platform/ids.ts";
import { faultName, logEvent } from "../../../platform/log.ts";
import { checkMark } from "../../../platform/signing.ts";
import { accountFor, trackerFor, trackerOf } from "../../../platform/stubs.ts";
import { SECOND_MS } from "../../../platform/time.ts";
import { announcedClaim, describeOutput, errorFingerprint, fingerprintOf } from "../../../requests/view/output.ts";
import { reportUnlistedHosts } from "../../../requests/view/unlisted-hosts.ts";
import { isUpstreamId, parseReport } from "../../../upstream/client/classify.ts";
import { verifyWebhook } from "../../../upstream/fal-webhook-signature.ts";
import { signingKeys } from "../../../upstream/jwks.ts";
import { senderOf } from "../../client-address.ts";

/** Larger bodies are not read: the call counts as an unverified callback, and the result is fetched instead. */
const WEBHOOK_BODY_MAX_BYTES = 1024 * 1024;

type HookContext = Context<{ Bindings: Env }>;

export const hooks = new Hono<{ Bindings: Env }>();

hooks.on(["POST"], ["/fal/:request/:token", "/fal/:request/:token/"], (context) => receive(context));
hooks.all("*", (context) => context.json({ message: "Not found" }, 404));

async function receive(context: HookContext): Promise<Response> {
  const config = requireConfig(context.env);
  const request = context.req.param("request") ?? "";
  const token = context.req.param("token") ?? "";
  const tracker = REQUEST_ID.test(request) ? trackerOf(context.env, request) : null;
  if (tracker === null || !(await checkMark(config.SIGNING_KEY, "callback", [request], token))) {
    return answer(context, 404, "Not found", request, "bad_token");
  }
  const read = await readInbound(context.req.raw, WEBHOOK_BODY_MAX_BYTES, senderOf(null, context.req.raw));
  if (read.kind === "broken") return answer(context, 400, "The body could not be read", request, "broken_body");
  if (read.kind === "too_slow") return answer(context, 408, unheardRefusal(read).detail, request, "slow_body");
  if (read.kind === "overloaded") return answer(context, 503, unheardRefusal(read).detail, request, "overloaded");
  if (read.kind === "too_large") {
    // Unread, so unverified; but after a lost submit response, its header may be the only source of fal's request id.
    await tracker.unverifiedCallback("too_large", candidate(context.req.header("x-fal-webhook-request-id")));
    return answer(context, 200, "Payload too large; polling for the result", request, "too_large");
  }
  let isHeld = false;
  try {
    const text = new TextDecoder().decode(read.bytes);
    const verdict = await verify(context, read.bytes);
    if (verdict.kind !== "verified") {
      // Untrusted, but the token is valid: the tracker polls for the result, and nothing of the body is used.
      await tracker.unverifiedCallback(verdict.reason, parsedRequestId(text));
      const status = verdict.kind === "unavailable" ? 503 : 401;
      return answer(context, status, "The signature could not be verified", request, verdict.reason);
    }
    const report = await reportOf(config, request, text, verdict);
    if (report === null) {
      await tracker.unverifiedCallback("malformed", candidate(verdict.requestId));
      return answer(context, 200, "Malformed payload; polling for the result", request, "malformed");
    }
    const recorded = await tracker.report(report);
    if (recorded.kind === "not_found") return answer(context, 404, "Not found", request, "unknown_request");
    const { files } = report.described ?? { files: [] };
    context.executionCtx.waitUntil(
      reportUnlistedHosts(context.env, config, { requestId: request, files, origin: null }),
    );
    if (recorded.kind === "awaits_proof") {
      isHeld = true;
      const reporting = reportOnceProved(context.env, report, request, recorded.connection);
      context.executionCtx.waitUntil(reporting.finally(() => read.permit.release()));
    }
    return answer(context, 200, "OK", request, "recorded");
  } finally {
    if (!isHeld) read.permit.release();
  }
}

/**
 * Another request proves the report's user. Reports again once it has; the tracker, which knows of the report, fetches the result
 * itself should the proof fail or this call be cut off.
 */
async function reportOnceProved(
  env: Env,
  report: WebhookReport,
  request: string,
  connection: string | null,
): Promise<void> {
  try {
    if (await accountFor(env).userPinned(connection, report.userId)) await trackerFor(env, request).report(report);
  } catch (fault) {
    logEvent("webhook.proof_lost", { request, error: faultName(fault) });
  }
}

type Verdict =
  | { kind: "verified"; requestId: string; userId: string; delayMs: number }
  | { kind: "refused" | "unavailable"; reason: string };

/** Verifies the signature with cached keys, then with newly fetched ones, because fal may have rotated them. */
async function verify(context: HookContext, bytes: Uint8Array): Promise<Verdict> {
  const { headers } = context.req.raw;
  for (const force of [false, true]) {
    const keySet = await signingKeys(context.env, { force });
    if (keySet.kind === "unavailable") return { kind: "unavailable", reason: "no_key_set" };
    const verdict = await verifyWebhook({ headers, bytes, nowMs: Date.now(), keys: keySet.keys });
    if (verdict.kind === "verified") {
      const signedAt = Number(headers.get("x-fal-webhook-timestamp")) * SECOND_MS;
      return { ...verdict, delayMs: Math.max(0, Date.now() - signedAt) };
    }
    if (verdict.reason !== "bad_signature") return verdict;
  }
  return { kind: "refused", reason: "bad_signature" };
}

/** The tracker's report of a verified body; null when it is malformed or names another request. */
async function reportOf(
  config: Config,
  request: string,
  text: string,
  verdict: { requestId: string; userId: string; delayMs: number },
): Promise<WebhookReport | null> {
  const parsed = parseReport(text);
  if (parsed.kind === "malformed" || parsed.requestId !== verdict.requestId) return null;
  const { userId, delayMs } = verdict;
  const base = { userId, delayMs, upstreamId: parsed.requestId, described: null };
  switch (parsed.kind) {
    case "announced":
      return { ...base, end: null, fingerprint: await announcedClaim() };
    case "canceled":
      return { ...base, end: { kind: "canceled" }, fingerprint: await fingerprintOf("canceled", "") };
    case "error":
      return {
        ...base,
        end: { kind: "error", error: parsed.error },
        fingerprint: await errorFingerprint(parsed.error),
      };
    case "output": {
      const output = { text: parsed.payload, contentType: null };
      const described = await describeOutput(request, output, allowedHosts(config.FAL_MEDIA_HOSTS));
      const { files, skipped, fingerprint } = described;
      return { ...base, end: { kind: "output", files, skipped }, fingerprint, described };
    }
  }
}

/** An unverified upstream id. It is trusted only after an authenticated response, and must be well-formed. */
function candidate(id: string | undefined): string | null {
  return isUpstreamId(id) ? id : null;
}

/** The upstream id in an unverified body, as a candidate. */
function parsedRequestId(text: string): string | null {
  const parsed = parseReport(text);
  return parsed.kind === "malformed" ? null : parsed.requestId;
}

function answer(
  context: HookContext,
  status: 200 | 400 | 401 | 404 | 408 | 503,
  message: string,
  request: string,
  outcome: string,
): Response {
  if (outcome !== "recorded")
    logEvent("webhook.refused", { ...(REQUEST_ID.test(request) ? { request } : {}), status, outcome });
  return context.json({ message }, status);
}

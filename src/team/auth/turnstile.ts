// Server-side validation of Cloudflare Turnstile tokens
// (developers.cloudflare.com/turnstile/get-started/server-side-validation).

import type * as z from "zod";
import { fetchSmallText } from "../../net/fetch-text.ts";
import { type Refusal, refusal } from "../../platform/errors.ts";
import { faultName, logEvent } from "../../platform/log.ts";
import { lazy } from "../../platform/schema.ts";
import { SECOND_MS } from "../../platform/time.ts";

/** Timeout of siteverify, which normally answers in well under a second. */
const TURNSTILE_TIMEOUT_MS = 5 * SECOND_MS;
/** Maximum length of a Turnstile token (same page). */
const TURNSTILE_TOKEN_MAX_CHARS = 2_048;

export interface TurnstileCheck {
  verifyUrl: string;
  secret: string;
  /** Expected `hostname` in the response of siteverify. */
  hostname: string;
  /** Token from the page; undefined if omitted. */
  token: string | undefined;
  /** Address of the visitor, passed to Cloudflare. */
  address: string | null;
  /** Whether the deployment is local, where test secrets are accepted. */
  isLocal: boolean;
}

/** Secrets that pass, fail or repeat whatever is sent (developers.cloudflare.com/turnstile/troubleshooting/testing). */
const TEST_SECRET = /^[123]x0+AA$/;

const verdictSchema = lazy((z) =>
  z.object({
    success: z.boolean(),
    hostname: z.string().optional(),
    "error-codes": z.array(z.string()).default([]),
  }),
);

/** Null if the token is valid, else the refusal. One call; a network fault can be retried. */
export async function turnstileFault(check: TurnstileCheck): Promise<Refusal | null> {
  const isTest = TEST_SECRET.test(check.secret);
  if (isTest && !check.isLocal) {
    return refusal("forbidden", "The key's Turnstile secret is a Cloudflare test secret.", {
      hint: "Test secrets are accepted on local deployments only. Set `turnstile.secret` to the widget's secret.",
    });
  }
  if (check.token === undefined || check.token === "" || check.token.length > TURNSTILE_TOKEN_MAX_CHARS) {
    return refusal("forbidden", "This key requires Turnstile: `turnstile_token` is missing or invalid.", {
      hint: "Render the Turnstile widget and send the token from its callback as `turnstile_token`.",
    });
  }
  const verdict = await siteverify(check, check.token);
  if (verdict === null) return unreachable();
  if (!verdict.success) return failure(verdict["error-codes"]);
  // Responses for test secrets contain a hostname of Cloudflare.
  if (!isTest && verdict.hostname !== check.hostname) {
    logEvent("turnstile.refused", { reason: "hostname" });
    return refusal("forbidden", "The Turnstile token was issued for another hostname.", {
      hint: "Set the key's `turnstile.hostname` to the host that renders the widget.",
    });
  }
  return null;
}

async function siteverify(
  { verifyUrl, secret, address }: TurnstileCheck,
  token: string,
): Promise<z.output<ReturnType<typeof verdictSchema>> | null> {
  const body = JSON.stringify({ secret, response: token, ...(address === null ? {} : { remoteip: address }) });
  const init = { method: "POST", headers: { "content-type": "application/json" }, body };
  const text = await fetchSmallText(verifyUrl, init, { timeoutMs: TURNSTILE_TIMEOUT_MS });
  if (text === null) return null;
  try {
    return verdictSchema().parse(JSON.parse(text));
  } catch (fault) {
    logEvent("turnstile.failed", { error: faultName(fault) });
    return null;
  }
}

function failure(codes: readonly string[]): Refusal {
  if (codes.includes("internal-error")) return unreachable();
  if (codes.some((code) => code === "invalid-input-secret" || code === "missing-input-secret")) {
    logEvent("turnstile.refused", { reason: "secret" });
    return refusal("misconfigured", "Turnstile rejected the key's secret.", {
      hint: "Set `turnstile.secret` to the widget's secret.",
    });
  }
  logEvent("turnstile.refused", { reason: codes.includes("timeout-or-duplicate") ? "spent" : "failed" });
  return refusal("forbidden", "The Turnstile token is invalid, expired or already used.", {
    hint: "Reset the widget with `turnstile.reset()` and send the new token. Tokens are valid once, for five minutes.",
  });
}

function unreachable(): Refusal {
  return refusal("internal", "Turnstile could not be reached.", { hint: "Retry the request." });
}

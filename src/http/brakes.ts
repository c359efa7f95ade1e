// The deployment's brakes: rate limits by client address and by credential in front of the objects, whose one thread all callers of a
// team share. Counted by Cloudflare in each location, roughly: a brake, never a promise. How many calls stands in wrangler.toml; a
// deployment without the bindings has no brakes.
//
// Not braked: preflights (answered before), /healthz (asks the account every few seconds at most), /files (no object, or that of the
// request itself), and /hooks, which has fal's few addresses for all requests: a webhook turned away would make a finished request
// wait for its poll, and its mark is checked before any object is asked.

import { createMiddleware } from "hono/factory";
import type { Credential } from "../contracts/team-keys.ts";
import type { Env } from "../platform/bindings.ts";
import { type Refusal, refusal } from "../platform/errors.ts";
import { sha256Hex } from "../platform/ids.ts";
import { faultName, logEvent } from "../platform/log.ts";
import { networkOf } from "../team/auth/visitor.ts";
import type { AppEnv } from "./app-env.ts";
import { addressOf } from "./client-address.ts";

/** The period of the limits in wrangler.toml, after which a braked caller is let through again. */
export const BRAKE_PERIOD_S = 10;

/** Before any credential is read: one network's calls, whatever it makes up. */
export const addressBrake = createMiddleware<AppEnv>(async function addressBrake(context, next) {
  const address = addressOf(context.req.raw);
  // Cloudflare names the address of each call; without one this is a local run.
  const isBraked = address !== null && (await isOver(context.env.ADDRESS_BRAKE, networkOf(address)));
  return isBraked ? context.get("refuse")(braked("network address"), context.get("callId")) : next();
});

/** For uploads and input files, whose link is the credential: `/uploads/{team}/{place}/…`, `/inputs/{team}/{place}/…`. */
export const linkBrake = createMiddleware<AppEnv>(async function linkBrake(context, next) {
  const { CREDENTIAL_BRAKE } = context.env;
  if (CREDENTIAL_BRAKE === undefined) return next();
  const link = context.req.path.split("/", 4).join("/");
  const isBraked = await isOver(CREDENTIAL_BRAKE, await sha256Hex(link));
  return isBraked ? context.get("refuse")(braked("link"), context.get("callId")) : next();
});

/** Why a credential is not let through to its team now, or null. All tokens of one user and key count as one credential. */
export async function credentialBrake(env: Env, team: string, credential: Credential): Promise<Refusal | null> {
  if (env.CREDENTIAL_BRAKE === undefined) return null;
  return (await isOver(env.CREDENTIAL_BRAKE, await credentialName(team, credential))) ? braked("credential") : null;
}

/** Without the credential itself and without a user's name: the name leaves the isolate. */
async function credentialName(team: string, credential: Credential): Promise<string> {
  switch (credential.kind) {
    case "key":
      return credential.digest;
    case "token":
      return sha256Hex(JSON.stringify([team, "token", credential.keyId, credential.user]));
    case "jwt":
      return sha256Hex(JSON.stringify([team, "jwt", credential.issuer, credential.user]));
  }
}

/** A brake that fails lets everybody through: the limits of plans hold all the same. */
async function isOver(brake: RateLimit | undefined, key: string): Promise<boolean> {
  if (brake === undefined) return false;
  try {
    return !(await brake.limit({ key })).success;
  } catch (fault) {
    logEvent("brake.failed", { error: faultName(fault) });
    return false;
  }
}

function braked(what: string): Refusal {
  return refusal("rate_limited", `This ${what} makes more calls than the deployment lets through.`, {
    hint: `This is the deployment's brake, not a limit of a plan: nothing was counted or charged. Try again in ${BRAKE_PERIOD_S} seconds, and wait with \`Prefer: wait\` or webhooks instead of polling.`,
    retryAfterS: BRAKE_PERIOD_S,
  });
}

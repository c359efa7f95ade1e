// What a self-test does to look: writes to the bucket, calls its own addresses, asks the objects. Each look ends within LOOK_MAX_MS and
// costs at most one call of the gateway's pace in all.

import type { AccountOverview } from "../../contracts/account.ts";
import { PROBE_ROOT, probeKey } from "../../files/bucket-keys.ts";
import { readTextCapped } from "../../net/body.ts";
import { callOut } from "../../net/fetch.ts";
import type { Env } from "../../platform/bindings.ts";
import type { Config } from "../../platform/config.ts";
import { newId } from "../../platform/ids.ts";
import { accountFor, sweeperFor } from "../../platform/stubs.ts";
import { MINUTE_MS, SECOND_MS } from "../../platform/time.ts";
import { baseUrlOf } from "../../requests/view/serialize.ts";
import type { ConnectionAnswer } from "../../upstream/client/connections.ts";
import { manageConnections } from "../../upstream/connection-calls.ts";
import { notifyOperator, operatorTestEvent } from "../../webhooks/operator.ts";
import { elsewhere, type Finding, fail, judgeSweep, type OwnAnswer, ok, skipped, warn } from "./findings.ts";
import { probePath } from "./probe-path.ts";

/** A look that takes longer has failed. */
export const LOOK_MAX_MS = 12 * SECOND_MS;
const OWN_CALL_MS = 8 * SECOND_MS;
/** Of an own answer; what is longer is not ours. */
const OWN_ANSWER_MAX_BYTES = 4 * 1024;
const PROBE_TEXT = "sluice";
/** A probe that is older was left by a run that was cut off: none takes so long. */
const PROBE_KEPT_MS = MINUTE_MS;

/** What the looks of one run share. */
export interface Subject {
  env: Env;
  config: Config;
  /** The origin that the caller uses. */
  origin: string;
  /** The nonce of this run's probe. */
  nonce: string;
  connections: () => Promise<ConnectionAnswer>;
  account: () => Promise<AccountOverview>;
  /** Whether the probe is in the bucket; rejects with what R2 said. */
  probe: () => Promise<void>;
}

export function subjectOf(env: Env, config: Config, origin: string): Subject {
  const nonce = newId("upl").slice(-20);
  return {
    ...{ env, config, origin, nonce },
    connections: once(() => manageConnections(env, { kind: "list", filters: {} })),
    account: once(() => Promise.resolve(accountFor(env).accountOverview())),
    probe: once(async () => {
      await env.FILES.put(probeKey(nonce), PROBE_TEXT, { httpMetadata: { contentType: "text/plain" } });
    }),
  };
}

/**
 * Deletes the probe, and what an interrupted run has left; not that of a run beside this one. Best effort: the next run deletes what
 * this one leaves.
 */
export async function deleteProbes({ env, nonce }: Subject, now: number): Promise<void> {
  try {
    const { objects } = await env.FILES.list({ prefix: PROBE_ROOT, limit: 100 });
    const left = objects.filter(({ key, uploaded }) => {
      return key === probeKey(nonce) || uploaded.getTime() < now - PROBE_KEPT_MS;
    });
    if (left.length > 0) await env.FILES.delete(left.map(({ key }) => key));
  } catch {
    // The check of the bucket has said so.
  }
}

export async function lookAtBucket({ env, nonce, probe }: Subject): Promise<Finding> {
  try {
    await probe();
  } catch (fault) {
    return bucketFault("refuses writes", fault);
  }
  try {
    const part = await env.FILES.get(probeKey(nonce), { range: { offset: 1, length: 3 } });
    if (part !== null && (await part.text()) === PROBE_TEXT.slice(1, 4))
      return ok("The bucket takes, gives and ranges.");
    return bucketFault("does not return what was written", null);
  } catch (fault) {
    return bucketFault("refuses reads", fault);
  }
}

function bucketFault(what: string, fault: unknown): Finding {
  const code = fault instanceof Error ? /\((\d+)\)/.exec(fault.message)?.[1] : undefined;
  return fail(
    `The bucket ${what}${code === undefined ? "" : ` (R2 error ${code})`}.`,
    "Check the binding FILES in wrangler.toml, and the bucket in the Cloudflare dashboard under R2.",
  );
}

/** A stored file by its public address: type, CORS, range. */
export async function lookAtFileUrl(subject: Subject): Promise<Finding> {
  const { config, origin } = subject;
  const base = baseUrlOf(config, origin);
  const setting =
    config.BASE_URL !== undefined ? "BASE_URL" : config.PUBLIC_URL !== undefined ? "PUBLIC_URL" : "The address";
  return (await readsProbe(subject, base, setting)) ?? ok(`Files are served at ${new URL(base).origin}.`);
}

/** Whether fal would reach this deployment at PUBLIC_URL. */
export async function lookAtWebhookLoop(subject: Subject): Promise<Finding> {
  const { PUBLIC_URL } = subject.config;
  if (PUBLIC_URL === undefined) {
    return warn(
      "PUBLIC_URL is not set, so fal cannot report ends. Polling finds them, only later.",
      "Set it to this deployment's address (wrangler.toml, [vars]) and deploy.",
    );
  }
  const isThisOne = await readsProbe(subject, PUBLIC_URL, "PUBLIC_URL");
  if (isThisOne !== null) return isThisOne;
  const url = `${PUBLIC_URL}/hooks/fal/${subject.nonce}/unsigned`;
  const answer = await fetchOwn(url, { method: "POST", body: "{}", headers: { "content-type": "application/json" } });
  const isOurs = answer.kind === "answered" && answer.status === 404 && answer.text.includes("Not found");
  return isOurs ? ok("fal's webhooks lead to this deployment.") : elsewhere(answer, "PUBLIC_URL", "/hooks/*");
}

/** Null: the probe is served there as files are. */
async function readsProbe({ config, nonce, probe }: Subject, base: string, setting: string): Promise<Finding | null> {
  try {
    await probe();
  } catch {
    return skipped("Not tried: needs the bucket.");
  }
  const url = base + (await probePath(config.SIGNING_KEY, nonce));
  const answer = await fetchOwn(url, { headers: { range: "bytes=0-2" } });
  const isServed = answer.kind === "answered" && answer.status === 206 && answer.text === PROBE_TEXT.slice(0, 3);
  return isServed ? null : elsewhere(answer, setting, "/files/*");
}

async function fetchOwn(
  url: string,
  init: { method?: string; body?: string; headers: HeadersInit },
): Promise<OwnAnswer> {
  const outcome = await callOut(url, init, { timeoutMs: OWN_CALL_MS });
  if (outcome.kind === "failed") return { kind: "failed", reason: outcome.fault ?? outcome.reason };
  const { response, end } = outcome;
  try {
    const { status, headers } = response;
    const read = await readTextCapped(response, OWN_ANSWER_MAX_BYTES);
    if (read.kind === "read") read.permit.release();
    return {
      kind: "answered",
      status,
      contentType: headers.get("content-type") ?? "",
      location: headers.get("location"),
      text: read.kind === "read" ? read.text : "",
    };
  } finally {
    end();
  }
}

/** The keys that fal signs its webhooks with. */
export async function lookAtFalKeys({ env }: Subject): Promise<Finding> {
  const set = await accountFor(env).webhookKeys({ force: false });
  if (set.kind === "keys") return ok("fal's webhook keys are known.");
  return warn(
    "fal's webhook keys cannot be fetched, so its webhooks are not believed. Polling finds the ends, only later.",
    "Check FAL_JWKS_URL; it is fetched again with the next webhook.",
  );
}

export async function lookAtSweep({ env }: Subject): Promise<Finding> {
  return judgeSweep(await sweeperFor(env).overview(), Date.now());
}

/** One test delivery to the operator's webhook. */
export async function lookAtOperatorWebhook({ config }: Subject): Promise<Finding> {
  const answer = await notifyOperator(config, operatorTestEvent(Date.now()), () => Date.now());
  if (answer === null) {
    return warn(
      "OPERATOR_WEBHOOK_URL is not set: nobody is told when the account is locked.",
      "Set OPERATOR_WEBHOOK_URL to an address that takes Standard Webhooks, and deploy.",
    );
  }
  if (answer.kind === "taken") return ok("The operator webhook took a test event.");
  return fail(
    `The operator webhook did not take a test event (${answer.category}${answer.status === null ? "" : `, ${answer.status}`}).`,
    "Check OPERATOR_WEBHOOK_URL and its receiver; POST /v1/admin/webhook_test sends another event.",
  );
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | null = null;
  return () => {
    made ??= make();
    return made;
  };
}

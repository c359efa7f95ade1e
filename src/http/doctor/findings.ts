// What a self-test concludes from what it saw: one sentence, and how to mend it. Names of settings appear, their values never. Pure.

import type { AccountOverview } from "../../contracts/account.ts";
import type { SweepOverview } from "../../contracts/sweeper.ts";
import type { Config } from "../../platform/config.ts";
import { HOUR_MS, isoTime } from "../../platform/time.ts";
import type { ConnectionAnswer } from "../../upstream/client/connections.ts";

/** `skipped`: there was nothing to look at, or what it needs has failed. */
export const CHECK_STATES = ["ok", "warn", "fail", "skipped"] as const;
export type CheckState = (typeof CHECK_STATES)[number];

/** `fix`: what to do; null where there is nothing to do. */
export interface Finding {
  state: CheckState;
  message: string;
  fix: string | null;
}

export function ok(message: string): Finding {
  return { state: "ok", message, fix: null };
}

export function skipped(message: string): Finding {
  return { state: "skipped", message, fix: null };
}

export function warn(message: string, fix: string): Finding {
  return { state: "warn", message, fix };
}

export function fail(message: string, fix: string): Finding {
  return { state: "fail", message, fix };
}

/** A daily sweep that has not run for this long is missed. */
const SWEEP_MISSED_MS = 48 * HOUR_MS;

const PLACEHOLDER = /example|change[-_ ]?me|your[-_ ]|<[^>]*>|x{8,}|placeholder/i;

/** Secrets that were copied from an example, pasted with their quotes, or used twice. */
export function judgeSecrets(config: Pick<Config, "MATON_API_KEY" | "SIGNING_KEY" | "ADMIN_TOKEN">): Finding {
  const secrets: [name: string, value: string][] = [
    ["MATON_API_KEY", config.MATON_API_KEY],
    ...config.SIGNING_KEY.map((key): [string, string] => ["SIGNING_KEY", key]),
    ...(config.ADMIN_TOKEN === undefined ? [] : [["ADMIN_TOKEN", config.ADMIN_TOKEN] satisfies [string, string]]),
  ];
  const quoted = secrets.find(([, value]) => /^["'`]|["'`]$|^\s|\s$/.test(value));
  if (quoted !== undefined) {
    return fail(
      `${quoted[0]} begins or ends with a quote mark or a space.`,
      `Set it again without: npx wrangler secret put ${quoted[0]}.`,
    );
  }
  const example = secrets.find(([, value]) => PLACEHOLDER.test(value));
  if (example !== undefined) {
    return fail(
      `${example[0]} looks like an example value.`,
      `Set a secret of your own: npx wrangler secret put ${example[0]}.`,
    );
  }
  const twice = secrets.find(([, value], n) => secrets.findIndex((other) => other[1] === value) < n);
  if (twice !== undefined) {
    return fail(
      `${twice[0]} equals another secret.`,
      `Give each its own: openssl rand -hex 32, then npx wrangler secret put ${twice[0]}.`,
    );
  }
  return ok("No secret is an example, quoted, or used twice.");
}

/** Whether Maton takes the key, by its answer to a list of connections. */
export function judgeKey(answer: ConnectionAnswer): Finding {
  switch (answer.kind) {
    case "done":
      return ok("Maton accepts the key.");
    case "declined":
      return fail(
        `Maton declined the call with status ${answer.status}.`,
        "Check MATON_CONTROL_URL and MATON_API_KEY.",
      );
    case "refused":
      switch (answer.refusal.code) {
        case "misconfigured":
          return fail("Maton rejects MATON_API_KEY.", "Set a valid key: npx wrangler secret put MATON_API_KEY.");
        case "rate_limited":
          return warn(
            "Maton was not asked, because the account's rate limit is exhausted.",
            "Run the checks again in a minute.",
          );
        default:
          return fail(
            "Maton's control API returned no valid response.",
            "Check MATON_CONTROL_URL, then run the checks again.",
          );
      }
  }
}

/** Which connection to fal is used. `configured`: MATON_CONNECTION; `inUse`: what the account sends its calls over. */
export function judgeConnections(
  answer: ConnectionAnswer,
  { configured, inUse }: { configured: string | undefined; inUse: string | null },
): Finding {
  if (answer.kind !== "done") return skipped("Not tried: needs Maton's answer.");
  const listed = answer.body.connections;
  const active = (Array.isArray(listed) ? listed : []).flatMap((each) => {
    const { connection_id: id, status } = each as { connection_id?: unknown; status?: unknown };
    return status === "ACTIVE" && typeof id === "string" ? [id] : [];
  });
  if (configured !== undefined && !active.includes(configured)) {
    return fail(
      "MATON_CONNECTION names no active connection to fal.",
      "Unset it, or set it to an active one: GET /v1/connections lists them.",
    );
  }
  if (active.length === 0) {
    return fail(
      "There is no active connection to fal.",
      "POST /v1/connections, open the returned `url` and finish there; or use Settings, Connections in the console.",
    );
  }
  if (active.length > 1 && configured === undefined) {
    const used = inUse === null ? "The first one that is found will be used." : `${inUse} is used.`;
    return warn(
      `${active.length} connections to fal are active, and MATON_CONNECTION is not set. ${used}`,
      "Set MATON_CONNECTION, or delete the others: DELETE /v1/connections/{id}.",
    );
  }
  return ok(inUse === null ? "fal is connected." : "fal is connected, and the connection is in use.");
}

/** Whether calls go through. */
export function judgeUpstream({ closure, pausedUntil, callsWaiting }: AccountOverview): Finding {
  if (closure !== null) {
    const since = isoTime(closure.since);
    switch (closure.why) {
      case "locked":
        return fail(
          `fal has locked the account since ${since}. Requests wait, free of charge.`,
          "Pay at https://fal.ai/dashboard/billing; Sluice continues by itself.",
        );
      case "key_refused":
        return fail(
          `fal has rejected the connection's key since ${since}. Requests wait, free of charge.`,
          "Connect fal again: POST /v1/connections, then delete the old connection.",
        );
      case "failing":
        return fail(
          `Calls through the gateway have failed since ${since}. Requests wait, free of charge.`,
          "Nothing to do here: Sluice tries again by itself. Check the status pages of Maton and fal.",
        );
    }
  }
  if (pausedUntil !== null) {
    return warn(
      `The gateway answered 429, so calls are paused until ${isoTime(pausedUntil)}.`,
      "Nothing to do. If another program uses the same Maton key, lower UPSTREAM_RPS by its share.",
    );
  }
  return ok(callsWaiting === 0 ? "Calls go through, and none waits." : `Calls go through; ${callsWaiting} wait.`);
}

/** Whether fal's webhooks reach this deployment, by what its requests have seen. */
export function judgeArrivals({ webhooks, durations }: AccountOverview): Finding {
  switch (webhooks.state) {
    case "off":
      return skipped("Webhooks are off: PUBLIC_URL is not set.");
    case "arriving": {
      const { lastDelayMs } = webhooks;
      return ok(lastDelayMs === null ? "Webhooks arrive." : `Webhooks arrive; the last took ${lastDelayMs} ms.`);
    }
    case "missing":
      if (durations.length === 0) return skipped("No request has completed yet.");
      return warn(
        "Requests have ended, and the last of fal's webhooks did not come. Polling finds the ends, only later.",
        "See the check webhook_loop; let /hooks/* through every firewall, bot and access rule.",
      );
  }
}

/** Whether the bucket is this deployment's, and swept. */
export function judgeSweep({ sweep, owner, isOwner }: SweepOverview, now: number): Finding {
  if (owner !== null && !isOwner) {
    return fail(
      "The bucket belongs to another deployment, so orphaned files of this one are never deleted.",
      'Give each deployment a bucket of its own, or take this one over: POST /v1/admin/sweep with {"adopt": true}.',
    );
  }
  if (sweep === null) return skipped("No sweep has run yet; one starts every day.");
  if (now - (sweep.finishedAt ?? sweep.startedAt) > SWEEP_MISSED_MS) {
    return warn(
      `The last sweep of the bucket was at ${isoTime(sweep.startedAt)}.`,
      "Check that wrangler.toml has its cron ([triggers]), then start one: POST /v1/admin/sweep.",
    );
  }
  return ok(`The bucket was swept at ${isoTime(sweep.startedAt)}: ${sweep.deleted} orphans deleted.`);
}

/** What a call of one of the deployment's own addresses brought back. `location` is a redirect's target. */
export type OwnAnswer =
  | { kind: "answered"; status: number; contentType: string; location: string | null; text: string }
  | { kind: "failed"; reason: string };

/** Why an address leads elsewhere: an access rule, another server, or nobody. `setting` names the variable that holds it. */
export function elsewhere(answer: OwnAnswer, setting: string, paths: string): Finding {
  if (answer.kind === "failed") {
    return fail(
      `${setting} cannot be reached (${answer.reason}).`,
      `Set ${setting} to the address at which this deployment answers, and check its DNS and TLS.`,
    );
  }
  const { status, contentType, location } = answer;
  if (location?.includes("cloudflareaccess.com") === true) {
    return fail(
      `Cloudflare Access stands in front of ${paths}.`,
      `Add a bypass rule for ${paths}, /hooks/*, /files/* and /inputs/*.`,
    );
  }
  return fail(
    `${setting} does not lead to this deployment: it answered ${status} (${contentType || "no content type"}).`,
    `Set ${setting} to this deployment's own address; check routes, firewall and bot rules in front of ${paths}.`,
  );
}

// Notifies the operator and waiting teams of a paused or resumed connection: one event, stored until delivered or given up. A newer
// event replaces an older one.

import type { Closure } from "../contracts/account.ts";
import type { Env } from "../platform/bindings.ts";
import type { Config } from "../platform/config.ts";
import { newId } from "../platform/ids.ts";
import { logEvent } from "../platform/log.ts";
import { teamFor } from "../platform/stubs.ts";
import { MINUTE_MS, SECOND_MS } from "../platform/time.ts";
import { notifyOperator, type OperatorEvent } from "../webhooks/operator.ts";

/**
 * Waits between tries at telling the operator. A table of its own, without the jitter, Retry-After and end at 410 of deliveries: one
 * account tells one receiver, of something that is news for minutes, and nothing but configuration turns this receiver off.
 */
export const NOTICE_RETRY_MS = [5 * SECOND_MS, 15 * SECOND_MS, 30 * SECOND_MS, 2 * MINUTE_MS, 10 * MINUTE_MS] as const;

/** `dueAt`: epoch ms. `finder`: the team whose request found it, before anybody waited for it. */
export type Notice = OperatorEvent & { dueAt: number; failures: number; finder: string | null };

/** `closure` is what it is closed for, or was; `finder` the team that met it. Times in `data` are spelled as on the wire. */
export function noticeOf(
  type: "upstream.paused" | "upstream.resumed",
  closure: Closure,
  finder: string | null,
  now: number,
): Notice {
  const data = { why: closure.why, since: new Date(closure.since).toISOString() };
  return { id: newId("evt"), type, at: now, data, dueAt: now, failures: 0, finder };
}

/** One attempt; returns what is still to be sent. Teams retry their own deliveries, so one call each is enough. */
export async function sendNotice(
  env: Env,
  config: Config,
  notice: Notice,
  teams: readonly string[],
): Promise<Notice | null> {
  const { type, data, failures, finder } = notice;
  if (type === "upstream.paused" && failures === 0) {
    const recipients = new Set([...teams, ...(finder === null ? [] : [finder])]);
    const deliveries = [...recipients].map((team) => teamFor(env, team).events.publish({ type, data }));
    await Promise.allSettled(deliveries);
  }
  const answer = await notifyOperator(config, notice, () => Date.now());
  logEvent("account.notice_sent", { outcome: answer?.kind ?? "no_address", attempt: failures + 1 });
  const wait = NOTICE_RETRY_MS[failures];
  if (answer === null || answer.kind === "taken" || wait === undefined) return null;
  return { ...notice, failures: failures + 1, dueAt: Date.now() + wait };
}

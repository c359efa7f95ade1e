// Alerts for USD limits, each published once per window at an admission. A charge above its estimate is reported with the next
// admission.

import { moneyText } from "../platform/money.ts";
import { HOUR_MS, MINUTE_MS } from "../platform/time.ts";
import type { EventData } from "../webhooks/events.ts";
import { type EventStores, publishEvent } from "./publish-event.ts";
import type { LimitState, Subjects } from "./quota/limits.ts";
import { countedFor, type LimitScope } from "./quota/plan-limits.ts";
import type { TeamStores } from "./stores.ts";

export type AlertStores = EventStores & Pick<TeamStores, "team">;

/**
 * Publishes an event for each USD limit that has reached an alert percentage. `refused`: names of the limits that refused the
 * current request. Limits per visitor and address publish nothing: reaching them is expected.
 */
export function publishAlerts(
  stores: AlertStores,
  states: readonly LimitState[],
  subjects: Subjects,
  refused: readonly string[],
  now: number,
): void {
  const percents = stores.team.alertPercents();
  if (percents.length === 0) return;
  for (const state of states) {
    const about = alertSubject(state.scope, subjects);
    if (state.per !== "usd" || about === null) continue;
    // A refusal counts as fully used, even if a small amount remains.
    const isOver = refused.includes(state.name);
    for (const percent of percents) {
      if (isOver || state.used * 100 >= state.limit * percent) {
        publishAlert(stores, state, about, percent, now);
      }
    }
  }
}

function publishAlert(
  stores: AlertStores,
  state: LimitState,
  { subject, tags }: AlertSubject,
  percent: number,
  now: number,
): void {
  const window = windowEnd(state, now);
  if (!stores.events.recordAlertOnce(`${state.name}/${percent}/${window}/${subject}`, window)) return;
  const data: EventData<"limit.reached"> = {
    limit_name: state.name,
    scope: state.scope,
    subject,
    percent,
    limit_usd: moneyText(state.limit),
    used_usd: moneyText(state.used),
    reset: state.resetAt === null ? null : new Date(state.resetAt).toISOString(),
  };
  publishEvent(stores, { type: "limit.reached", data, tags }, now);
}

/** Identifies the window of an alert: sliding windows have no end, so clock boundaries are used. */
function windowEnd({ window, resetAt }: LimitState, now: number): number {
  const after = (ms: number) => (Math.floor(now / ms) + 1) * ms;
  switch (window) {
    case "1m":
      return after(MINUTE_MS);
    case "1h":
      return after(HOUR_MS);
    case "1d":
    case "1mo":
    case null:
      return resetAt ?? 0;
  }
}

/** Subject of an alert, and the tags that its event carries. */
export interface AlertSubject {
  subject: string;
  tags: Record<string, string>;
}

/** Null: no alert. `subjects` has the tags of the team's word (callers.ts). The event of a tag limit carries that tag, so endpoints subscribed to the tag receive it. */
export function alertSubject(scope: LimitScope, subjects: Subjects): AlertSubject | null {
  const counted = countedFor(scope);
  switch (counted.kind) {
    case "team":
      return { subject: "team", tags: {} };
    case "key":
      return { subject: subjects.keyId, tags: {} };
    case "user":
      return { subject: subjects.user ?? subjects.keyId, tags: {} };
    case "visitor":
    case "ip":
    case "network":
      return null;
    case "tag": {
      const { name } = counted;
      // A tag that a client chose: an event would carry the client's text in the team's name.
      const value = Object.hasOwn(subjects.tags, name) ? subjects.tags[name] : undefined;
      if (value === undefined) return null;
      return { subject: `${name}=${value}`, tags: { [name]: value } };
    }
  }
}

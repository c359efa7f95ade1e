// Money alerts: which limits in USD have come so far that somebody should know, each told once in its window.
// Given at admits: what an end books above its estimate is told with the next one. Their delivery is not decided here.
// Synchronous over the stores, with the clock passed in.

import { RpcTarget } from "cloudflare:workers";
import type { Actor, Alerts, LimitAlert, TeamAlerts } from "../contracts/team-admin.ts";
import { HISTORY_LIMIT_MAX, HOUR_MS, MINUTE_MS } from "../platform/limits.ts";
import { moneyText } from "../platform/money.ts";
import { type EventStores, type NewEvent, publishEvent } from "./endpoints/publish-event.ts";
import type { LimitState, Subjects } from "./quota/limits.ts";
import type { LimitScope } from "./quota/plan.ts";
import type { TeamStores } from "./stores.ts";
import type { TeamContext } from "./team-context.ts";

export type AlertStores = EventStores & Pick<TeamStores, "team">;

/**
 * Writes an event for each limit in USD that has reached one of the team's percentages. `refused`: names of the limits
 * that a request was just refused by. Single visitors and addresses are not told about: reaching theirs is what they are for.
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
    const subject = subjectText(state.scope, subjects);
    if (state.per !== "usd" || subject === null) continue;
    // A refusal for want of money is the end of a limit, also when a few cents of it are left.
    const isOver = refused.includes(state.name);
    for (const percent of percents) {
      if (isOver || state.used * 100 >= state.limit * percent) {
        publishAlert(stores, state, { subject, tags: tagOf(state.scope, subjects) }, percent, now);
      }
    }
  }
}

function publishAlert(
  stores: AlertStores,
  state: LimitState,
  { subject, tags }: { subject: string; tags: Record<string, string> },
  percent: number,
  now: number,
): void {
  const window = windowEnd(state, now);
  if (!stores.events.giveOnce(`${state.name}/${percent}/${window}/${subject}`, window)) return;
  const news: NewEvent = {
    type: "limit.reached",
    data: {
      ...{ limit_name: state.name, scope: state.scope, subject, percent },
      ...{ limit_usd: moneyText(state.limit), used_usd: moneyText(state.used) },
      reset: state.resetAt === null ? null : new Date(state.resetAt).toISOString(),
    } satisfies LimitAlert,
    tags,
  };
  publishEvent(stores, news, now);
}

/** What names the window for the once: sliding ones have no end of their own, so the clock's stands in. */
function windowEnd({ window, resetAt }: LimitState, now: number): number {
  const slidingMs = window === "1m" ? MINUTE_MS : window === "1h" ? HOUR_MS : null;
  if (slidingMs !== null) return (Math.floor(now / slidingMs) + 1) * slidingMs;
  return resetAt ?? 0;
}

/** The tag that a limit counts by: who asks to hear of that tag alone hears of its limits too. */
function tagOf(scope: LimitScope, { tags }: Subjects): Record<string, string> {
  const name = scope.startsWith("tag:") ? scope.slice("tag:".length) : null;
  return name === null ? {} : { [name]: tags[name] ?? "" };
}

/** Whom a limit counts, as people know it; null for those who are nobody's concern. */
function subjectText(scope: LimitScope, subjects: Subjects): string | null {
  switch (scope) {
    case "team":
      return "team";
    case "key":
      return subjects.keyId;
    case "user":
      return subjects.user ?? subjects.keyId;
    case "visitor":
    case "ip":
      return null;
    default: {
      const name = scope.slice("tag:".length);
      return `${name}=${subjects.tags[name] ?? ""}`;
    }
  }
}

/** At which percentages a team wants to hear of its limits. */
export class AlertAdmin extends RpcTarget implements TeamAlerts {
  readonly #context: TeamContext;
  readonly #stores: Pick<TeamStores, "audit" | "events" | "team">;

  constructor(context: TeamContext, stores: Pick<TeamStores, "audit" | "events" | "team">) {
    super();
    this.#context = context;
    this.#stores = stores;
  }

  read(): Alerts {
    const { team, events } = this.#stores;
    return this.#context.decide<Alerts>({ percents: [], latest: [] }, () => ({
      percents: team.alertPercents(),
      latest: events.latest<LimitAlert>("limit.reached", HISTORY_LIMIT_MAX),
    }));
  }

  put(percents: number[], by: Actor): void {
    const { team, audit } = this.#stores;
    this.#context.decide(undefined, (now) => {
      team.setAlertPercents(percents);
      audit.note(by, "alerts.written", null, { percents: percents.join(" ") }, now);
    });
  }
}

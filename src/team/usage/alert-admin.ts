// Alert percentages of a team. alerts.ts publishes the events.

import { RpcTarget } from "cloudflare:workers";
import type { Alerts, TeamAlerts } from "../../contracts/team-admin.ts";
import type { Actor } from "../../contracts/team-keys.ts";
import { HISTORY_LIMIT_MAX } from "../cursor.ts";
import type { TeamStores } from "../stores.ts";
import type { TeamContext } from "../team-context.ts";

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
      latest: events.latestAlerts(HISTORY_LIMIT_MAX),
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

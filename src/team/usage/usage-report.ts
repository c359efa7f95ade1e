// Usage of a team.

import { RpcTarget } from "cloudflare:workers";
import type { TeamUsage, UsageQuery, UsageRow } from "../../contracts/team-admin.ts";
import type { TeamStores } from "../stores.ts";
import type { TeamContext } from "../team-context.ts";

export class UsageReport extends RpcTarget implements TeamUsage {
  readonly #context: TeamContext;
  readonly #stores: Pick<TeamStores, "usage">;

  constructor(context: TeamContext, stores: Pick<TeamStores, "usage">) {
    super();
    this.#context = context;
    this.#stores = stores;
  }

  sums(query: UsageQuery): UsageRow[] {
    return this.#context.decide<UsageRow[]>([], () => {
      this.#stores.usage.rollUp();
      return this.#stores.usage.sums(query);
    });
  }
}

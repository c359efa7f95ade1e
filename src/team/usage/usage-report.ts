// Usage of a team.

import { RpcTarget } from "cloudflare:workers";
import type { TeamUsage, UsageQuery, UsageRow } from "../../contracts/team-admin.ts";
import type { TeamStores } from "../stores.ts";
import type { TeamContext } from "../team-context.ts";

type UsageStores = Pick<TeamStores, "keys" | "usage">;

export class UsageReport extends RpcTarget implements TeamUsage {
  readonly #context: TeamContext;
  readonly #stores: UsageStores;

  constructor(context: TeamContext, stores: UsageStores) {
    super();
    this.#context = context;
    this.#stores = stores;
  }

  sums(query: UsageQuery): UsageRow[] {
    return this.#context.decide<UsageRow[]>([], () => {
      this.#stores.usage.rollUp();
      const rows = this.#stores.usage.sums(query);
      return query.groupBy.includes("key") ? this.#withKeyNames(rows) : rows;
    });
  }

  /** Names as they are now. Keys of users' JWTs have none. */
  #withKeyNames(rows: UsageRow[]): UsageRow[] {
    const names = new Map(this.#stores.keys.all().map(({ id, name }) => [id, name]));
    return rows.map((row) => ({ ...row, keyName: names.get(row.group.key ?? "") ?? null }));
  }
}

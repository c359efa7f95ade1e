// The price tables of a team.

import { RpcTarget } from "cloudflare:workers";
import type { PricesInForce, TeamPrices } from "../../contracts/team-admin.ts";
import type { Actor } from "../../contracts/team-keys.ts";
import { type Refused, refusal, refused } from "../../platform/errors.ts";
import { OPERATOR } from "../../platform/ids.ts";
import { type IfMatch, matchFault } from "../../platform/version-tag.ts";
import { differences } from "../audit/differences.ts";
import { capsMoney } from "../quota/caps.ts";
import { type Price, type PriceTable, priceFor } from "../quota/prices.ts";
import type { TeamStores } from "../stores.ts";
import type { TeamContext } from "../team-context.ts";
import { priceTableTag } from "../version-tags.ts";

/** Otherwise a lower price would lift the operator's cap. */
const PRICES_CAPPED = refusal("forbidden", "The operator caps this team's money, which counts by its prices.", {
  hint: "Only the operator changes prices then: PUT /v1/admin/teams/{id}/prices.",
});

type PriceStores = Pick<TeamStores, "audit" | "prices" | "team">;

export class PriceAdmin extends RpcTarget implements TeamPrices {
  readonly #context: TeamContext;
  readonly #stores: PriceStores;

  constructor(context: TeamContext, stores: PriceStores) {
    super();
    this.#context = context;
    this.#stores = stores;
  }

  history(limit: number): PricesInForce[] {
    return this.#context.decide<PricesInForce[]>([], () => this.#stores.prices.history(limit));
  }

  ofModels(models: string[]): (Price | null)[] {
    return this.#context.decide<(Price | null)[]>([], () => {
      const table = this.#stores.prices.current();
      return models.map((model) => priceFor(table, model));
    });
  }

  put(table: PriceTable, by: Actor, ifMatch: IfMatch = null): { kind: "stored" } | Refused {
    const { prices, team, audit } = this.#stores;
    return this.#context.ask((now) => {
      if (by.id !== OPERATOR && capsMoney(team.team().caps)) return refused(PRICES_CAPPED);
      const before = prices.current();
      const stale = matchFault(ifMatch, priceTableTag(before), "The price table");
      if (stale !== null) return refused(stale);
      prices.put(table, by.id, now);
      const entries = Object.keys(table).length;
      audit.note(by, "prices.written", null, { entries, changes: differences(before, table) }, now);
      return { kind: "stored" as const };
    });
  }
}

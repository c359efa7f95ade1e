// The price tables of a team.

import { RpcTarget } from "cloudflare:workers";
import type { PricesInForce, TeamPrices } from "../contracts/team-admin.ts";
import type { Actor } from "../contracts/team-keys.ts";
import { type Price, type PriceTable, priceFor } from "./quota/prices.ts";
import type { TeamStores } from "./stores.ts";
import type { TeamContext } from "./team-context.ts";

type PriceStores = Pick<TeamStores, "audit" | "prices">;

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

  put(table: PriceTable, by: Actor): void {
    const { prices, audit } = this.#stores;
    this.#context.decide(undefined, (now) => {
      prices.put(table, by.id, now);
      audit.note(by, "prices.written", null, { entries: Object.keys(table).length }, now);
    });
  }
}

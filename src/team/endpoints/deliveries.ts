// Deliveries, for trackers and admins.

import { RpcTarget } from "cloudflare:workers";
import type { Actor } from "../../contracts/team-keys.ts";
import type {
  Delivery,
  DeliveryListAnswer,
  DeliveryListInput,
  DeliveryReport,
  DeliveryTarget,
  ReplayRoute,
  TeamDeliveries,
  TeamDeliveryLog,
} from "../../contracts/team-webhooks.ts";
import { refusal, refused } from "../../platform/errors.ts";
import { DELIVERY_ID } from "../../platform/ids.ts";
import { decodeCursor, encodeCursor } from "../cursor.ts";
import type { TeamStores } from "../stores.ts";
import type { TeamContext } from "../team-context.ts";
import { beginReplay, deliveryTarget, type HealthStores, recordReport } from "./delivery-scheduler.ts";
import type { BacklogPacer } from "./recovery-pacer.ts";

type DeliveryStores = HealthStores & Pick<TeamStores, "team">;

export class Deliveries extends RpcTarget implements TeamDeliveries {
  readonly #context: TeamContext;
  readonly #stores: DeliveryStores;
  readonly #pacer: BacklogPacer;

  constructor(context: TeamContext, stores: DeliveryStores, pacer: BacklogPacer) {
    super();
    this.#context = context;
    this.#stores = stores;
    this.#pacer = pacer;
  }

  target({ deliveryId }: { deliveryId: string }): DeliveryTarget {
    const unknown: DeliveryTarget = { kind: "gone", reason: "unknown" };
    return this.#context.decide(unknown, (now) => deliveryTarget(this.#stores, this.#pacer, deliveryId, now));
  }

  async report(report: DeliveryReport): Promise<void> {
    this.#context.decide(undefined, () => recordReport(this.#stores, report));
    await this.#context.arm();
  }

  read({ deliveryId }: { deliveryId: string }): Delivery | null {
    return this.#context.decide<Delivery | null>(null, () => this.#stores.deliveries.findDelivery(deliveryId));
  }

  list({ cursor, limit, ...filter }: DeliveryListInput): DeliveryListAnswer {
    return this.#context.ask((): DeliveryListAnswer => {
      const position = cursor === undefined ? null : decodeCursor(cursor, DELIVERY_ID);
      if (cursor !== undefined && position === null) {
        return refused(refusal("invalid_request", "`cursor` is invalid."));
      }
      const { found, lookedTo } = this.#stores.deliveries.list(filter, position, limit + 1);
      const data = found.slice(0, limit);
      const last = found.length > data.length ? data.at(-1) : lookedTo;
      return { kind: "page", data, nextCursor: last ? encodeCursor(last) : null };
    });
  }

  log(deliveryId: string): TeamDeliveryLog {
    const nothing: TeamDeliveryLog = { body: null, nextAt: null, tries: [] };
    return this.#context.decide(nothing, (now) => this.#stores.outbox.log(deliveryId, now));
  }

  async beginReplay(replay: { deliveryId: string; replayId: string | null; by: Actor }): Promise<ReplayRoute> {
    const route = this.#context.ask((now) => beginReplay(this.#stores, replay, now));
    await this.#context.arm();
    return route;
  }
}

// Requests of a team: list, deletion and manual settlement.

import { RpcTarget } from "cloudflare:workers";
import type { TeamRequests } from "../contracts/team.ts";
import type { ListAnswer, ListInput, Settled } from "../contracts/team-access.ts";
import type { ManualSettlement } from "../contracts/team-admin.ts";
import type { Actor } from "../contracts/team-keys.ts";
import { type Refused, refusal, refused } from "../platform/errors.ts";
import { decodeCursor, encodeCursor } from "./cursor.ts";
import { settleManually } from "./settle.ts";
import type { TeamStores } from "./stores.ts";
import type { TeamContext } from "./team-context.ts";

type RequestStores = Pick<TeamStores, "audit" | "deliveries" | "ledger" | "requests" | "uploads" | "usage">;

export class RequestList extends RpcTarget implements TeamRequests {
  readonly #context: TeamContext;
  readonly #stores: RequestStores;

  constructor(context: TeamContext, stores: RequestStores) {
    super();
    this.#context = context;
    this.#stores = stores;
  }

  list(input: ListInput): ListAnswer {
    const nothing: ListAnswer = { kind: "page", data: [], nextCursor: null };
    return this.#context.decide<ListAnswer>(nothing, () => {
      const position = input.cursor === undefined ? null : decodeCursor(input.cursor);
      if (input.cursor !== undefined && position === null) {
        const hint = "Pass `next_cursor` from the previous page unchanged.";
        return refused(refusal("invalid_request", "`cursor` is invalid.", { hint }));
      }
      const { data: rows, lookedTo } = this.#stores.requests.list(input, position, input.limit + 1);
      const data = rows.slice(0, input.limit);
      const last = rows.length > data.length ? data.at(-1) : lookedTo;
      return { kind: "page", data, nextCursor: last ? encodeCursor(last) : null };
    });
  }

  markDeleted(requestId: string): void {
    const { requests, uploads, deliveries } = this.#stores;
    this.#context.decide(undefined, (now) => {
      requests.markDeleted(requestId, now);
      for (const { id } of uploads.ofRequest(requestId)) uploads.deleteUpload(id);
      deliveries.deleteOfRequest(requestId);
    });
  }

  settleManually(settlement: ManualSettlement, by: Actor): Settled | Refused {
    return this.#context.ask((now) => settleManually(this.#stores, settlement, by, now));
  }
}

// Requests of a team: list, deletion and manual settlement.

import { RpcTarget } from "cloudflare:workers";
import type { TeamRequests } from "../../contracts/team.ts";
import type { ListAnswer, ListInput, RequestCount, RequestFilter, Settled } from "../../contracts/team-access.ts";
import type { ManualSettlement } from "../../contracts/team-admin.ts";
import type { Actor } from "../../contracts/team-keys.ts";
import { type Refused, refusal, refused } from "../../platform/errors.ts";
import { decodePlace, encodePlace } from "../cursor.ts";
import { settleManually } from "../settle.ts";
import type { TeamStores } from "../stores.ts";
import type { TeamContext } from "../team-context.ts";
import { requestLine } from "./request-filter.ts";
import type { TeamRequest } from "./request-row.ts";

type RequestStores = Pick<
  TeamStores,
  "archive" | "audit" | "counters" | "deliveries" | "requests" | "uploads" | "usage"
>;

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
    return this.#context.decide<ListAnswer>(nothing, (now) => {
      const position = input.cursor === undefined ? null : decodePlace(input.cursor);
      if (input.cursor !== undefined && position === null) {
        const hint = "Pass `next_cursor` from the previous page unchanged.";
        return refused(refusal("invalid_request", "`cursor` is invalid.", { hint }));
      }
      const { data: rows, lookedTo } = this.#stores.requests.list(input, position, input.limit + 1);
      const shown = rows.slice(0, input.limit);
      const last = rows.length > shown.length ? (shown.at(-1)?.place ?? null) : lookedTo;
      const data = shown.map((row) => requestLine(row, now));
      return { kind: "page", data, nextCursor: last === null ? null : encodePlace(last) };
    });
  }

  count(filter: RequestFilter): RequestCount {
    return this.#context.decide({ count: 0, lookedTo: null }, () => this.#stores.requests.count(filter));
  }

  markDeleted(requestId: string): void {
    const { archive, requests, uploads, deliveries, usage } = this.#stores;
    this.#context.decide(undefined, (now) => {
      // Usage counts by tags, which are deleted here.
      usage.rollUp();
      const request = requests.findRequest(requestId);
      if (request !== null) requests.save(request, withoutContent(request, now));
      archive.forgetRequest(requestId);
      for (const { id } of uploads.ofRequest(requestId)) uploads.deleteUpload(id);
      deliveries.deleteOfRequest(requestId);
    });
  }

  settleManually(settlement: ManualSettlement, by: Actor): Settled | Refused {
    return this.#context.ask((now) => settleManually(this.#stores, settlement, by, now));
  }
}

/** The row stays for accounting and repeated submits. Its tracker deletes itself and is asked no more. */
function withoutContent(request: TeamRequest, now: number): TeamRequest {
  const files = { count: 0, type: null, path: null };
  return { ...request, tags: {}, files, attention: 0, sweepAt: null, deletedAt: request.deletedAt ?? now };
}

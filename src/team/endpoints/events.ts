// The event feed: all events of a team in order, for thirty days.

import { RpcTarget } from "cloudflare:workers";
import type { FeedAnswer, FeedQuery, TeamEvents } from "../../contracts/team-webhooks.ts";
import { refusal, refused } from "../../platform/errors.ts";
import { DAY_MS } from "../../platform/time.ts";
import type { TypedEvent } from "../../webhooks/events.ts";
import { type EventStores, publishEvent } from "../publish-event.ts";
import type { TeamContext } from "../team-context.ts";
import { EVENT_KEEP_MS } from "./event-store.ts";

export class Events extends RpcTarget implements TeamEvents {
  readonly #context: TeamContext;
  readonly #stores: EventStores;

  constructor(context: TeamContext, stores: EventStores) {
    super();
    this.#context = context;
    this.#stores = stores;
  }

  async publish(event: TypedEvent<"upstream.paused">): Promise<void> {
    this.#context.decide(undefined, (now) => publishEvent(this.#stores, event, now));
    await this.#context.arm();
  }

  feed({ after, types, limit }: FeedQuery): FeedAnswer {
    return this.#context.ask((): FeedAnswer => {
      const { events } = this.#stores;
      const { first, last } = events.bounds();
      if (after === "latest") return { kind: "page", data: [], next: last, hasMore: false };
      const oldest = first - 1;
      const from = after ?? oldest;
      if (from > last) {
        const hint =
          "Pass `next_cursor` from an earlier response. Without `after`, the feed starts at the oldest event.";
        return refused(refusal("invalid_request", "`after` is later than the newest event.", { hint }));
      }
      if (from < oldest) {
        const kept = EVENT_KEEP_MS / DAY_MS;
        const detail = `\`after\` is older than ${kept} days: events before ${first} were deleted.`;
        const hint = `Continue with after=${oldest}. GET /v1/requests lists the requests of the missed events.`;
        return refused(refusal("gone", detail, { hint }));
      }
      const { found, lookedTo } = events.eventsAfter(from, types, limit + 1);
      const data = found.slice(0, limit);
      const next = found.length > data.length ? (data.at(-1)?.seq ?? from) : lookedTo;
      return { kind: "page", data, next: next ?? last, hasMore: next !== null };
    });
  }
}

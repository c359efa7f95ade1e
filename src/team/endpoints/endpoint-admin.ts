// Administration of webhook endpoints. Each change writes its audit entry in the same transaction.

import { RpcTarget } from "cloudflare:workers";
import type { Actor } from "../../contracts/team-keys.ts";
import type {
  CreateEndpointAnswer,
  EnableEndpointAnswer,
  Endpoint,
  EndpointAnswer,
  EndpointChange,
  EndpointSummary,
  EndpointTerms,
  SecretAnswer,
  TeamEndpoints,
} from "../../contracts/team-webhooks.ts";
import { type Refused, refusal, refused } from "../../platform/errors.ts";
import { newId } from "../../platform/ids.ts";
import { SECOND_MS } from "../../platform/time.ts";
import { type IfMatch, matchFault } from "../../platform/version-tag.ts";
import { TEST_EVENT_TYPE } from "../../webhooks/event-types.ts";
import type { EventData } from "../../webhooks/events.ts";
import { differences } from "../audit/differences.ts";
import { sendToEndpoint } from "../publish-event.ts";
import type { TeamStores } from "../stores.ts";
import type { TeamContext } from "../team-context.ts";
import { endpointTag } from "../version-tags.ts";
import { SKIPPED } from "./delivery-scheduler.ts";
import { NEW_HEALTH } from "./endpoint-health.ts";
import { changedFields, headersAfter, rotated, shownSecrets, summaryOf, termsShown } from "./endpoint-rules.ts";
import { beginReplayJob } from "./replay-jobs.ts";
import { makeWebhookSecret } from "./webhook-secret.ts";

/** Maximum endpoints of a team: every end of a request is matched against each. */
export const ENDPOINTS_PER_TEAM_MAX = 20;

type EndpointStores = Pick<TeamStores, "audit" | "deliveries" | "endpoints" | "outbox" | "replayJobs" | "team">;

const NO_ENDPOINT = refused(
  refusal("not_found", "No webhook endpoint found with this id.", { hint: "GET /v1/webhooks lists them." }),
);

export class EndpointAdmin extends RpcTarget implements TeamEndpoints {
  readonly #context: TeamContext;
  readonly #stores: EndpointStores;

  constructor(context: TeamContext, stores: EndpointStores) {
    super();
    this.#context = context;
    this.#stores = stores;
  }

  create(terms: EndpointTerms, origin: string, by: Actor): CreateEndpointAnswer {
    const { endpoints, audit } = this.#stores;
    return this.#context.ask((now): CreateEndpointAnswer => {
      if (endpoints.count() >= ENDPOINTS_PER_TEAM_MAX) {
        return refused(refusal("conflict", `A team has at most ${ENDPOINTS_PER_TEAM_MAX} webhook endpoints.`));
      }
      const secret = makeWebhookSecret();
      const endpoint: Endpoint = {
        ...terms,
        id: newId("whk"),
        secrets: [{ secret, validUntil: null }],
        health: NEW_HEALTH,
        disabled: null,
        origin,
        createdAt: now,
      };
      endpoints.insert(endpoint);
      audit.note(by, "webhook.created", endpoint.id, { events: terms.events?.join(" ") ?? "all" }, now);
      return { kind: "created", endpoint: summaryOf(endpoint), secret };
    });
  }

  list(): EndpointSummary[] {
    return this.#context.decide<EndpointSummary[]>([], () => this.#stores.endpoints.all().map(summaryOf));
  }

  read(id: string): EndpointAnswer {
    return this.#context.ask(() => this.#summary(id));
  }

  change(id: string, terms: EndpointChange, origin: string, by: Actor, ifMatch: IfMatch = null): EndpointAnswer {
    const { endpoints, audit } = this.#stores;
    return this.#withEndpoint<EndpointAnswer>(id, (endpoint, now) => {
      const stale = matchFault(ifMatch, endpointTag(endpoint), "The endpoint");
      if (stale !== null) return refused(stale);
      const made = headersAfter(endpoint.headers, terms.headers);
      if (made.kind === "refused") return made;
      const { url, events, tags, description } = terms;
      const after = { url, events, tags, description, headers: made.headers };
      endpoints.setTerms(id, after, origin);
      const fields = changedFields(endpoint, after);
      const changes = differences(termsShown(endpoint), termsShown(after));
      if (fields.length > 0) audit.note(by, "webhook.changed", id, { fields: fields.join(" "), changes }, now);
      return this.#summary(id);
    });
  }

  remove(id: string, by: Actor, ifMatch: IfMatch = null): { kind: "removed" } | Refused {
    const { endpoints, audit } = this.#stores;
    return this.#withEndpoint<{ kind: "removed" } | Refused>(id, (endpoint, now) => {
      const stale = matchFault(ifMatch, endpointTag(endpoint), "The endpoint");
      if (stale !== null) return refused(stale);
      endpoints.remove(id);
      audit.note(by, "webhook.deleted", id, {}, now);
      return { kind: "removed" };
    });
  }

  secrets(id: string): SecretAnswer {
    return this.#withEndpoint(id, ({ secrets }, now) => shownSecrets(secrets, now));
  }

  rotateSecret(id: string, overlapS: number, by: Actor): SecretAnswer {
    const { endpoints, audit } = this.#stores;
    return this.#withEndpoint(id, ({ secrets }, now) => {
      const next = rotated(secrets, makeWebhookSecret(), overlapS * SECOND_MS, now);
      if (next.kind === "refused") return next;
      endpoints.setSecrets(id, next.secrets);
      audit.note(by, "webhook.rotated", id, { overlap_s: overlapS }, now);
      return shownSecrets(next.secrets, now);
    });
  }

  teamSecrets(): SecretAnswer {
    return this.#context.ask((now) => shownSecrets(this.#stores.team.webhookSecrets(), now));
  }

  rotateTeamSecret(overlapS: number, by: Actor): SecretAnswer {
    const { team, audit } = this.#stores;
    return this.#context.ask((now) => {
      const next = rotated(team.webhookSecrets(), makeWebhookSecret(), overlapS * SECOND_MS, now);
      if (next.kind === "refused") return next;
      team.setWebhookSecrets(next.secrets);
      audit.note(by, "team.webhook_secret_rotated", null, { overlap_s: overlapS }, now);
      return shownSecrets(next.secrets, now);
    });
  }

  disable(id: string, by: Actor): EndpointAnswer {
    const { endpoints, audit } = this.#stores;
    return this.#withEndpoint(id, (endpoint, now) => {
      if (endpoint.disabled === null) {
        endpoints.setDisabled(id, { at: now, reason: "by_hand" });
        endpoints.setHealth(id, endpoint.health, null);
        audit.note(by, "webhook.disabled", id, { reason: "by_hand" }, now);
      }
      return this.#summary(id);
    });
  }

  async enable(id: string, backlog: "skip" | "send", by: Actor): Promise<EnableEndpointAnswer> {
    const { endpoints, deliveries, audit } = this.#stores;
    const answer = this.#withEndpoint<EnableEndpointAnswer>(id, (endpoint, now) => {
      if (endpoint.disabled === null) return { kind: "enabled", endpoint: summaryOf(endpoint), job: null };
      const { lastSuccessAt } = endpoint.health;
      endpoints.setDisabled(id, null);
      endpoints.setHealth(id, { ...NEW_HEALTH, lastSuccessAt, recoveredAt: now }, null);
      if (backlog === "skip") deliveries.skipUndelivered(id, SKIPPED, now);
      audit.note(by, "webhook.enabled", id, { backlog }, now);
      const enabled = this.#summary(id);
      if (enabled.kind === "refused") return enabled;
      const missed = { endpointId: id, state: "undelivered" } as const;
      const job = backlog === "send" ? beginReplayJob(this.#stores, missed, by, now).job : null;
      return { kind: "enabled", endpoint: enabled.endpoint, job };
    });
    await this.#context.arm();
    return answer;
  }

  async test(id: string, by: Actor): Promise<{ kind: "sent"; deliveryId: string; eventId: string } | Refused> {
    const sent = this.#withEndpoint(id, (endpoint, now) => {
      const data: EventData<typeof TEST_EVENT_TYPE> = {
        test: true,
        endpoint_id: id,
        message: "This is a test event from Sluice.",
      };
      const eventId = newId("evt");
      const deliveryId = sendToEndpoint(
        this.#stores,
        endpoint,
        { id: eventId, type: TEST_EVENT_TYPE, at: now, data },
        now,
      );
      this.#stores.audit.note(by, "webhook.tested", id, {}, now);
      return { kind: "sent" as const, deliveryId, eventId };
    });
    await this.#context.arm();
    return sent;
  }

  /** Runs a decision about an existing endpoint. */
  #withEndpoint<T>(id: string, decision: (endpoint: Endpoint, now: number) => T): T | Refused {
    return this.#context.ask((now) => {
      const endpoint = this.#stores.endpoints.findEndpoint(id);
      return endpoint === null ? NO_ENDPOINT : decision(endpoint, now);
    });
  }

  #summary(id: string): EndpointAnswer {
    const endpoint = this.#stores.endpoints.findEndpoint(id);
    return endpoint === null ? NO_ENDPOINT : { kind: "known", endpoint: summaryOf(endpoint) };
  }
}

// What a webhook endpoint looks like to callers: the fields they send, with the rules for its URL and headers, and the object they get.

import type * as z from "zod";
import type { EndpointSummary } from "../../../contracts/team-webhooks.ts";
import { mayCall } from "../../../net/guard.ts";
import type { Config } from "../../../platform/config.ts";
import { type Refusal, refusal } from "../../../platform/errors.ts";
import { lazy } from "../../../platform/schema.ts";
import { isoTime } from "../../../platform/time.ts";
import { URL_MAX_CHARS } from "../../../platform/validate.ts";
import { ENDPOINT_HEADERS_MAX } from "../../../team/endpoints/endpoint-rules.ts";
import { EVENT_TYPES } from "../../../webhooks/event-types.ts";
import { guardRules, localWayOut } from "../../../webhooks/guard-rules.ts";
import { headerFault } from "../../../webhooks/headers.ts";
import { tagsSchema } from "../../schemas.ts";

const ENDPOINT_DESCRIPTION_MAX_CHARS = 200;

const eventType = lazy((z) => z.enum(EVENT_TYPES));

export const endpointBody = lazy((z) =>
  z.object({
    id: z.string(),
    url: z.string(),
    events: z.array(eventType()).nullable().describe("Event types it receives; null for all."),
    tags: z.record(z.string(), z.string()).describe("Tags that an event must have, all of them."),
    description: z.string(),
    header_names: z.array(z.string()).describe("Names of its custom headers. Their values are not returned."),
    status: z.enum(["enabled", "disabled"]),
    disabled_at: z.iso.datetime().nullable(),
    disabled_reason: z.enum(["by_hand", "failing", "gone"]).nullable(),
    health: z.object({
      failing_since: z.iso.datetime().nullable().describe("Every delivery since then has failed."),
      last_failure_at: z.iso.datetime().nullable(),
      last_success_at: z.iso.datetime().nullable(),
      failed_deliveries: z.int().describe("Failed deliveries since `failing_since`."),
    }),
    created_at: z.iso.datetime(),
  }),
);

const url = lazy((z) => z.string().min(1).max(URL_MAX_CHARS));
const events = lazy((z) =>
  z.array(eventType()).min(1).max(EVENT_TYPES.length).nullable().describe("Event types to receive; null for all."),
);
const headers = lazy((z) =>
  z
    .record(z.string(), z.string())
    .refine((given) => Object.keys(given).length <= ENDPOINT_HEADERS_MAX, `must have at most ${ENDPOINT_HEADERS_MAX}`),
);
const description = lazy((z) => z.string().max(ENDPOINT_DESCRIPTION_MAX_CHARS));

export const newEndpoint = lazy((z) =>
  z.strictObject({
    url: url(),
    events: events().default(null),
    tags: tagsSchema().default({}),
    description: description().default(""),
    headers: headers().default({}),
  }),
);

/** The whole of an endpoint's settings. Header values are never returned, so leaving `headers` out keeps them. */
export const endpointSettings = lazy(() =>
  newEndpoint().extend({
    headers: headers().optional().describe("Custom headers, all of them. Without this field they stay as they are."),
  }),
);

/** The same after a merge patch: a header of null is removed. */
export const patchedEndpoint = lazy((z) =>
  newEndpoint().extend({ headers: z.record(z.string(), z.string().nullable()).nullable().optional() }),
);

/** Why these terms are refused; the same rules apply to every attempt. */
export function termsFault(
  { url, headers }: { url?: string | undefined; headers?: Record<string, string | null> | null | undefined },
  config: Config,
  origin: string,
): Refusal | null {
  if (url !== undefined) {
    const guarded = mayCall(url, guardRules(config, origin));
    if (!guarded.ok) {
      const hint = localWayOut(url);
      return refusal(
        "invalid_request",
        `\`url\` is not allowed: ${guarded.reason}.`,
        hint === undefined ? {} : { hint },
      );
    }
  }
  const names = Object.keys(headers ?? {}).map((name) => name.toLowerCase());
  if (new Set(names).size < names.length) return refusal("invalid_request", "`headers` has a duplicate name.");
  for (const [name, value] of Object.entries(headers ?? {})) {
    const fault = value === null ? null : headerFault(name, value);
    if (fault !== null) return refusal("invalid_request", `Invalid \`headers\`: ${fault}.`);
  }
  return null;
}

export function endpointWire(endpoint: EndpointSummary): z.input<ReturnType<typeof endpointBody>> {
  const { id, url, events, tags, description, headerNames, disabled, health } = endpoint;
  return {
    id,
    url,
    events,
    tags,
    description,
    header_names: headerNames,
    status: disabled === null ? "enabled" : "disabled",
    disabled_at: isoTime(disabled?.at ?? null),
    disabled_reason: disabled?.reason ?? null,
    health: {
      failing_since: isoTime(health.failingSince),
      last_failure_at: isoTime(health.lastFailureAt),
      last_success_at: isoTime(health.lastSuccessAt),
      failed_deliveries: health.failures,
    },
    created_at: isoTime(endpoint.createdAt),
  };
}

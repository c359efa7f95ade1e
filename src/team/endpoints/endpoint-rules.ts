// Rules of webhook endpoints: subscriptions, valid secrets and rotation. Pure.

import type {
  DeliveryTarget,
  Endpoint,
  EndpointSecret,
  EndpointSummary,
  EndpointTerms,
  HeadersChange,
  SecretAnswer,
} from "../../contracts/team-webhooks.ts";
import { type Refused, refusal, refused } from "../../platform/errors.ts";
import { mergePatch } from "../../platform/merge-patch.ts";
import { endpointTag } from "../version-tags.ts";

/** Custom headers of an endpoint. */
export const ENDPOINT_HEADERS_MAX = 10;

/** Whether an endpoint, disabled or not, subscribes to an event with this type and these tags. */
export function subscribesTo(
  { events, tags }: Pick<Endpoint, "events" | "tags">,
  type: string,
  carried: Readonly<Record<string, string>>,
): boolean {
  if (events !== null && !events.some((each) => each === type)) return false;
  return Object.entries(tags).every(([name, value]) => Object.hasOwn(carried, name) && carried[name] === value);
}

/** Secrets that are valid now, newest first. */
export function validSecrets(secrets: readonly EndpointSecret[], now: number): string[] {
  return stillValid(secrets, now).map(({ secret }) => secret);
}

/** The same, with expiry. */
export function stillValid(secrets: readonly EndpointSecret[], now: number): EndpointSecret[] {
  return secrets.filter(({ validUntil }) => validUntil === null || validUntil > now);
}

/**
 * Secrets after a rotation: the previous one stays valid for `overlapMs`. One overlap at a time, because a second would end the
 * first early; 0 (after a leak) revokes all others.
 */
export function rotated(
  secrets: readonly EndpointSecret[],
  next: string,
  overlapMs: number,
  now: number,
): { kind: "rotated"; secrets: EndpointSecret[] } | Refused {
  const fresh = { secret: next, validUntil: null };
  if (overlapMs === 0) return { kind: "rotated", secrets: [fresh] };
  const [current, previous] = secrets.filter(({ validUntil }) => validUntil === null || validUntil > now);
  if (previous !== undefined) {
    const until = new Date(previous.validUntil ?? now).toISOString();
    const hint = "Wait until it expires, or rotate with `overlap_s: 0` to revoke all earlier secrets.";
    return refused(refusal("conflict", `The previous secret is still valid until ${until}.`, { hint }));
  }
  const ending = current === undefined ? [] : [{ ...current, validUntil: now + overlapMs }];
  return { kind: "rotated", secrets: [fresh, ...ending] };
}

export function shownSecrets(secrets: readonly EndpointSecret[], now: number): SecretAnswer {
  const [newest, previous] = stillValid(secrets, now);
  if (newest === undefined) throw new Error("the newest secret has no end");
  return { kind: "secrets", secret: newest.secret, previousUntil: previous?.validUntil ?? null };
}

export function summaryOf(endpoint: Endpoint): EndpointSummary {
  const { secrets: _secrets, headers, origin: _origin, ...shown } = endpoint;
  return { ...shown, headerNames: Object.keys(headers), tag: endpointTag(endpoint) };
}

/** The headers after a change, or why they cannot be. */
export function headersAfter(
  before: Readonly<Record<string, string>>,
  change: HeadersChange,
): { kind: "made"; headers: Record<string, string> } | Refused {
  switch (change.kind) {
    case "keep":
      return { kind: "made", headers: { ...before } };
    case "set":
      return { kind: "made", headers: change.headers };
    case "merge": {
      const headers = mergePatch(before, change.patch) as Record<string, string>;
      const names = Object.keys(headers);
      if (names.length > ENDPOINT_HEADERS_MAX) {
        const detail = `\`headers\` must have at most ${ENDPOINT_HEADERS_MAX}, with those that the endpoint has.`;
        return refused(refusal("invalid_request", detail));
      }
      const distinct = new Set(names.map((name) => name.toLowerCase()));
      if (distinct.size === names.length) return { kind: "made", headers };
      const hint = "Write the name as `header_names` has it.";
      return refused(refusal("invalid_request", "`headers` has a duplicate name.", { hint }));
    }
  }
}

/** Names of the settings that differ, also where the audit log shows no value. */
export function changedFields(before: EndpointTerms, after: EndpointTerms): string[] {
  const names = ["url", "events", "tags", "description", "headers"] as const;
  return names.filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]));
}

/** The settings as the audit log shows them: a URL's path and a header's value may be credentials. */
export function termsShown({ url, events, tags, description, headers }: EndpointTerms) {
  return { url: URL.parse(url)?.origin ?? null, events, tags, description, headers: Object.keys(headers).sort() };
}

/** Target of a delivery to this endpoint. */
export function targetOf(endpoint: Endpoint | null, now: number): DeliveryTarget {
  if (endpoint === null) return { kind: "gone", reason: "deleted" };
  if (endpoint.disabled !== null) return { kind: "gone", reason: "disabled" };
  const { id, url, headers, secrets } = endpoint;
  return { kind: "known", url, secrets: validSecrets(secrets, now), headers, endpointId: id, notBefore: null };
}

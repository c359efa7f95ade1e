// Issuers of a team, their keys, and the rate limits of token creation.

import { RpcTarget } from "cloudflare:workers";
import type { Actor, IssuerKeys, StoredIssuer, TeamIssuers } from "../../contracts/team-keys.ts";
import type { Env } from "../../platform/bindings.ts";
import { requireConfig } from "../../platform/config.ts";
import { type Refusal, type Refused, refusal, refused } from "../../platform/errors.ts";
import { HOUR_MS, SECOND_MS } from "../../platform/time.ts";
import type { TeamStores } from "../stores.ts";
import type { TeamContext } from "../team-context.ts";
import { fetchIssuerKeys, shouldFetchIssuerKeys } from "./issuer-keys.ts";
import { ISSUERS_PER_TEAM_MAX, type Issuer } from "./issuers.ts";
import { adoptedUsersRefusal, prefixFault } from "./user-names.ts";

/** Tokens that a visitor can create per hour with a publishable key: a page needs six. */
export const MINTS_PER_HOUR = 60;
/** New visitors of an address per hour, by publishable key: an office has a few dozen. */
export const NEW_VISITORS_PER_HOUR = 60;
/** The same of an IPv6 /48, which has many addresses. */
export const NEW_VISITORS_PER_NETWORK_HOUR = 600;
/** Expired rows deleted at each token creation. */
const MINT_CLEAN_UP_ROWS = 10;

type IssuerStores = Pick<TeamStores, "audit" | "issuers" | "users">;
type Exchange = Parameters<TeamIssuers["countMint"]>[0];

interface MintLimit {
  /** Whom it counts: see the column `ip` of `mint`. */
  subject: string;
  perHour: number;
  detail: string;
}

/** A known visitor is counted by its id alone, so that its neighbours' new visitors do not shut it out. */
function mintLimits({ ip, network, visitor }: Exchange): MintLimit[] {
  if (visitor !== null) {
    const detail = `Too many tokens: a visitor can create at most ${MINTS_PER_HOUR} tokens per hour.`;
    return [{ subject: `visitor:${visitor}`, perHour: MINTS_PER_HOUR, detail }];
  }
  const detail = (where: string, perHour: number) =>
    `Too many new visitors at this ${where}: a publishable key takes at most ${perHour} per hour.`;
  const address = { subject: ip, perHour: NEW_VISITORS_PER_HOUR, detail: detail("address", NEW_VISITORS_PER_HOUR) };
  if (network === null) return [address];
  const perHour = NEW_VISITORS_PER_NETWORK_HOUR;
  return [address, { subject: `network:${network}`, perHour, detail: detail("network (IPv6 /48)", perHour) }];
}

function mintRefusal(detail: string, earlyMs: number): Refusal {
  const retryAfterS = Math.ceil(earlyMs / SECOND_MS);
  const hint = `Reuse a token until it expires, and send the \`visitor_token\` of the first exchange with each other. Retry in ${retryAfterS} seconds.`;
  return refusal("rate_limited", detail, { hint, retryAfterS });
}

export class IssuerAdmin extends RpcTarget implements TeamIssuers {
  readonly #env: Env;
  readonly #context: TeamContext;
  readonly #stores: IssuerStores;
  /** Last fetch of each key set. In memory: losing it costs one fetch. */
  readonly #fetches = new Map<string, { at: number; done: Promise<void> }>();

  constructor(env: Env, context: TeamContext, stores: IssuerStores) {
    super();
    this.#env = env;
    this.#context = context;
    this.#stores = stores;
  }

  list(): StoredIssuer[] {
    return this.#context.decide<StoredIssuer[]>([], () => this.#stores.issuers.all());
  }

  put(issuer: Issuer, adoptUsers: boolean, by: Actor): { kind: "stored" } | Refused {
    // A changed issuer is fetched at once, so that errors show immediately.
    this.#fetches.delete(issuer.jwks_url);
    const { issuers, users, audit } = this.#stores;
    return this.#context.ask((now) => {
      const known = issuers.findIssuer(issuer.name) !== null;
      if (!known && issuers.all().length >= ISSUERS_PER_TEAM_MAX) {
        return refused(refusal("conflict", `A team has at most ${ISSUERS_PER_TEAM_MAX} issuers.`));
      }
      const others = issuers.all().map((each) => each.issuer);
      const fault = prefixFault(issuer, others);
      if (fault !== null) return refused(fault);
      const isOfSamePeople = others.some(
        (each) => each.issuer === issuer.issuer && each.user_prefix === issuer.user_prefix,
      );
      if (!isOfSamePeople && !adoptUsers && users.hasRequestsBelow(issuer.user_prefix)) {
        return refused(adoptedUsersRefusal(issuer));
      }
      issuers.put(issuer);
      audit.note(
        by,
        "issuer.written",
        issuer.name,
        { issuer: issuer.issuer, jwks_url: issuer.jwks_url, user_prefix: issuer.user_prefix },
        now,
      );
      return { kind: "stored" as const };
    });
  }

  remove(name: string, by: Actor): { kind: "removed" } | Refused {
    const { issuers, audit } = this.#stores;
    return this.#context.ask((now) => {
      if (!issuers.remove(name)) return refused(refusal("not_found", "No issuer found with this name."));
      audit.note(by, "issuer.removed", name, {}, now);
      return { kind: "removed" as const };
    });
  }

  /** Parallel callers share one fetch. */
  async keysOf({ name, unknownKey }: { name: string; unknownKey: boolean }): Promise<IssuerKeys | null> {
    const kept = this.#findIssuer(name);
    if (kept === null) return null;
    const { issuer, keys } = kept;
    const last = this.#fetches.get(issuer.jwks_url);
    const now = Date.now();
    if (shouldFetchIssuerKeys({ keys, triedAt: last?.at ?? null, unknownKey, now })) {
      const done = this.#fetch(issuer);
      this.#fetches.set(issuer.jwks_url, { at: now, done });
      await done;
    } else {
      await last?.done;
    }
    return this.#findIssuer(name)?.keys ?? null;
  }

  /** GCRA: so many at once, then one per share of the hour. Counts on all of its limits or on none. */
  countMint(exchange: Exchange): { kind: "counted" } | Refused {
    const { issuers } = this.#stores;
    const { keyId } = exchange;
    return this.#context.ask((now) => {
      const counted = mintLimits(exchange).map((limit) => {
        const until = Math.max(issuers.mintedUntil(keyId, limit.subject), now) + HOUR_MS / limit.perHour;
        return { ...limit, until, earlyMs: until - now - HOUR_MS };
      });
      const over = counted.find(({ earlyMs }) => earlyMs > 0);
      if (over !== undefined) return refused(mintRefusal(over.detail, over.earlyMs));
      for (const { subject, until } of counted) {
        issuers.putMintedUntil(keyId, subject, until, now, MINT_CLEAN_UP_ROWS);
      }
      return { kind: "counted" as const };
    });
  }

  async #fetch({ name, jwks_url }: Issuer): Promise<void> {
    const rules = { allowHosts: requireConfig(this.#env).RELAY_ALLOW_HOSTS, ownHosts: [] };
    const json = await fetchIssuerKeys(jwks_url, rules);
    // The issuer may have changed during the fetch.
    if (json === null || this.#findIssuer(name)?.issuer.jwks_url !== jwks_url) return;
    this.#stores.issuers.putKeys(name, { json, fetchedAt: Date.now() });
  }

  /** Null also if the team does not exist. */
  #findIssuer(name: string): StoredIssuer | null {
    return this.#context.decide<StoredIssuer | null>(null, () => this.#stores.issuers.findIssuer(name));
  }
}

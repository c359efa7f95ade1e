// Issuers of a team, their keys, and the rate limit of token creation per address.

import { RpcTarget } from "cloudflare:workers";
import type { Actor, IssuerKeys, StoredIssuer, TeamIssuers } from "../../contracts/team-keys.ts";
import type { Env } from "../../platform/bindings.ts";
import { requireConfig } from "../../platform/config.ts";
import { type Refused, refusal, refused } from "../../platform/errors.ts";
import { HOUR_MS, SECOND_MS } from "../../platform/time.ts";
import type { TeamStores } from "../stores.ts";
import type { TeamContext } from "../team-context.ts";
import { fetchIssuerKeys, shouldFetchIssuerKeys } from "./issuer-keys.ts";
import type { Issuer } from "./issuers.ts";

/** Tokens that an address can create per hour with a publishable key: a page needs six, an office a few dozen. */
export const MINTS_PER_HOUR = 60;
/** Expired rows deleted at each token creation. */
const MINT_CLEAN_UP_ROWS = 10;
/** Maximum issuers of a team; every list response contains all. */
const ISSUERS_PER_TEAM_MAX = 10;

type IssuerStores = Pick<TeamStores, "audit" | "issuers">;

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

  put(issuer: Issuer, by: Actor): { kind: "stored" } | Refused {
    // A changed issuer is fetched at once, so that errors show immediately.
    this.#fetches.delete(issuer.jwks_url);
    const { issuers, audit } = this.#stores;
    return this.#context.ask((now) => {
      const known = issuers.findIssuer(issuer.name) !== null;
      if (!known && issuers.all().length >= ISSUERS_PER_TEAM_MAX) {
        return refused(refusal("conflict", `A team has at most ${ISSUERS_PER_TEAM_MAX} issuers.`));
      }
      issuers.put(issuer);
      audit.note(by, "issuer.written", issuer.name, { issuer: issuer.issuer, jwks_url: issuer.jwks_url }, now);
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

  /** GCRA: MINTS_PER_HOUR at once, then one per share of the hour. */
  countMint({ keyId, ip }: { keyId: string; ip: string }): { kind: "counted" } | Refused {
    const { issuers } = this.#stores;
    return this.#context.ask((now) => {
      const until = Math.max(issuers.mintedUntil(keyId, ip), now) + HOUR_MS / MINTS_PER_HOUR;
      const earlyMs = until - now - HOUR_MS;
      if (earlyMs > 0) {
        const retryAfterS = Math.ceil(earlyMs / SECOND_MS);
        const detail = `Too many tokens: an IP address can create at most ${MINTS_PER_HOUR} tokens per hour.`;
        const hint = `Reuse a token until it expires. Retry in ${retryAfterS} seconds.`;
        return refused(refusal("rate_limited", detail, { hint, retryAfterS }));
      }
      issuers.putMintedUntil(keyId, ip, until, now, MINT_CLEAN_UP_ROWS);
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

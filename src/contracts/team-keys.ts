// Credentials: keys and issuers, and on whose behalf a call is made. Types only; times are epoch ms.

import type { Refused } from "../platform/errors.ts";
import type { IfMatch } from "../platform/version-tag.ts";
import type { Issuer } from "../team/auth/issuers.ts";
import type { RequestSpec } from "./request-spec.ts";
import type { Answer } from "./rpc.ts";

/** Author of a change: a key id or "operator", with the IP address. */
export interface Actor {
  id: string;
  ip: string | null;
}

/** `secret` is for servers; `publishable` may be public and can only be exchanged for a client token. */
export type KeyKind = "secret" | "publishable";

/**
 * `run` submits, and reads and cancels what the credential made. `read` sees all that the credential may see, which `run` then may
 * cancel too. `mint` creates client tokens. `admin` manages keys and plans. None implies another.
 */
export type Scope = "run" | "read" | "mint" | "admin";

/**
 * A verified Authorization header. Tokens and JWTs are valid for their user only. `visitor`, `ip` and `network` (the IPv6 /48; null
 * for IPv4) are derived by the gateway, never sent by the caller. A JWT has no key: requests and counters use `issuerKeyId(issuer)`.
 */
export type Credential =
  /** A secret or publishable key, by the SHA-256 of its text. */
  | { kind: "key"; digest: string }
  /**
   * A client token created with the key `keyId`. `models`: patterns that narrow the plan; null: as the key. `scopes`: those it was
   * narrowed to; absent: as the key. `tags`: fixed by whoever created it.
   */
  | {
      kind: "token";
      keyId: string;
      user: string;
      visitor: string | null;
      ip: string | null;
      network: string | null;
      models: string[] | null;
      plan: string | null;
      scopes?: Scope[];
      tags?: Record<string, string>;
    }
  /** A user's JWT. `issuer` is the team's name for the issuer; `plan` is the value of the plan claim. */
  | { kind: "jwt"; issuer: string; user: string; plan: string | null; tags: Record<string, string> };

/** On whose behalf a call is made, beside the key. */
export interface ActingFor extends Pick<RequestSpec, "user" | "tags"> {
  credential: Credential;
  visitor: string | null;
  ip: string | null;
  network: string | null;
}

/** Cloudflare Turnstile settings of a publishable key. `secret` is never returned. */
export interface Turnstile {
  siteKey: string;
  secret: string;
  hostname: string | null;
}

/** Optional terms of a key. */
export interface KeyTerms {
  /** User that the key is bound to; null: any user. */
  user: string | null;
  /** Plan that overrides the team's. */
  plan: string | null;
  /** Patterns that narrow the models of the plan. */
  models: string[] | null;
  /** Allowed browser origins. */
  origins: string[] | null;
  turnstile: Turnstile | null;
  /** Where a visitor of a page that uses the key reports what it shows. */
  contactUrl: string | null;
  /** Plans, beside its own, that the key may give to tokens. */
  plans: string[];
  /** Issuers whose users the key may name. */
  issuerUsers: string[];
  /** Tags of everything that is done with the key; callers cannot change them. */
  tags: Record<string, string>;
}

/** A key without its text or digest. */
export interface KeySummary extends KeyTerms {
  id: string;
  kind: KeyKind;
  name: string;
  /** Empty for publishable keys. */
  scopes: Scope[];
  /** Prefix of the key text; the whole text of a publishable key. */
  shown: string;
  createdAt: number;
  /** Accurate to KEY_LAST_USED_STEP_MS; null: never used. */
  lastUsedAt: number | null;
  expiresAt: number | null;
  revokedAt: number | null;
  frozenAt: number | null;
}

export interface NewKeyTerms extends KeyTerms {
  kind: KeyKind;
  name: string;
  scopes: Scope[];
  expiresAt: number | null;
}

/** A new or rotated key with its text, which is returned only then. */
export interface NewKey {
  id: string;
  secret: string;
}

export type CreateKeyAnswer = { kind: "created"; key: KeySummary; secret: string } | Refused;

export type KeyAnswer = { kind: "changed"; key: KeySummary } | Refused;

/** What can be changed of a key. */
export type KeySettings = Pick<KeySummary, "name" | "plan" | "models" | "origins" | "contactUrl" | "expiresAt">;

export interface TeamKeys {
  read(id: string): Answer<{ kind: "known"; key: KeySummary } | Refused>;
  /** Replaces the settings of a key. */
  change(id: string, settings: KeySettings, by: Actor, ifMatch?: IfMatch): Answer<KeyAnswer>;
  /** Creates a key and returns its text once. */
  create(terms: NewKeyTerms, by: Actor): Answer<CreateKeyAnswer>;
  /**
   * Replaces the text of a key and returns it once. The old text stays valid for `overlapS`; id, limits and history are kept.
   */
  rotate(
    id: string,
    overlapS: number,
    by: Actor,
  ): Answer<{ kind: "rotated"; key: NewKey; oldValidUntil: number | null } | Refused>;
  /** All keys, newest first, revoked and expired ones included. */
  list(): Answer<KeySummary[]>;
  /** Revokes a key permanently. Idempotent. */
  revoke(id: string, by: Actor, ifMatch?: IfMatch): Answer<KeyAnswer>;
  /** Freezes or unfreezes a key. Idempotent. */
  freeze(id: string, frozen: boolean, by: Actor): Answer<KeyAnswer>;
}

/** A fetched key set. `json` is a JWKS (RFC 7517) with public keys only. */
export interface IssuerKeys {
  json: string;
  fetchedAt: number;
}

/** An issuer with its last fetched keys. */
export interface StoredIssuer {
  issuer: Issuer;
  keys: IssuerKeys | null;
}

export interface TeamIssuers {
  /** All issuers by name. */
  list(): Answer<StoredIssuer[]>;
  /** Creates or replaces an issuer. Where others' users have its prefix already, only with `adoptUsers`. */
  put(issuer: Issuer, adoptUsers: boolean, by: Actor): Answer<{ kind: "stored" } | Refused>;
  remove(name: string, by: Actor): Answer<{ kind: "removed" } | Refused>;
  /** The issuer's keys, fetched first if due. Null if there are none. */
  keysOf(lookup: { name: string; unknownKey: boolean }): Answer<IssuerKeys | null>;
  /**
   * Counts or refuses one exchange of a publishable key: of a known visitor by its id, of a new one by its address and the IPv6 /48
   * around that.
   */
  countMint(exchange: {
    keyId: string;
    ip: string;
    network: string | null;
    visitor: string | null;
  }): Answer<{ kind: "counted" } | Refused>;
}

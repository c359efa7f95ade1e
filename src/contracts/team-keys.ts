// Credentials: keys and issuers, what their parts of Team are asked and what they answer, and as whom a call is made. Types only.
// times are epoch ms.

import type { Refused } from "../platform/errors.ts";
import type { Issuer } from "../team/auth/issuers.ts";
import type { RequestSpec } from "./request-spec.ts";
import type { Answer } from "./rpc.ts";

/** Who makes a change, and from where: a key's id, or "operator". */
export interface Actor {
  id: string;
  ip: string | null;
}

/** `secret` is for servers; `publishable` may be seen by anybody and can only be exchanged for a client token. */
export type KeyKind = "secret" | "publishable";

/** `run` submits and cancels, `read` looks, `admin` manages keys and plans. None implies another. */
export type Scope = "run" | "read" | "admin";

/**
 * What the edge found behind an Authorization header, every signature checked: what Team is asked by. A token and a JWT are
 * good for their user alone. `visitor` and `ip` are our own marks, never the caller's words. A JWT has no key: in requests
 * and counters its key id is `issuerKeyId(issuer)`.
 */
export type Credential =
  /** A secret or publishable key, by the SHA-256 of its text. */
  | { kind: "key"; digest: string }
  /** A client token of ours, minted with the key `keyId`. `models` are globs that narrow the plan's; null: as the key's. */
  | {
      kind: "token";
      keyId: string;
      user: string;
      visitor: string | null;
      ip: string | null;
      models: string[] | null;
      plan: string | null;
    }
  /** A user's JWT. `issuer` is the name that the team gave it; `plan` is what its claim says, if it has one. */
  | { kind: "jwt"; issuer: string; user: string; plan: string | null; tags: Record<string, string> };

/** For whom a call counts, beside the credential's key. */
export interface ActingFor extends Pick<RequestSpec, "user" | "tags"> {
  credential: Credential;
  visitor: string | null;
  ip: string | null;
}

/** Cloudflare Turnstile of a publishable key. `secret` is for siteverify and never shown. */
export interface Turnstile {
  siteKey: string;
  secret: string;
  hostname: string | null;
}

/** What only some keys have. */
export interface KeyTerms {
  /** The member that a key is bound to; null: it may act for anybody. */
  user: string | null;
  /** The plan that applies instead of the team's. */
  plan: string | null;
  /** Globs that narrow the plan's models. */
  models: string[] | null;
  /** Exact origins that pages may call from. */
  origins: string[] | null;
  turnstile: Turnstile | null;
}

/** A key as lists show it: never its text or digest. */
export interface KeySummary extends KeyTerms {
  id: string;
  kind: KeyKind;
  name: string;
  /** Empty for a publishable key: it can only be exchanged. */
  scopes: Scope[];
  /** First characters of the key's text; all of it for a publishable one. */
  shown: string;
  createdAt: number;
  /** Within KEY_LAST_USED_STEP_MS; null = never. */
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

/** A key at its making or rotation, the only times its text is told. */
export interface NewKey {
  id: string;
  secret: string;
}

export type CreateKeyAnswer = { kind: "created"; key: KeySummary; secret: string } | Refused;

export type KeyAnswer = { kind: "changed"; key: KeySummary } | Refused;

export interface TeamKeys {
  /** Makes a key and tells its text, this once. */
  create(terms: NewKeyTerms, by: Actor): Answer<CreateKeyAnswer>;
  /** Gives a key another text and tells it, this once. The old one works for `overlapS` more; id, limits and history stay. */
  rotate(id: string, overlapS: number, by: Actor): Answer<{ kind: "rotated"; key: NewKey } | Refused>;
  /** Newest first, revoked and expired ones included. */
  list(): Answer<KeySummary[]>;
  /** Ends a key for good. Again: the same answer. */
  revoke(id: string, by: Actor): Answer<KeyAnswer>;
  /** Freezes or unfreezes a key. Again: the same answer. */
  freeze(id: string, frozen: boolean, by: Actor): Answer<KeyAnswer>;
}

/** A key set as it was fetched. `json` is a JWKS (RFC 7517) of public keys only. `fetchedAt` is epoch milliseconds. */
export interface IssuerKeys {
  json: string;
  fetchedAt: number;
}

/** An issuer and the keys that were last fetched for it. */
export interface StoredIssuer {
  issuer: Issuer;
  keys: IssuerKeys | null;
}

export interface TeamIssuers {
  /** By name. */
  list(): Answer<StoredIssuer[]>;
  /** Writes an issuer, a new one or another text of the old. */
  put(issuer: Issuer, by: Actor): Answer<{ kind: "stored" } | Refused>;
  remove(name: string, by: Actor): Answer<{ kind: "removed" } | Refused>;
  /** An issuer's keys, fetched first when that is due. Null: there are none. */
  keysOf(lookup: { name: string; unknownKey: boolean }): Answer<IssuerKeys | null>;
  /** Counts one exchange of a publishable key by an address, or refuses it. */
  countMint(exchange: { keyId: string; ip: string }): Answer<{ kind: "counted" } | Refused>;
}

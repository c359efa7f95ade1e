// What an isolate remembers of credentials for IDENTITY_CACHE_MS, so that repeated calls do not reach the team's object: identities
// for reads, refusals of every call, and teams that do not exist. Bounded by count; the time is a parameter.
//
// Accepted loss: what was resumed or registered again elsewhere is still refused here for up to IDENTITY_CACHE_MS. A new secret key
// cannot have been refused before. A new team may have been: its maker is answered once every isolate has forgotten (team/auth/unknown-team.ts).

import type { IdentifyAnswer, Identity } from "../contracts/team-access.ts";
import type { Credential } from "../contracts/team-keys.ts";
import { type Refusal, type Refused, refused } from "../platform/errors.ts";
import { LruMap } from "../platform/lru-map.ts";
import { UNKNOWN_KEY } from "../team/auth/credentials.ts";
import { IDENTITIES_CACHED_MAX, IDENTITY_CACHE_MS } from "../team/auth/issuer-cache.ts";

/** Refused credentials and unknown teams that one isolate remembers, each. */
export const REFUSALS_REMEMBERED_MAX = 2_000;

/** How soon a stop and its end act, for the API description. A refusal is remembered for submits too. */
export const TAKES_EFFECT = {
  freeze: "Takes effect on submits immediately, on reads within ten seconds.",
  resume: "Takes effect within ten seconds.",
} as const;

export type Remembered = { kind: "known"; identity: Identity } | Refused;

/** A question to the team that is under way. */
export interface Question {
  readonly team: string;
  readonly name: string;
  /** When it was asked (epoch ms): what its answer says is remembered from then on. */
  readonly askedAt: number;
  readonly changes: number;
}

export class CredentialMemory {
  readonly #identities = new LruMap<{ identity: Identity; until: number }>(IDENTITIES_CACHED_MAX);
  readonly #refusals = new LruMap<{ refusal: Refusal; until: number }>(REFUSALS_REMEMBERED_MAX);
  readonly #unknownTeams = new LruMap<{ until: number }>(REFUSALS_REMEMBERED_MAX);
  #changes = 0;

  /** What is known of a credential without asking its team; null: ask. Identities answer reads alone. */
  recall({ team, name, askedAt }: Question, mayUseIdentity: boolean): Remembered | null {
    const unknown = this.#unknownTeams.get(team);
    if (unknown !== undefined && unknown.until > askedAt) return refused(UNKNOWN_KEY);
    const refusal = this.#refusals.get(name);
    if (refusal !== undefined && refusal.until > askedAt) return refused(refusal.refusal);
    const known = mayUseIdentity ? this.#identities.get(name) : undefined;
    return known !== undefined && known.until > askedAt ? { kind: "known", identity: known.identity } : null;
  }

  question(team: string, credential: Credential, now: number): Question {
    return { team, name: `${team} ${JSON.stringify(credential)}`, askedAt: now, changes: this.#changes };
  }

  /** Keeps the team's answer, unless something was changed here meanwhile that it may not know of. */
  remember({ team, name, askedAt, changes }: Question, answer: IdentifyAnswer): void {
    if (changes !== this.#changes) return;
    const until = askedAt + IDENTITY_CACHE_MS;
    if (answer.kind === "known") {
      this.#refusals.delete(name);
      this.#identities.set(name, { identity: answer.identity, until });
      return;
    }
    this.#identities.delete(name);
    if (answer.unknownTeam === true) this.#unknownTeams.set(team, { until });
    else this.#refusals.set(name, { refusal: answer.refusal, until });
  }

  /** After a change of the team through this isolate: here it acts at once. */
  forget(team: string): void {
    this.#changes++;
    this.#unknownTeams.delete(team);
    this.#refusals.deletePrefix(`${team} `);
    this.#identities.deletePrefix(`${team} `);
  }
}

/** The memory of this isolate. */
export const credentialMemory = new CredentialMemory();

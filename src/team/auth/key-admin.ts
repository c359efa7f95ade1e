// Creates, rotates, revokes and freezes keys, each with its audit entry in the same transaction. Hashing is asynchronous and
// runs before.

import { RpcTarget } from "cloudflare:workers";
import type {
  Actor,
  CreateKeyAnswer,
  KeyAnswer,
  KeyKind,
  KeySettings,
  KeySummary,
  NewKey,
  NewKeyTerms,
  TeamKeys,
} from "../../contracts/team-keys.ts";
import { type Refusal, type Refused, refusal, refused } from "../../platform/errors.ts";
import { newId } from "../../platform/ids.ts";
import { isoTime, SECOND_MS } from "../../platform/time.ts";
import { type IfMatch, matchFault } from "../../platform/version-tag.ts";
import { differences } from "../audit/differences.ts";
import { limitsKeyMoney } from "../quota/plan.ts";
import { pagePlanRefusal, planNotFound } from "../quota/refusals.ts";
import type { TeamStores } from "../stores.ts";
import type { TeamContext } from "../team-context.ts";
import { keyTag } from "../version-tags.ts";
import { keyFault } from "./credentials.ts";
import { namedUserFault } from "./identity.ts";
import { keyDigest, makeKey, shownPart } from "./key-text.ts";

/** Maximum keys of a team, revoked ones included: lists are not paginated. */
const KEYS_PER_TEAM_MAX = 1_000;

type KeyStores = Pick<TeamStores, "audit" | "issuers" | "keys" | "team">;

/** Text of a key and its stored digest. */
interface KeyText {
  text: string;
  digest: string;
}

type Rotated = { kind: "rotated"; key: NewKey; oldValidUntil: number | null };

const NO_KEY_BY_ID = refused(refusal("not_found", "No key found with this id."));

export class KeyAdmin extends RpcTarget implements TeamKeys {
  readonly #context: TeamContext;
  readonly #stores: KeyStores;

  constructor(context: TeamContext, stores: KeyStores) {
    super();
    this.#context = context;
    this.#stores = stores;
  }

  async create(terms: NewKeyTerms, by: Actor): Promise<CreateKeyAnswer> {
    const team = this.#context.ask(() => this.#stores.team.team().id);
    if (typeof team !== "string") return team;
    const text = await keyText(team, terms.kind);
    const made = this.#context.ask((now) => insertKey(this.#stores, terms, text, by, now));
    return made.kind === "refused" ? made : { kind: "created", key: made.key, secret: text.text };
  }

  async rotate(id: string, overlapS: number, by: Actor): Promise<Rotated | Refused> {
    const team = this.#context.ask(() => this.#stores.team.team().id);
    if (typeof team !== "string") return team;
    const { keys, audit } = this.#stores;
    const { text, digest } = await keyText(team, keys.findKey(id)?.kind ?? "secret");
    return this.#context.ask((now) => {
      const key = keys.findKey(id);
      if (key === null) return NO_KEY_BY_ID;
      const fault = keyFault(key, now);
      if (fault !== null)
        return refused(refusal("conflict", fault.detail, { hint: "Create a new key with POST /v1/keys." }));
      const until = now + overlapS * SECOND_MS;
      keys.rotate(id, { digest, shown: shownOf(key.kind, text) }, until);
      audit.note(by, "key.rotated", id, { overlap_s: overlapS }, now);
      // A key that expires takes its old text with it.
      const oldValidUntil = overlapS === 0 ? null : Math.min(until, key.expiresAt ?? until);
      return { kind: "rotated" as const, key: { id, secret: text }, oldValidUntil };
    });
  }

  read(id: string): { kind: "known"; key: KeySummary } | Refused {
    return this.#context.ask(() => {
      const key = this.#stores.keys.findKey(id);
      return key === null ? NO_KEY_BY_ID : { kind: "known" as const, key };
    });
  }

  change(id: string, settings: KeySettings, by: Actor, ifMatch: IfMatch = null): KeyAnswer {
    const { keys, team, audit } = this.#stores;
    return this.#context.ask((now) => {
      const key = keys.findKey(id);
      if (key === null) return NO_KEY_BY_ID;
      const stale = matchFault(ifMatch, keyTag(key), "The key");
      if (stale !== null) return refused(stale);
      if (key.revokedAt !== null) {
        const hint = "Create a new key with POST /v1/keys.";
        return refused(refusal("conflict", "A revoked key cannot be changed.", { hint }));
      }
      const fault = planFault({ team }, key.kind, settings.plan);
      if (fault !== null) return refused(fault);
      keys.setSettings(id, settings);
      const changes = differences(settingsShown(key), settingsShown(settings));
      if (changes.length > 0) audit.note(by, "key.changed", id, { changes }, now);
      return this.#changed(id);
    });
  }

  list(): KeySummary[] {
    return this.#context.decide<KeySummary[]>([], () => this.#stores.keys.all());
  }

  revoke(id: string, by: Actor, ifMatch: IfMatch = null): KeyAnswer {
    const { keys, audit } = this.#stores;
    return this.#context.ask((now) => {
      const key = keys.findKey(id);
      if (key === null) return NO_KEY_BY_ID;
      const stale = matchFault(ifMatch, keyTag(key), "The key");
      if (stale !== null) return refused(stale);
      const fault = this.#endingFault(id, now);
      if (fault !== null) return refused(fault);
      if (key.revokedAt !== null) return { kind: "changed" as const, key };
      keys.revoke(id, now);
      audit.note(by, "key.revoked", id, {}, now);
      return this.#changed(id);
    });
  }

  freeze(id: string, frozen: boolean, by: Actor): KeyAnswer {
    const { keys, audit } = this.#stores;
    return this.#context.ask((now) => {
      const key = keys.findKey(id);
      if (key === null) return NO_KEY_BY_ID;
      if ((key.frozenAt !== null) === frozen) return { kind: "changed" as const, key };
      const fault = frozen ? this.#endingFault(id, now) : null;
      if (fault !== null) return refused(fault);
      keys.setFrozen(id, frozen ? now : null);
      audit.note(by, frozen ? "key.frozen" : "key.resumed", id, {}, now);
      return this.#changed(id);
    });
  }

  /** The last active admin key cannot be revoked or frozen, because nobody could undo it. */
  #endingFault(id: string, now: number): Refusal | null {
    const all = this.#stores.keys.all();
    const admins = all.filter((key) => key.scopes.includes("admin") && keyFault(key, now) === null);
    if (admins.length !== 1 || admins[0]?.id !== id) return null;
    const hint = "Create another key with the scope `admin` first.";
    return refusal("conflict", "The last active admin key of a team cannot be revoked or frozen.", { hint });
  }

  #changed(id: string): KeyAnswer {
    const key = this.#stores.keys.findKey(id);
    return key === null ? NO_KEY_BY_ID : { kind: "changed", key };
  }
}

/** New text for a key. */
export async function keyText(team: string, kind: KeyKind): Promise<KeyText> {
  const text = await makeKey(team, kind);
  return { text, digest: await keyDigest(text) };
}

/** Runs in the transaction of the caller. */
export function insertKey(
  { keys, team, issuers, audit }: KeyStores,
  terms: NewKeyTerms,
  { text, digest }: KeyText,
  by: Actor,
  now: number,
): KeyAnswer {
  if (keys.count() >= KEYS_PER_TEAM_MAX) {
    return refused(refusal("conflict", `A team has at most ${KEYS_PER_TEAM_MAX} keys.`));
  }
  const fault =
    planFault({ team }, terms.kind, terms.plan) ??
    (terms.user === null ? null : namedUserFault({ issuers }, terms.user, terms));
  if (fault !== null) return refused(fault);
  const unknown = terms.plans.find((name) => team.plan(name) === null);
  if (unknown !== undefined) return refused(planNotFound(unknown));
  const key: KeySummary = {
    ...terms,
    id: newId("key"),
    shown: shownOf(terms.kind, text),
    createdAt: now,
    lastUsedAt: null,
    revokedAt: null,
    frozenAt: null,
  };
  keys.insert(digest, key);
  const { kind, name, scopes, user, plan: own, plans } = key;
  const detail = { kind, name, scopes: scopes.join(" "), user, plan: own, plans: plans.join(" ") };
  audit.note(by, "key.created", key.id, detail, now);
  return { kind: "changed", key };
}

/** Why a key of this kind may not have this plan, or null. */
function planFault({ team }: Pick<KeyStores, "team">, kind: KeyKind, name: string | null): Refusal | null {
  const plan = name === null ? null : team.plan(name);
  if (name !== null && plan === null) return planNotFound(name);
  return kind === "publishable" && (plan === null || !limitsKeyMoney(plan.plan)) ? pagePlanRefusal(name) : null;
}

/** The settings under their wire names, for the audit log. */
function settingsShown({ name, plan, models, origins, contactUrl, expiresAt }: KeySettings) {
  return { name, plan, models, origins, contact_url: contactUrl, expires_at: isoTime(expiresAt) };
}

/** Publishable keys are public, so lists show them in full. */
function shownOf(kind: KeyKind, text: string): string {
  return kind === "publishable" ? text : shownPart(text);
}

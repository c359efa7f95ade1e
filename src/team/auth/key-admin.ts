// What admins may do with keys: make, rotate, revoke, freeze. Each change writes its audit line in the same transaction.
// Synchronous over the stores, with the clock passed in; texts and digests are made before, because hashing waits.

import type { KeyKind, KeySummary } from "../../contracts/team-access.ts";
import type { Actor, KeyWish } from "../../contracts/team-admin.ts";
import { type Refusal, type Refused, refusal, refused } from "../../platform/errors.ts";
import { newId } from "../../platform/ids.ts";
import { KEYS_PER_TEAM_MAX } from "../../platform/limits.ts";
import type { Books } from "../stores.ts";
import { keyFault } from "./credentials.ts";
import { keyDigest, makeKey, shownPart } from "./keys.ts";

/** A key's text and the form of it that is stored. */
export interface KeyText {
  text: string;
  digest: string;
}

/** A new text for a key of this team. */
export async function keyText(team: string, kind: KeyKind): Promise<KeyText> {
  const text = await makeKey(team, kind);
  return { text, digest: await keyDigest(text) };
}

export type KeyAnswer = { kind: "changed"; key: KeySummary } | Refused;

export function makeTeamKey(books: Books, wish: KeyWish, { text, digest }: KeyText, by: Actor, now: number): KeyAnswer {
  if (books.keys.count() >= KEYS_PER_TEAM_MAX) {
    return refused(refusal("conflict", `A team has at most ${KEYS_PER_TEAM_MAX} keys.`));
  }
  if (wish.plan !== null && books.team.plan(wish.plan) === null) return refused(noSuchPlan(wish.plan));
  const key: KeySummary = {
    ...wish,
    ...{ id: newId("key"), shown: shownOf(wish.kind, text), createdAt: now },
    ...{ lastUsedAt: null, revokedAt: null, frozenAt: null },
  };
  books.keys.insert(digest, key);
  const { kind, name, scopes, user, plan } = key;
  books.audit.note(by, "key.created", key.id, { kind, name, scopes: scopes.join(" "), user, plan }, now);
  return { kind: "changed", key };
}

/** Gives a key another text. The old one works on for `overlapS`; id, limits and history stay. */
export function rotateKey(
  books: Books,
  id: string,
  { text, digest }: KeyText,
  overlapS: number,
  by: Actor,
  now: number,
): KeyAnswer {
  const key = books.keys.byId(id);
  if (key === null) return refused(NO_KEY_BY_ID);
  const fault = keyFault(key, now);
  if (fault !== null) return refused(refusal("conflict", fault.detail, { hint: "Make another key instead." }));
  books.keys.rotate(id, { digest, shown: shownOf(key.kind, text) }, now + overlapS * 1_000);
  books.audit.note(by, "key.rotated", id, { overlap_s: overlapS }, now);
  return changed(books, id);
}

/** Ends a key for good. Again: the same answer. */
export function revokeKey(books: Books, id: string, by: Actor, now: number): KeyAnswer {
  const fault = endingFault(books, id, now);
  if (fault !== null) return refused(fault);
  if (books.keys.byId(id)?.revokedAt === null) {
    books.keys.revoke(id, now);
    books.audit.note(by, "key.revoked", id, {}, now);
  }
  return changed(books, id);
}

/** Stops a key, or lets it go on. Again: the same answer. */
export function freezeKey(books: Books, id: string, frozen: boolean, by: Actor, now: number): KeyAnswer {
  const key = books.keys.byId(id);
  if (key === null) return refused(NO_KEY_BY_ID);
  if ((key.frozenAt !== null) === frozen) return { kind: "changed", key };
  const fault = frozen ? endingFault(books, id, now) : null;
  if (fault !== null) return refused(fault);
  books.keys.setFrozen(id, frozen ? now : null);
  books.audit.note(by, frozen ? "key.frozen" : "key.resumed", id, {}, now);
  return changed(books, id);
}

/** The last usable admin key stays, because nobody could make another or undo it. */
function endingFault(books: Books, id: string, now: number): Refusal | null {
  const keys = books.keys.all();
  if (!keys.some((key) => key.id === id)) return NO_KEY_BY_ID;
  const admins = keys.filter((key) => key.scopes.includes("admin") && keyFault(key, now) === null);
  if (admins.length !== 1 || admins[0]?.id !== id) return null;
  const hint = "Make another key with scope `admin` first, and use that one.";
  return refusal("conflict", "This is the team's last admin key.", { hint });
}

const NO_KEY_BY_ID = refusal("not_found", "There is no key with this id.");

/** The refusal for a plan's name that nobody wrote. */
export function noSuchPlan(name: string): Refusal {
  return refusal("not_found", `There is no plan "${name}".`, { hint: `Make it first, with PUT /v1/plans/${name}.` });
}

/** A publishable key is in every page that uses it, so lists may show it whole. */
function shownOf(kind: KeySummary["kind"], text: string): string {
  return kind === "publishable" ? text : shownPart(text);
}

function changed(books: Books, id: string): KeyAnswer {
  const key = books.keys.byId(id);
  return key === null ? refused(NO_KEY_BY_ID) : { kind: "changed", key };
}

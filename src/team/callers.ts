// The caller of an operation: identity, applicable limits and freezes.

import type { Identity } from "../contracts/team-access.ts";
import type { ActingFor } from "../contracts/team-keys.ts";
import { type Refusal, type Refused, refused } from "../platform/errors.ts";
import { actingFault, scopeFault, teamFault, userFault } from "./auth/credentials.ts";
import { type IdentityStores, identify, namedUserFault } from "./auth/identity.ts";
import { limitsOf } from "./quota/caller-limits.ts";
import { type LimitState, limitStates, type Subjects } from "./quota/limits.ts";
import type { TeamStores } from "./stores.ts";

/** Stores needed to resolve a caller. */
export type CallerStores = IdentityStores;

/** State of every limit that applies to these subjects. */
export function limitsNow(
  stores: Pick<TeamStores, "counters">,
  identity: Identity,
  subjects: Subjects,
  now: number,
): LimitState[] {
  const limits = limitsOf(identity, subjects);
  return limitStates(limits, (id) => stores.counters.readCounter(id), subjects, now);
}

/** Resolves a caller and its limit subjects, or refuses. A credential bound to a user acts for that user. */
export function actingAs(
  stores: IdentityStores,
  acting: ActingFor,
  now: number,
): { kind: "known"; identity: Identity; subjects: Subjects } | Refused {
  const known = identify(stores, acting.credential, now);
  if (known.kind === "refused") return known;
  const { identity } = known;
  const user = identity.user ?? acting.user;
  const fault =
    actingFault(identity.user, acting.user) ??
    (identity.user === null && acting.user !== null ? namedUserFault(stores, acting.user, identity) : null);
  if (fault !== null) return refused(fault);
  const { visitor, ip, network, tags } = acting;
  return { kind: "known", identity, subjects: { keyId: identity.keyId, user, visitor, ip, network, tags } };
}

/** The subjects as alerts may name them: without the tags that a client chose. */
export function alertSubjects({ kind, tags }: Identity, subjects: Subjects): Subjects {
  return kind === "secret" ? subjects : { ...subjects, tags };
}

/** Why this identity may not run requests or upload files, or null. */
export function frozenFault(
  stores: Pick<TeamStores, "team" | "users">,
  { scopes }: Identity,
  { user }: Subjects,
): Refusal | null {
  return (
    scopeFault(scopes, "run") ??
    teamFault(stores.team.team().frozenAt) ??
    (user === null ? null : userFault(stores.users.frozenAt(user)))
  );
}

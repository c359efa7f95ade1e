// Per-isolate cache of issuers and their keys. Changes apply within IDENTITY_CACHE_MS.

import type { IssuerKeys, StoredIssuer } from "../../contracts/team-keys.ts";
import type { Env } from "../../platform/bindings.ts";
import { LruMap } from "../../platform/lru-map.ts";
import { askTeam } from "../../platform/stubs.ts";
import { SECOND_MS } from "../../platform/time.ts";
import { isStale, isUsable } from "./issuer-keys.ts";
import type { Issuer } from "./issuers.ts";
import { checkUserJwt, type JwtAnswer } from "./user-jwt.ts";

/** Identities, and teams' issuers, that one isolate remembers; beyond it those used longest ago are forgotten. */
export const IDENTITIES_CACHED_MAX = 1_000;
/**
 * How long an isolate remembers identities for reads, so a revocation applies within it, and refusals of every call, so a resumption
 * does. No submit is let in from memory.
 */
export const IDENTITY_CACHE_MS = 10 * SECOND_MS;

interface Directory {
  kept: StoredIssuer[];
  until: number;
  /** When the team last answered what keys an issuer has (epoch ms), by the issuer's name. */
  keysAnsweredAt: Map<string, number>;
}

/** One isolate asks a team for an issuer's keys at most this often, because anybody can make up the id of a key. */
const UNKNOWN_KEY_GAP_MS = SECOND_MS;

const directories = new LruMap<Directory>(IDENTITIES_CACHED_MAX);

/** Verifies a JWT against the issuers of a team. `fresh` bypasses the cache. */
export async function checkTeamJwt(
  env: Env,
  team: string,
  jwt: string,
  { fresh }: { fresh: boolean },
): Promise<JwtAnswer> {
  const now = Date.now();
  const directory = await directoryOf(env, team, fresh, now);
  const issuers = directory.kept.map((each) => each.issuer);
  return checkUserJwt(issuers, jwt, (issuer, options) => keysOf(env, team, directory, issuer, options), now);
}

async function directoryOf(env: Env, team: string, fresh: boolean, now: number): Promise<Directory> {
  const known = directories.get(team);
  if (!fresh && known !== undefined && known.until > now) return known;
  const kept = await askTeam(env, team, (stub) => stub.issuers.list());
  const directory = { kept, until: now + IDENTITY_CACHE_MS, keysAnsweredAt: new Map() };
  directories.set(team, directory);
  return directory;
}

/** Cached keys while they are fresh and contain the key of the token; else Team decides whether to fetch. */
async function keysOf(
  env: Env,
  team: string,
  directory: Directory,
  issuer: Issuer,
  { unknownKey }: { unknownKey: boolean },
): Promise<IssuerKeys | null> {
  const entry = directory.kept.find((each) => each.issuer.name === issuer.name);
  if (entry === undefined) return null;
  const { name } = issuer;
  const isAnswered = Date.now() - (directory.keysAnsweredAt.get(name) ?? 0) < UNKNOWN_KEY_GAP_MS;
  if (!isAnswered && (unknownKey || isStale(entry.keys, Date.now()))) {
    entry.keys = await askTeam(env, team, (stub) => stub.issuers.keysOf({ name, unknownKey }));
    directory.keysAnsweredAt.set(name, Date.now());
  }
  return isUsable(entry.keys, Date.now()) ? entry.keys : null;
}

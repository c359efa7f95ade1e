// The limits of a caller: its plan's, and for credentials that browsers hold those that Sluice adds, because whoever has the page has
// the credential. Names that Sluice gives contain a colon, which names in plans cannot. Pure.

import type { Identity } from "../../contracts/team-access.ts";
import { MONEY_MAX_MICRO, moneyText } from "../../platform/money.ts";
import { capLimits } from "./caps.ts";
import type { AppliedLimit, Subjects } from "./counters.ts";
import type { LimitState } from "./limits.ts";
import { countedFor, type LimitScope, limitSize, type PlanLimit } from "./plan-limits.ts";

/** Posts of one visitor or user within a minute, by a token, unless the plan has a limit of its own per minute for them. */
export const BROWSER_POSTS_PER_MINUTE = 30;
/** Files that one visitor or user may upload in a day, by a token, unless the plan has a limit of its own per day for them. */
export const BROWSER_UPLOADS_PER_DAY = 30;
/** Bytes that one visitor or user may upload in a day, by a token, unless the plan has a limit of its own per day for them. */
export const BROWSER_UPLOADED_MAX_BYTES = 100 * 1024 * 1024;
/** All visitors of an address have so many times a visitor's limit, unless the plan has a limit of its own for addresses. */
export const ADDRESS_LIMIT_FACTOR = 10;
/** An IPv6 /48 has so many times the limit of a /64, unless the plan has a limit of its own for networks. */
export const NETWORK_LIMIT_FACTOR = 10;

/** Whether a credential is one that browsers and phones hold: everything but a secret key. */
export function isBrowserCredential(kind: Identity["kind"]): boolean {
  switch (kind) {
    case "secret":
      return false;
    case "publishable":
    case "token":
    case "jwt":
      return true;
  }
}

/** Every limit of a caller: the operator's last. A secret key has its plan's and those alone. */
export function limitsOf(
  { plan: { limits }, caps, kind }: Pick<Identity, "caps" | "kind"> & { plan: Pick<Identity["plan"], "limits"> },
  subjects: Pick<Subjects, "visitor" | "network">,
): readonly AppliedLimit[] {
  if (!isBrowserCredential(kind)) return [...limits, ...capLimits(caps)];
  const own = [...limits, ...builtInLimits(limits, subjects.visitor === null ? "user" : "visitor")];
  // Anybody makes new visitors, so a limit of each bounds nothing without one of their address.
  const addresses = subjects.visitor === null ? [] : widened(own, PERSONS, "ip", ADDRESS_LIMIT_FACTOR);
  const all = [...own, ...addresses];
  const networks = subjects.network === null ? [] : widened(all, ["ip"], "network", NETWORK_LIMIT_FACTOR);
  return [...all, ...networks, ...capLimits(caps)].map((limit) => ({ ...limit, counts: "admitted" as const }));
}

/** Scopes that count one person: a visitor is a user as well. */
const PERSONS: readonly LimitScope[] = ["visitor", "user"];

/** Built-in limits of one person, each unless the plan has one that counts the same of a visitor or user within the same window. */
function builtInLimits(limits: readonly PlanLimit[], scope: "visitor" | "user"): PlanLimit[] {
  const builtIn: PlanLimit[] = [
    { name: "sluice:posts-minute", scope, per: "request", limit: BROWSER_POSTS_PER_MINUTE, window: "1m" },
    { name: "sluice:uploads-day", scope, per: "upload", limit: BROWSER_UPLOADS_PER_DAY, window: "1d" },
    { name: "sluice:upload-bytes-day", scope, per: "upload_byte", limit: BROWSER_UPLOADED_MAX_BYTES, window: "1d" },
  ];
  return builtIn.filter(({ per, window }) => {
    return !limits.some((limit) => limit.per === per && limit.window === window && PERSONS.includes(limit.scope));
  });
}

/** For each limit of `from` the one of `to`, `factor` times as large, unless there is one that counts the same within the same window. */
function widened(
  limits: readonly PlanLimit[],
  from: readonly LimitScope[],
  to: "ip" | "network",
  factor: number,
): PlanLimit[] {
  const known = limits.filter(({ scope }) => scope === to);
  return limits
    .filter(({ scope }) => from.includes(scope))
    .filter(({ per, window }) => !known.some((limit) => limit.per === per && limit.window === window))
    .map((limit) => ({ ...scaled(limit, factor), scope: to, name: `${limit.name}:${to}` }));
}

function scaled(limit: PlanLimit, factor: number): PlanLimit {
  if (limit.per === "usd") return { ...limit, limit: moneyText(Math.min(MONEY_MAX_MICRO, limitSize(limit) * factor)) };
  return { ...limit, limit: limit.limit * factor };
}

/** What a caller is told of limits: a visitor, who may be anybody, of its own and its address's alone. */
export function shownLimits<L extends Pick<LimitState, "scope">>(
  limits: readonly L[],
  { visitor }: Pick<Subjects, "visitor">,
): L[] {
  return limits.filter(({ scope }) => visitor === null || isOwnScope(scope));
}

/** Whether a limit is of one person or address, not of all who use a key. */
export function isOwnScope(scope: LimitScope): boolean {
  switch (countedFor(scope).kind) {
    case "user":
    case "visitor":
    case "ip":
    case "network":
      return true;
    case "team":
    case "key":
    case "tag":
      return false;
  }
}

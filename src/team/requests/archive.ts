// Moves requests that are older than the history into parts in R2, and removes users from these parts. The intent of a part is saved
// before its object is written, and its rows are deleted after: cut off anywhere, the same part is written again, so that no line is
// lost or there twice.

import { archiveKey } from "../../files/bucket-keys.ts";
import type { Env } from "../../platform/bindings.ts";
import { sha256Hex } from "../../platform/ids.ts";
import { faultName, logEvent } from "../../platform/log.ts";
import { DAY_MS, MINUTE_MS, monthOf } from "../../platform/time.ts";
import type { TeamStores } from "../stores.ts";
import type { TeamContext } from "../team-context.ts";
import { ARCHIVE_PART_MAX_LINES, archiveText, readLines, rowsOfPart, withoutUsers } from "./archive-lines.ts";
import type { ArchiveWalk, PlannedPart } from "./archive-store.ts";

/** After R2 was unavailable. */
export const ARCHIVE_RETRY_MS = 5 * MINUTE_MS;
/** The oldest request is not settled: it is looked at again after this. */
const ARCHIVE_BLOCKED_MS = DAY_MS;
/** Parts that one alarm reads for a deletion: each may be 8 MB. */
const WALK_PARTS_PER_TURN = 4;

type ArchiveStores = Pick<TeamStores, "archive" | "removals" | "team" | "usage">;

export interface Archiving {
  env: Pick<Env, "FILES">;
  context: Pick<TeamContext, "decide">;
  stores: ArchiveStores;
  /** Age at which a request goes into the archive. */
  historyMs: number;
}

/** Writes at most one part. Never throws: R2 is asked again later. */
export async function archiveRequests(archiving: Archiving, now: number): Promise<void> {
  const { context, historyMs } = archiving;
  const { archive } = archiving.stores;
  const dueAt = archive.nextPartAt(historyMs);
  // A team that is removed takes its archive with it.
  if (dueAt === null || dueAt > now || archiving.stores.removals.isTeamRemoval()) return;
  const part = context.decide<PlannedPart | null>(null, () => archive.intendedPart() ?? planPart(archiving, now));
  if (part === null) return;
  try {
    await storePart(archiving, part);
  } catch (fault) {
    logEvent("archive.failed", { error: faultName(fault) });
    context.decide(undefined, () => archive.postpone(now + ARCHIVE_RETRY_MS));
  }
}

/** The next part, its intent saved; null if nothing that is old enough is settled. */
function planPart({ stores: { archive }, historyMs }: Archiving, now: number): PlannedPart | null {
  const rows = rowsOfPart(archive.oldestSettled((now - historyMs) * 1_000, ARCHIVE_PART_MAX_LINES));
  const [first, last] = [rows[0], rows.at(-1)];
  if (first === undefined || last === undefined) {
    archive.postpone(now + ARCHIVE_BLOCKED_MS);
    return null;
  }
  return archive.intendPart(monthOf(first.created_at), first.place, last.place);
}

async function storePart({ env, context, stores }: Archiving, part: PlannedPart): Promise<void> {
  const { archive, team, usage } = stores;
  const key = archiveKey(team.team().id, part.month, part.n);
  const text = archiveText(archive.settledBetween(part));
  const bytes = new TextEncoder().encode(text);
  if (text === "") await env.FILES.delete(key);
  else await env.FILES.put(key, bytes, { httpMetadata: { contentType: "application/x-ndjson" } });
  const outcome = context.decide("gone", (now) => {
    if (text === "") {
      archive.dropPart(part.n);
      return "empty";
    }
    const rows = archive.settledBetween(part);
    // A user was removed or a request deleted meanwhile: what was written is out of date and is written again.
    if (archiveText(rows) !== text) return "changed";
    // Sums are made of the rows that go.
    usage.rollUp();
    archive.finishPart(part, rows.length, bytes.length, now);
    return "stored";
  });
  logEvent("archive.part", { team: team.team().id, outcome, bytes: bytes.length });
}

/** Takes users whose deletion is ordered out of some parts, and orders the deletion of what is left of their requests. Never throws. */
export async function walkArchive(archiving: Archiving, now: number): Promise<void> {
  const { context, stores } = archiving;
  for (let read = 0; read < WALK_PARTS_PER_TURN; read++) {
    const walk = stores.archive.dueWalk(now);
    if (walk === null) return;
    try {
      if ((await walkPart(archiving, walk)) === "waits") return;
    } catch (fault) {
      logEvent("archive.walk_failed", { error: faultName(fault) });
      context.decide(undefined, () => stores.archive.postponeWalk(walk.subject, now + ARCHIVE_RETRY_MS));
      return;
    }
  }
}

/** One part. What is left of the requests is ordered to be deleted before the lines lose the user: afterwards nothing tells whose they are. */
async function walkPart(archiving: Archiving, walk: ArchiveWalk): Promise<"walked" | "waits"> {
  const { env, context, stores } = archiving;
  const { archive, removals } = stores;
  const part = archive.findPart(walk.nextPart);
  if (part !== null && part.storedAt === null) {
    context.decide(undefined, (now) => archive.postponeWalk(walk.subject, now + ARCHIVE_RETRY_MS));
    return "waits";
  }
  const team = stores.team.team().id;
  const key = part === null ? null : archiveKey(team, part.month, part.n);
  const text = key === null ? "" : await (await env.FILES.get(key))?.text();
  const users = await usersWith(team, walk.subject, text ?? "");
  if (key !== null && text !== undefined && users.size > 0) {
    const rewritten = withoutUsers(text, users, walk.alias);
    context.decide(undefined, (now) => {
      const left = rewritten.requestIds.filter((id) => archive.partWith(id) !== null);
      removals.orderArchived(walk.subject, left, now);
    });
    const bytes = new TextEncoder().encode(rewritten.text);
    await env.FILES.put(key, bytes, { httpMetadata: { contentType: "application/x-ndjson" } });
    context.decide(undefined, () => archive.resizePart(walk.nextPart, bytes.length));
  }
  context.decide(undefined, (now) => {
    archive.advanceWalk(walk);
    removals.finishCompleted(now);
  });
  return "walked";
}

/** The users of these lines that a digest stands for: one, or none. */
async function usersWith(team: string, subject: string, text: string): Promise<Set<string>> {
  const found = new Set<string>();
  for (const user of new Set(readLines(text).map((line) => line.user))) {
    if (user !== null && (await userDigest(team, user)) === subject) found.add(user);
  }
  return found;
}

/** Digest that stands for a deleted user: found by the name, but not reversible. */
export function userDigest(team: string, user: string): Promise<string> {
  return sha256Hex(`${team}/${user}`);
}

/** Who made an archived request whose files are still there; null if the archive has none such. Rejects if R2 is unavailable. */
export async function archivedMaker(
  env: Pick<Env, "FILES">,
  { archive, team }: Pick<TeamStores, "archive" | "team">,
  requestId: string,
): Promise<{ user: string | null; keyId: string } | null> {
  const n = archive.partWith(requestId);
  const part = n === null ? null : archive.findPart(n);
  if (part === null) return null;
  const object = await env.FILES.get(archiveKey(team.team().id, part.month, part.n));
  const line = readLines((await object?.text()) ?? "").find(({ id }) => id === requestId);
  return line === undefined ? null : { user: line.user, keyId: line.key_id };
}

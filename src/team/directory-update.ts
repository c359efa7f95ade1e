// Keeps the team's entry of the deployment's directory up to date. Each change of what is shown owes a report in its own
// transaction; it is made at once, and by the alarm if that failed or was cut off.

import type { TeamEntry } from "../contracts/sweeper.ts";
import type { Env } from "../platform/bindings.ts";
import { faultName, logEvent } from "../platform/log.ts";
import { sweeperFor } from "../platform/stubs.ts";
import type { TeamStores } from "./stores.ts";
import type { TeamContext } from "./team-context.ts";
import { DIRECTORY_RETRY_MS } from "./team-store.ts";

/** Reports the team if that is owed. Never throws. */
export async function updateDirectory(
  env: Pick<Env, "SWEEPER">,
  { decide }: Pick<TeamContext, "decide">,
  { team }: Pick<TeamStores, "team">,
): Promise<void> {
  if (team.directoryDueAt() === null) return;
  const entry = entryOf(team);
  try {
    await sweeperFor(env).recordTeam(entry);
    decide(undefined, () => {
      // What has changed meanwhile is still owed.
      if (JSON.stringify(entryOf(team)) === JSON.stringify(entry)) team.setDirectoryDue(null);
    });
  } catch (fault) {
    decide(undefined, (now) => team.setDirectoryDue(now + DIRECTORY_RETRY_MS));
    logEvent("directory.failed", { team: entry.id, error: faultName(fault) });
  }
}

function entryOf(team: TeamStores["team"]): TeamEntry {
  const { id, name, createdAt, frozenAt } = team.team();
  return { id, name, createdAt, frozenAt };
}

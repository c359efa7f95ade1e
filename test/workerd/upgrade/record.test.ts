// Records the stored state of every object as today's code leaves it (`npm run freeze`). Ids and times differ from walk to walk, so a
// recorded state is never compared with a new one: states.test.ts opens it.

import { env } from "cloudflare:workers";
import { expect } from "vitest";
import { test } from "../../harness/fixtures.ts";
import { walkTheRelease } from "./walk.ts";

/** Ahead of every real clock, so that no alarm of a state rings by itself. */
const START = Date.UTC(2037, 2, 10, 9);
const { FREEZE } = env as unknown as { FREEZE?: string };

test.override({ startsAt: START });

test.runIf(FREEZE)("the stored state of every object is written to its file", async () => {
  const release = await walkTheRelease();
  await expect(`${JSON.stringify(release, null, 1)}\n`).toMatchFileSnapshot(`./states/${FREEZE}.json`);
});

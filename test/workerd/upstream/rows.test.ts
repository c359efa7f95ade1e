// Rows of the account's calls: none reads more while more calls wait for their turn.

import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { expect } from "vitest";
import type { WaitingCall } from "../../../src/contracts/account.ts";
import { HOUR_MS, MINUTE_MS } from "../../../src/platform/time.ts";
import type { UpstreamAccount } from "../../../src/upstream/account.ts";
import { AccountStore } from "../../../src/upstream/account-store.ts";
import { callName } from "../../../src/upstream/fair-queue.ts";
import { faultAccount, introduceAccount } from "../../harness/account.ts";
import { test } from "../../harness/fixtures.ts";
import { account } from "../../harness/objects.ts";
import { countRows, type Rows } from "../../harness/rows.ts";
import { Team } from "../../harness/team.ts";

const MODEL = "fal-ai/flux/schnell";
const CALLS = ["look in line", "new submit", "position", "overview", "webhook keys", "release", "alarm"] as const;

/** So many submits of requests that nobody made wait while the account is locked: nobody's turn comes. */
async function wait(count: number): Promise<void> {
  await runInDurableObject(account(), (_instance, { storage }) => {
    const store = new AccountStore(storage.kv);
    for (let n = 0; n < count; n++) {
      const call: WaitingCall = {
        ...{ requestId: `r${n}`, effect: "submit", kind: "submit", user: `team${n % 20}/u${n % 7}`, model: MODEL },
        ...{ connection: store.fact("connection") ?? "", since: Date.now(), expectedBy: Date.now() + HOUR_MS },
      };
      store.saveWaitingCall(callName(call), call);
    }
  });
  await evictDurableObject(account());
  await runInDurableObject(account(), () => undefined);
}

/** The rows that each call of the road reads while so many wait. */
async function readsWith(count: number): Promise<Record<(typeof CALLS)[number], Rows>> {
  await wait(count);
  const counted = (call: () => unknown) => countRows(account(), async () => call());
  const call = { kind: "submit" as const, effect: "submit", user: "team1/u1", model: MODEL, connection: null };
  const asked = (requestId: string) => account().requestGrant({ ...call, requestId, since: Date.now() });
  await asked("mine");
  return {
    "look in line": await counted(() => asked("mine")),
    "new submit": await counted(() => asked("another")),
    position: await counted(() => account().queuePositionOf("mine")),
    overview: await counted(() => account().accountOverview()),
    "webhook keys": await counted(() => account().webhookKeys({ force: false })),
    release: await counted(() =>
      account().releaseSlot({ requestId: "gone", model: MODEL, ms: null, webhookDelayMs: null }),
    ),
    alarm: await counted(() => runInDurableObject(account(), (instance) => (instance as UpstreamAccount).alarm())),
  };
}

test("no call reads more rows while 1,000 or 10,000 submits wait than while none does", async ({ task, clock }) => {
  await introduceAccount(await Team.create());
  await clock.pass(MINUTE_MS);
  await faultAccount("locked");
  await (await Team.create()).submit("finds it locked");
  const [none, some, many] = [await readsWith(0), await readsWith(1_000), await readsWith(10_000)];
  task.meta.growth = CALLS.map((call) => ({
    call: `account: ${call}`,
    reads: [none, some, many].map((each) => each[call].read),
  }));
  for (const call of CALLS) {
    const [first, ...grown] = [none[call].read, some[call].read, many[call].read];
    for (const read of grown) expect(read, `${call}: ${first}, ${grown.join(", ")}`).toBeLessThanOrEqual(first + 1);
  }
});

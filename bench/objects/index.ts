// Calls one object many times and reports the duration: GET /{object}?calls=N&waiting=N. Runs inside the runtime, without HTTP in
// between. The runtime's clock advances with each response, which is precise enough here.

import type { AccountContract, CallGrant, CallRequest } from "../../src/contracts/account.ts";
import type { Stub } from "../../src/contracts/rpc.ts";
import type { Env } from "../../src/platform/bindings.ts";
import { accountFor, trackerFor } from "../../src/platform/stubs.ts";
import type { StartInput } from "../../src/requests/machine/types.ts";
import { aStart } from "../../test/harness/requests.ts";
import { anEnd, TeamObject } from "../../test/harness/team-object.ts";

export { BucketSweeper, RequestTracker, Team, UpstreamAccount } from "../../src/index.ts";

/** Concurrent calls: the object always has a next one, and none waits long. */
const LANES = 20;
/** Slots of this account (wrangler.toml): as many as turns that one which just woke gives at once. */
const SLOTS = 5;
const MODEL = "fal-ai/flux/schnell";
/** What a team of some size has: money for all, requests and money for each of its users, some at a time. */
const PLAN = {
  limits: [
    { name: "team-money", scope: "team", per: "usd", limit: "100000", window: "1mo" },
    { name: "user-money", scope: "user", per: "usd", limit: "1000", window: "1d" },
    { name: "user-requests", scope: "user", per: "request", limit: 100_000, window: "1h" },
    { name: "user-at-a-time", scope: "user", per: "concurrent", limit: 100_000 },
  ],
} as const;
const USERS = 20;

/** The duration of a number of calls. */
export interface Measured {
  calls: number;
  ms: number;
}

type Load = { calls: number; waiting: number };

const measures: Record<string, (env: Env, load: Load) => Promise<Record<string, Measured>>> = {
  /** Every call that a request makes to its Team, in order. */
  async team(_env, { calls }) {
    const team = await TeamObject.create(PLAN);
    await team.stub.prices.put({ [MODEL]: { unit: "request", usd: "0.003" } }, { id: "key_bench", ip: null });
    const planHash = await team.planHash();
    const posts = await Promise.all(
      Array.from({ length: calls }, (_, n) => team.post({ planHash, user: `user-${n % USERS}` })),
    );
    return {
      "team.admit": await timed(posts, (post) => team.stub.admit(post)),
      "team.settle": await timed(posts, ({ requestId }) => team.stub.settle(anEnd(requestId, "charge"))),
    };
  },
  /**
   * What reaches an account whose slots are all taken, with `waiting` submits in line: one more of them, a reader's question for
   * a place, the words that an answer is here and that a request has left. Nobody's turn comes meanwhile.
   */
  async account(env, { calls, waiting }) {
    const account = env.UPSTREAM.getByName(`account:${crypto.randomUUID()}`) as Stub<AccountContract>;
    const callGrant = await fillSlots(env, account);
    const [last = callRequest(env, 0)] = await line(env, account, waiting);
    const others = callRequests(env, calls);
    const questions = Array<string>(calls).fill(last.requestId);
    // The work that the queue caused must finish first.
    await timed(questions, (id) => account.queuePositionOf(id));
    return {
      "account.queuePositionOf": await timed(questions, (id) => account.queuePositionOf(id)),
      "account.callFinished": await timed(questions, () => account.callFinished(callGrant, "ok")),
      // These requests hold no slot, so none is granted to another.
      "account.releaseSlot": await timed(others, ({ requestId }) =>
        account.releaseSlot({ requestId, model: MODEL, ms: null, webhookDelayMs: null }),
      ),
      "account.requestGrant": await timed(others, (request) => account.requestGrant(request)),
    };
  },
  /** A request's first step: its rows, the call to its Team, its place in the queue. */
  async tracker(env, { calls }) {
    const team = await TeamObject.create(PLAN);
    const starts: StartInput[] = Array.from({ length: calls }, () =>
      aStart({ id: env.TRACKER.newUniqueId().toString(), team: team.id, createdAt: Date.now() }),
    );
    await Promise.all(callRequests(env, SLOTS).map((request) => accountFor(env).requestGrant(request)));
    return { "tracker.start": await timed(starts, (start) => trackerFor(env, start.id).start(start)) };
  },
};

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    const measure = measures[pathname.slice(1)];
    if (measure === undefined) return new Response(null, { status: 404 });
    const load = { calls: Number(searchParams.get("calls")), waiting: Number(searchParams.get("waiting")) };
    return Response.json(await measure(env, load));
  },
};

/** Makes the calls, LANES at a time, and measures from the first call to the last response. */
async function timed<T>(inputs: readonly T[], call: (input: T) => Promise<unknown>): Promise<Measured> {
  const remaining = inputs.values();
  const lane = async () => {
    for (const input of remaining) await call(input);
  };
  const from = Date.now();
  await Promise.all(Array.from({ length: LANES }, lane));
  return { calls: inputs.length, ms: Date.now() - from };
}

function callRequest(env: Env, n: number): CallRequest {
  return {
    kind: "submit",
    requestId: env.TRACKER.newUniqueId().toString(),
    effect: "submit",
    user: `team/user-${n % USERS}`,
    model: MODEL,
    since: Date.now(),
    connection: null,
  };
}

function callRequests(env: Env, count: number): CallRequest[] {
  return Array.from({ length: count }, (_, n) => callRequest(env, n));
}

/** Takes every slot. Returns one of the grants. */
async function fillSlots(env: Env, account: Stub<AccountContract>): Promise<CallGrant> {
  let last: CallGrant | null = null;
  for (const request of callRequests(env, SLOTS)) {
    const grant = await account.requestGrant(request);
    if (grant.granted) last = grant.callGrant;
  }
  if (last === null) throw new Error("a new account grants calls at once");
  return last;
}

/** Queues submits, and returns them. */
async function line(env: Env, account: Stub<AccountContract>, waiting: number): Promise<CallRequest[]> {
  const all = callRequests(env, waiting);
  await timed(all, (request) => account.requestGrant(request));
  return all;
}

// One run of a crash under a limit: two teams with room for seven requests, many posts at once, the Worker's runtime killed
// once in the middle, every post repeated until it is answered. Says what was seen, judges nothing.

import { chanceOf } from "./chance.ts";
import { type CrashSite, LATENCY_MS, onCrashSite } from "./crash-site.ts";
import type { CrashTeam } from "./crash-team.ts";
import { pause } from "./eventually.ts";
import type { SeenTeam } from "./limit-verdict.ts";

export const PLACES = 7;
const MONEY_LIMIT = "0.021000";
/** So long for each post is the kill waited for at most: admits, paced submits, webhooks and settles are all under way then. */
const KILL_WITHIN_PER_POST_MS = 5;

/** What a run showed. */
export interface CrashRun {
  seed: number;
  /** From the first post, in ms; how many posts were answered by then, and how many of the accepted ones were let in. */
  killedAfterMs: number;
  answeredBefore: number;
  letInBefore: number;
  posts: number;
  teams: SeenTeam[];
  /** How often the sandbox took a submit of each request, by our id. */
  sent: Map<string, number>;
}

export function crashUnderLimits(seed: number, postsPerTeam: number): Promise<CrashRun> {
  return onCrashSite({}, (site) => crashOn(site, seed, postsPerTeam));
}

async function crashOn(site: CrashSite, seed: number, postsPerTeam: number): Promise<CrashRun> {
  // A test has no time for the long gaps between fal's tries at a webhook.
  const gaps = { webhook_gap_first_ms: 500, webhook_gap_max_ms: 2_000 };
  await site.sandbox("PATCH", "settings", { latency_ms: LATENCY_MS, jitter: 0.9, ...gaps });
  const teams = [
    await site.makeTeam("counted", { per: "request", limit: PLACES }),
    await site.makeTeam("paid", { per: "usd", limit: MONEY_LIMIT }),
  ];

  const firstAt = performance.now();
  const posting = new AbortController();
  const sampling = teams.map((team) => site.sample(team, posting.signal));
  const halfAnswered = Promise.withResolvers<void>();
  let answered = 0;
  const post = async (team: CrashTeam, n: number) => {
    await site.post(team, `crash-${seed}-${n}`);
    answered += 1;
    // There are two teams.
    if (answered >= postsPerTeam) halfAnswered.resolve();
  };
  const posts = Array.from({ length: postsPerTeam }, (_, n) => teams.map((team) => post(team, n))).flat();
  const done = Promise.all([Promise.all(posts).finally(() => posting.abort()), ...sampling]);
  const killAfterMs = Math.floor(chanceOf(seed)() * posts.length * KILL_WITHIN_PER_POST_MS);
  // A machine that answers faster than the kill comes would leave nothing to be killed.
  await Promise.race([pause(killAfterMs), halfAnswered.promise, done]);
  const killedAfterMs = Math.round(performance.now() - firstAt);
  const [killedAt, answeredBefore] = [Date.now(), answered];
  await site.kill();
  await done;

  const seen = await Promise.all(teams.map((team) => site.ended(team)));
  const sent = await site.sentUpstream();
  const letInBefore = seen.flatMap(({ requests }) => requests).filter(({ createdAt }) => createdAt < killedAt).length;
  return { seed, killedAfterMs, answeredBefore, letInBefore, posts: posts.length, teams: seen, sent };
}

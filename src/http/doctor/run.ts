// One self-test for the console and the command line: all looks begin at once, and their findings are told in one order, as they come.

import type { Env } from "../../platform/bindings.ts";
import type { Config } from "../../platform/config.ts";
import { faultName, logEvent } from "../../platform/log.ts";
import { versionNeeded } from "../../platform/stored-version.ts";
import {
  type CheckState,
  type Finding,
  fail,
  judgeArrivals,
  judgeConnections,
  judgeKey,
  judgeSecrets,
  judgeUpstream,
  ok,
} from "./findings.ts";
import {
  deleteProbes,
  LOOK_MAX_MS,
  lookAtBucket,
  lookAtFalKeys,
  lookAtFileUrl,
  lookAtOperatorWebhook,
  lookAtSweep,
  lookAtWebhookLoop,
  type Subject,
  subjectOf,
} from "./looks.ts";

/** `operator`: concerns the deployment alone, and is not shown to teams. */
interface Check {
  readonly for: "all" | "operator";
  look(subject: Subject): Promise<Finding>;
}

export const CHECKS = {
  config: { for: "all", look: async () => ok("The configuration is complete.") },
  example_values: { for: "operator", look: async ({ config }) => judgeSecrets(config) },
  maton_key: { for: "all", look: async ({ connections }) => judgeKey(await connections()) },
  connection: {
    for: "all",
    look: async ({ connections, account, config }) =>
      judgeConnections(await connections(), {
        configured: config.MATON_CONNECTION,
        inUse: (await account()).connection,
      }),
  },
  upstream: { for: "all", look: async ({ account }) => judgeUpstream(await account()) },
  jwks: { for: "all", look: lookAtFalKeys },
  r2: { for: "all", look: lookAtBucket },
  file_url: { for: "all", look: lookAtFileUrl },
  webhook_loop: { for: "all", look: lookAtWebhookLoop },
  webhooks_arrive: { for: "all", look: async ({ account }) => judgeArrivals(await account()) },
  sweep: { for: "operator", look: lookAtSweep },
  operator_webhook: { for: "operator", look: lookAtOperatorWebhook },
} as const satisfies Record<string, Check>;

export type CheckId = keyof typeof CHECKS;
export const CHECK_IDS = Object.keys(CHECKS) as CheckId[];

/** A finding with the check's id and how long it took, ms. */
export interface CheckReport extends Finding {
  id: CheckId;
  ms: number;
}

/** The checks for this reader in their order, each told as soon as it and those before it are known. */
export async function* runDoctor(
  env: Env,
  config: Config,
  { origin, reader }: { origin: string; reader: "team" | "operator" },
): AsyncGenerator<CheckReport> {
  const subject = subjectOf(env, config, origin);
  const ids = CHECK_IDS.filter((id) => reader === "operator" || CHECKS[id].for === "all");
  const reports = ids.map((id) => report(id, subject));
  let worst: CheckState = "ok";
  try {
    for (const each of reports) {
      const told = await each;
      worst = worse(worst, told.state);
      yield told;
    }
  } finally {
    await Promise.all(reports);
    await deleteProbes(subject, Date.now());
    logEvent("doctor.ran", { outcome: worst });
  }
}

/** The state of a run: that of its worst check. */
export function worse(one: CheckState, other: CheckState): CheckState {
  const rank: Record<CheckState, number> = { skipped: 0, ok: 0, warn: 1, fail: 2 };
  return rank[other] > rank[one] ? other : one;
}

/** Never rejects: a look that breaks is a finding. */
async function report(id: CheckId, subject: Subject): Promise<CheckReport> {
  const startedAt = Date.now();
  const finding = await inTime(CHECKS[id].look(subject)).catch(brokenLook);
  return { id, ...finding, ms: Date.now() - startedAt };
}

function brokenLook(fault: unknown): Finding {
  const needed = versionNeeded(fault);
  if (needed !== null) {
    return fail(
      `Stored data is newer than this code (format ${needed}).`,
      "You rolled back past a migration: deploy the newer version again.",
    );
  }
  return fail(`The check could not look (${faultName(fault)}).`, "Run the checks again; the Worker's log has more.");
}

async function inTime(looking: Promise<Finding>): Promise<Finding> {
  let timer: ReturnType<typeof setTimeout> | null = null;
  const timeUp = new Promise<Finding>((resolve) => {
    const late = fail(`No answer within ${LOOK_MAX_MS / 1_000} s.`, "Run the checks again.");
    timer = setTimeout(resolve, LOOK_MAX_MS, late);
  });
  try {
    return await Promise.race([looking, timeUp]);
  } finally {
    clearTimeout(timer);
  }
}

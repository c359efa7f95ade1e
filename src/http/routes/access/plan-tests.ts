// POST /v1/plans/test and /v1/plans/replay: what a plan would say of a request, and what it would have refused of past ones. Both
// read only; the plan may be one that is not saved yet.

import type * as z from "zod";
import type { PastPage, PastQuery, PastRequest, PlanTestAnswer } from "../../../contracts/team-plans.ts";
import type { Env } from "../../../platform/bindings.ts";
import { ERRORS, type Refusal, type Refused, refusal } from "../../../platform/errors.ts";
import { type JsonTree, printTree, RawText, valueAt } from "../../../platform/json.ts";
import { lazy } from "../../../platform/schema.ts";
import { askTeam, newRequestId } from "../../../platform/stubs.ts";
import { isoTime } from "../../../platform/time.ts";
import { filesOf } from "../../../requests/service/input-files.ts";
import { applyPlanRules } from "../../../requests/service/plan-rules.ts";
import { type Plan, planNameSchema, planSchema } from "../../../team/quota/plan.ts";
import { measuresUsed, priceSchema } from "../../../team/quota/prices.ts";
import { isReplayable, replay } from "../../../team/quota/replay.ts";
import type { Caller } from "../../auth.ts";
import { readSubmit, submitBody } from "../../read-submit.ts";
import { defineRoute, type Route } from "../../route.ts";
import { limitBody, limitWire, momentSchema, moneyWire, userSchema } from "../../schemas.ts";
import { measuresBody } from "../requests/estimate.ts";

/** Past requests that a replay looks at. */
const REPLAY_MAX_REQUESTS = 10_000;
/** What terms that have no name yet are called in refusals. */
const UNNAMED = "tested";

const triedPlan = lazy((z) =>
  z
    .union([planNameSchema(), planSchema().extend({ name: planNameSchema().optional() })], {
      error: ({ input }) => (typeof input === "object" ? undefined : "must be the name of a plan, or its terms"),
    })
    .describe("Name of a plan, or terms that need not be saved."),
);

export const testAnswer = lazy((z) =>
  z.object({
    passes: z.boolean(),
    refusal: z
      .object({
        status: z.int(),
        code: z.string(),
        detail: z.string(),
        hint: z.string().nullable(),
      })
      .nullable()
      .describe("What a submit would be refused with."),
    input: z
      .unknown()
      .describe("The input as the model would get it. Null if it is refused. Data URIs stand as they were sent."),
    forced: z.array(z.string()).describe("Paths whose value the plan sets."),
    estimated: z
      .string()
      .nullable()
      .describe("Maximum cost in USD. Null if it is unknown, or the request is refused before."),
    price: priceSchema().nullable(),
    measures: measuresBody().nullable(),
    limits: z
      .array(limitBody().extend({ exceeded: z.boolean().describe("Whether it would refuse the request.") }))
      .describe("Limits that apply to the request, as they are now, before it."),
  }),
);

const test = defineRoute({
  method: "POST",
  path: "/v1/plans/test",
  summary: "Test a plan with a request",
  access: "admin",
  body: (z) =>
    z.strictObject({
      plan: triedPlan(),
      request: submitBody().describe("A submit, as POST /v1/requests takes it. Nothing of it is sent or reserved."),
      key: z.string().optional().describe("Id of the key that would submit it; this key by default."),
      visitor: userSchema()
        .optional()
        .describe("Visitor of a page. With a publishable key a new one by default, else none."),
      ip: userSchema().optional().describe("Address of the visitor; a new one by default."),
    }),
  answers: { 200: { description: "What the plan says of the request.", schema: testAnswer } },
  errors: ["invalid_request", "not_found"],
  async handle(call) {
    const { env, caller, body } = call;
    const rules = await planUnder(env, caller, body.plan);
    if (rules.kind === "refused") return { refusal: rules.refusal };
    const { name, plan } = rules;
    const sent = valueAt(call.bodyTree, ["request", "input"]) ?? {};
    const read = await readSubmit(
      { ...call, headers: {} },
      { ...body.request, metadata: null },
      {
        ...{ input: sent, plainInput: body.request.input, sentText: "" },
      },
    );
    if (read.kind === "refused") return tested({ refusal: read.refusal });
    const { spec, input } = read.submit;
    const judged = applyPlanRules({ name, plan, hash: "" }, { spec, input });
    const found =
      judged.kind === "ok" ? await filesOf(call.config(), caller.team, newRequestId(env), judged.tree) : judged;
    const isOk = judged.kind === "ok" && found.kind === "found";
    const answer = await askTeam(env, caller.team, (team) =>
      team.plans.test({
        ...{ name, plan, model: spec.model, user: spec.user, tags: spec.tags },
        ...{ keyId: body.key ?? caller.keyId, visitor: body.visitor ?? null, ip: body.ip ?? null },
        measures: isOk ? judged.measures : null,
        files: isOk ? found.files : { used: [], inline: [] },
      }),
    );
    if (answer.kind === "refused") return { refusal: answer.refusal };
    if (!isOk) return tested({ refusal: found.kind === "refused" ? found.refusal : null, limits: limitsOf(answer) });
    const passes = answer.refusal === null;
    return tested({
      refusal: answer.refusal,
      tree: passes ? judged.tree : null,
      forced: judged.forced,
      estimated: moneyWire(answer.estimatedMicro),
      price: answer.price,
      measures: measuresUsed(answer.price, judged.measures),
      limits: limitsOf(answer),
    });
  },
});

export const replayAnswer = lazy((z) =>
  z.object({
    requests: z.int().describe("Requests that were looked at, in the order of their admission."),
    refused: z.int().describe("How many of them the plan would have refused."),
    refused_usd: z.string().describe("What the refused ones were charged, as far as it is known."),
    by_limit: z
      .array(z.object({ limit: z.string(), requests: z.int() }))
      .describe("Refusals by limit. A request that exceeds several counts for each."),
    by_rule: z
      .array(z.object({ rule: z.string(), requests: z.int() }))
      .describe(
        "Refusals by the field of the plan that is no limit: `models`, `require_tags`, `unknown_price`, `max_cost_per_request`, `tag_values`.",
      ),
    first_refused: z
      .array(z.object({ id: z.string(), created_at: z.iso.datetime(), by: z.array(z.string()) }))
      .describe("The first refused requests, with the limits or the rule."),
    is_cut: z
      .boolean()
      .describe(`Whether there are more requests than the ${REPLAY_MAX_REQUESTS} that were looked at.`),
    looked_to: z.iso
      .datetime()
      .nullable()
      .describe("Creation of the last request that was looked at, if there are more."),
    not_replayed: z
      .array(z.string())
      .describe(
        "Limits that were left out, because the index does not keep what they count: visitors, addresses, uploads and bytes.",
      ),
  }),
);

const replayRoute = defineRoute({
  method: "POST",
  path: "/v1/plans/replay",
  summary: "Replay past requests under a plan",
  description:
    "Decides past requests again, with counters that begin empty at `from`, at the price and estimate that each was admitted with, and with the end that it had. Rules for inputs are not asked: inputs are not in the index.",
  access: "admin",
  body: (z) =>
    z.strictObject({
      plan: triedPlan(),
      from: momentSchema("first").describe("Requests created at or after this time."),
      to: momentSchema("last").optional().describe("Requests created before this time; now by default."),
    }),
  answers: { 200: { description: "What the plan would have refused.", schema: replayAnswer } },
  errors: ["invalid_request", "not_found"],
  async handle({ env, caller, body }) {
    const rules = await planUnder(env, caller, body.plan);
    if (rules.kind === "refused") return { refusal: rules.refusal };
    const { from, to = Date.now() } = body;
    if (from >= to) return { refusal: refusal("invalid_request", "`from` must be before `to`.") };
    const { past, isCut } = await pastOf(env, caller.team, { from, to });
    const sums = replay({ planName: rules.name, plan: rules.plan, caps: null }, past);
    return {
      status: 200,
      body: {
        requests: sums.requests,
        refused: sums.refused,
        refused_usd: moneyWire(sums.refusedMicro) ?? "0",
        by_limit: [...sums.byLimit].map(([limit, requests]) => ({ limit, requests })),
        by_rule: [...sums.byRule].map(([rule, requests]) => ({ rule, requests })),
        first_refused: sums.firstRefused.map(({ id, createdAt, by }) => ({ id, created_at: isoTime(createdAt), by })),
        is_cut: isCut,
        looked_to: isCut ? isoTime(past.at(-1)?.createdAt ?? from) : null,
        not_replayed: rules.plan.limits.filter((limit) => !isReplayable(limit)).map(({ name }) => name),
      },
    };
  },
});

export const planTestRoutes: readonly Route[] = [test, replayRoute];

type TriedPlan = z.output<ReturnType<typeof triedPlan>>;

async function planUnder(
  env: Env,
  { team }: Caller,
  tried: TriedPlan,
): Promise<{ kind: "rules"; name: string; plan: Plan } | Refused> {
  if (typeof tried !== "string") {
    const { name = UNNAMED, ...plan } = tried;
    return { kind: "rules", name, plan };
  }
  const known = await askTeam(env, team, (stub) => stub.plans.read(tried));
  return known.kind === "refused" ? known : { kind: "rules", name: tried, plan: known.plan };
}

/** Page by page: Team reads each in one turn, and others have theirs in between. */
async function pastOf(
  env: Env,
  team: string,
  range: { from: number; to: number },
): Promise<{ past: PastRequest[]; isCut: boolean }> {
  const past: PastRequest[] = [];
  for (let after: number | null = null; ; ) {
    const query: PastQuery = { ...range, after };
    const page: PastPage = await askTeam(env, team, (stub) => stub.plans.past(query));
    past.push(...page.data);
    after = page.next;
    if (past.length > REPLAY_MAX_REQUESTS) return { past: past.slice(0, REPLAY_MAX_REQUESTS), isCut: true };
    if (after === null) return { past, isCut: false };
  }
}

type TestBody = z.input<ReturnType<typeof testAnswer>>;

function limitsOf({ limits, exceeded }: PlanTestAnswer): TestBody["limits"] {
  return limits.map((limit) => ({ ...limitWire(limit), exceeded: exceeded.includes(limit.name) }));
}

/** The input goes out as text: its numbers may exceed what JavaScript keeps. */
function tested({
  refusal: why,
  tree = null,
  ...found
}: { refusal: Refusal | null; tree?: JsonTree } & Partial<Omit<TestBody, "refusal" | "input">>): {
  status: 200;
  body: RawText;
} {
  const body: Omit<TestBody, "input"> = {
    passes: why === null,
    refusal: why === null ? null : refusalWire(why),
    ...{ forced: [], estimated: null, price: null, measures: null, limits: [] },
    ...found,
  };
  return { status: 200, body: new RawText(`${JSON.stringify(body).slice(0, -1)},"input":${printTree(tree)}}`) };
}

function refusalWire({ code, status = ERRORS[code].status, detail, hint }: Refusal): TestBody["refusal"] {
  return { status, code, detail, hint: hint ?? null };
}

// The self-test of the deployment as a stream of findings: for the operator, and for a team's admins without what is the operator's.

import { lazy } from "../../../platform/schema.ts";
import { askTeam } from "../../../platform/stubs.ts";
import { CHECK_STATES, type CheckState } from "../../doctor/findings.ts";
import { CHECK_IDS, type CheckReport, runDoctor, worse } from "../../doctor/run.ts";
import { byteStream, EVENT_STREAM, EVENT_STREAM_HEADERS, SSE_COMMENT_MS, withComments } from "../../event-stream.ts";
import { defineRoute, type Route } from "../../route.ts";

/** The data of a `check` event. */
export const checkBody = lazy((z) =>
  z.object({
    id: z.enum(CHECK_IDS),
    state: z
      .enum(CHECK_STATES)
      .describe("`skipped`: there was nothing to look at, or what the check needs has failed."),
    message: z.string(),
    fix: z.string().nullable().describe("What to do; null where there is nothing to do."),
    ms: z.int().min(0),
  }),
);

const STREAM = {
  200: {
    description:
      "One `check` event for each check, in a fixed order, with `id`, `state`, `message`, `fix` and `ms`; then `end` with the worst `state`.",
    contentType: EVENT_STREAM,
  },
} as const;
const DESCRIPTION =
  "Calls Maton once, writes, reads and deletes one small object of the bucket, and calls the deployment at its own addresses. Ends within 20 seconds.";

export const doctorRoutes: readonly Route[] = [
  defineRoute({
    method: "POST",
    path: "/v1/admin/doctor",
    summary: "Run the self-test of the deployment",
    description: `${DESCRIPTION} Sends a test event to the operator webhook.`,
    access: "operator",
    answers: STREAM,
    errors: [],
    async handle({ env, config, url }) {
      return { response: streamed(runDoctor(env, config(), { origin: url.origin, reader: "operator" })) };
    },
  }),
  defineRoute({
    method: "POST",
    path: "/v1/team/doctor",
    summary: "Run the self-test as a team's admin",
    description: `${DESCRIPTION} Once a minute per team.`,
    access: "admin",
    answers: STREAM,
    errors: ["rate_limited"],
    async handle({ env, config, url, caller }) {
      const begun = await askTeam(env, caller.team, (team) => team.settings.beginDoctor());
      if (begun.kind === "refused") return { refusal: begun.refusal };
      return { response: streamed(runDoctor(env, config(), { origin: url.origin, reader: "team" })) };
    },
  }),
];

function streamed(reports: AsyncGenerator<CheckReport>): Response {
  return new Response(byteStream(withComments(texts(reports), SSE_COMMENT_MS)), { headers: EVENT_STREAM_HEADERS });
}

async function* texts(reports: AsyncGenerator<CheckReport>): AsyncGenerator<string> {
  let state: CheckState = "ok";
  for await (const report of reports) {
    state = worse(state, report.state);
    yield event("check", { ...report } satisfies ReturnType<ReturnType<typeof checkBody>["parse"]>);
  }
  yield event("end", { state });
}

function event(name: string, data: object): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}

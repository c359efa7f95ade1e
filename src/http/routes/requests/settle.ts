// POST /v1/requests/{id}/settle: a person's word on a charge that nobody could judge. The ledger is told first, because it
// decides; the request's own record follows, and a repeat of the call mends it should that have been lost.

import * as z from "zod";
import { refusal } from "../../../platform/errors.ts";
import { RawText } from "../../../platform/json.ts";
import { microOf } from "../../../platform/money.ts";
import { askTeam, trackerOf } from "../../../platform/stubs.ts";
import { requestBody } from "../../../requests/view/request-body.ts";
import { requestText } from "../../../requests/view/serialize.ts";
import { usdSchema } from "../../../team/quota/plan.ts";
import { actorOf } from "../../actor.ts";
import { viewerOf } from "../../auth.ts";
import { noSuchRequest } from "../../no-such-request.ts";
import { defineRoute } from "../../route.ts";
import { requestId } from "./schemas.ts";

export const settle = defineRoute({
  method: "POST",
  path: "/v1/requests/:id/settle",
  summary: "Say whether an uncertain request was charged",
  access: "admin",
  params: requestId,
  body: z.strictObject({
    charged: z.boolean(),
    usd: usdSchema.optional().describe("What upstream billed; what was reserved by default."),
  }),
  answers: { 200: { description: "The request, its charge settled.", schema: requestBody } },
  errors: ["invalid_request", "not_found", "gone", "conflict"],
  async handle(call) {
    const { params, body, caller, env, config } = call;
    if (body.usd !== undefined && !body.charged) {
      return { refusal: refusal("invalid_request", "`usd` is for requests that were charged.") };
    }
    const word = { requestId: params.id, charged: body.charged, usdMicro: microOf(body.usd ?? "") };
    const settled = await askTeam(env, caller.team, (team) => team.requests.settleManually(word, actorOf(call)));
    if (settled.kind === "refused") return { refusal: settled.refusal };
    const bill = { chargedMicro: settled.chargedMicro, source: settled.source, charged: body.charged };
    const view = await trackerOf(env, params.id)?.resolveCharge(caller.team, bill);
    if (!view) {
      const why = await noSuchRequest(env, params.id, viewerOf(caller));
      const hint = "What you said about its charge is booked.";
      return { refusal: why.code === "gone" ? { ...why, hint } : why };
    }
    return { status: 200, body: new RawText(await requestText(env.FILES, config(), view, { logs: false })) };
  },
});

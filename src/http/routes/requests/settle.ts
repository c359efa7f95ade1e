// POST /v1/requests/{id}/settle: manual settlement of an uncertain charge. Team's ledger decides and is updated first; the tracker's
// record follows. If that update is lost, repeating the call completes it.

import { refusal } from "../../../platform/errors.ts";
import { RawText } from "../../../platform/json.ts";
import { microOf } from "../../../platform/money.ts";
import { askTeam, trackerOf } from "../../../platform/stubs.ts";
import { requestBody } from "../../../requests/view/request-object.ts";
import { requestText } from "../../../requests/view/serialize.ts";
import { usdSchema } from "../../../team/quota/plan-limits.ts";
import { actorOf } from "../../audit-actor.ts";
import { viewerOf } from "../../auth.ts";
import { noSuchRequest } from "../../no-such-request.ts";
import { defineRoute } from "../../route.ts";
import { requestId } from "./schemas.ts";

export const settle = defineRoute({
  method: "POST",
  path: "/v1/requests/:id/settle",
  summary: "Settle an uncertain charge",
  access: "admin",
  params: requestId,
  body: (z) =>
    z.strictObject({
      charged: z.boolean(),
      usd: usdSchema().optional().describe("Amount that upstream billed; the reserved amount by default."),
    }),
  answers: { 200: { description: "The request, with its charge settled.", schema: requestBody } },
  errors: ["invalid_request", "not_found", "gone", "conflict"],
  async handle(call) {
    const { params, body, caller, env, config } = call;
    if (body.usd !== undefined && !body.charged) {
      return { refusal: refusal("invalid_request", "`usd` is only allowed with `charged: true`.") };
    }
    const settlement = { requestId: params.id, charged: body.charged, usdMicro: microOf(body.usd ?? "") };
    const settled = await askTeam(env, caller.team, (team) => team.requests.settleManually(settlement, actorOf(call)));
    if (settled.kind === "refused") return { refusal: settled.refusal };
    const bill = { chargedMicro: settled.chargedMicro, source: settled.source, charged: body.charged };
    const view = await trackerOf(env, params.id)?.resolveCharge(caller.team, bill);
    if (!view) {
      const why = await noSuchRequest(env, params.id, viewerOf(caller));
      const hint = "The charge was settled.";
      return { refusal: why.code === "gone" ? { ...why, hint } : why };
    }
    return { status: 200, body: new RawText(await requestText(env.FILES, config(), view, { logs: false })) };
  },
});

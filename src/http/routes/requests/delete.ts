// DELETE /v1/requests/{id}: record, files and kept texts go, the line in the books stays without content. Parses and answers.
// what happens is decided in the tracker.

import * as z from "zod";
import { refusal } from "../../../platform/errors.ts";
import { RawText } from "../../../platform/json.ts";
import { askTracker } from "../../../platform/stubs.ts";
import { requestBody } from "../../../requests/view/request-body.ts";
import { requestText } from "../../../requests/view/serialize.ts";
import { viewerOf } from "../../auth.ts";
import { noSuchRequest } from "../../no-such-request.ts";
import { defineRoute } from "../../route.ts";
import { requestId } from "./schemas.ts";

export const deleteRequest = defineRoute({
  method: "DELETE",
  path: "/v1/requests/:id",
  summary: "Delete a request with its files",
  access: "run",
  params: requestId,
  query: z.looseObject({
    cancel: z
      .enum(["true", "false"])
      .optional()
      .describe("`true`: an open one is canceled, and deleted after its end."),
  }),
  answers: {
    202: { description: "It was asked to stop and is deleted after its end.", schema: requestBody },
    204: { description: "It is deleted. So is one that was deleted before." },
  },
  errors: ["not_found", "conflict"],
  async handle({ params, query, caller, env, config }) {
    const viewer = viewerOf(caller);
    const answer = await askTracker(env, params.id, (tracker) => tracker.delete(viewer, query.cancel === "true"));
    if (answer === null || answer.kind === "not_found") {
      return { refusal: await noSuchRequest(env, params.id, viewer) };
    }
    if (answer.kind === "deleted") return { status: 204 };
    const { view } = answer;
    if (answer.kind === "open") {
      const detail = `The request is ${view.state.stage}: it can be deleted once it has ended.`;
      const hint = "Send `?cancel=true` to have it canceled, and deleted after its end.";
      return { refusal: refusal("conflict", detail, { hint, requestId: params.id }) };
    }
    return { status: 202, body: new RawText(await requestText(env.FILES, config(), view, { logs: false })) };
  },
});

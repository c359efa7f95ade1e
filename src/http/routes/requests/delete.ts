// DELETE /v1/requests/{id}: deletes record, files and stored texts; the team's usage row stays, without content. The tracker decides.

import { refusal } from "../../../platform/errors.ts";
import { RawText } from "../../../platform/json.ts";
import { askTracker } from "../../../platform/stubs.ts";
import { requestBody } from "../../../requests/view/request-object.ts";
import { requestText } from "../../../requests/view/serialize.ts";
import { viewerOf } from "../../auth.ts";
import { noSuchRequest } from "../../no-such-request.ts";
import { defineRoute } from "../../route.ts";
import { requestId } from "./schemas.ts";

export const deleteRequest = defineRoute({
  method: "DELETE",
  path: "/v1/requests/:id",
  summary: "Delete a request and its files",
  access: "run",
  params: requestId,
  query: (z) =>
    z.looseObject({
      cancel: z
        .enum(["true", "false"])
        .optional()
        .describe("`true`: cancel an open request, and delete it after it ends."),
    }),
  answers: {
    202: { description: "Cancellation was requested. The request is deleted after it ends.", schema: requestBody },
    204: { description: "Deleted, now or earlier." },
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
      const detail = `The request is ${view.state.stage}. Only ended requests can be deleted.`;
      const hint = "Send `?cancel=true` to cancel it and delete it after it ends.";
      return { refusal: refusal("conflict", detail, { hint, requestId: params.id }) };
    }
    return { status: 202, body: new RawText(await requestText(env.FILES, config(), view, { logs: false })) };
  },
});

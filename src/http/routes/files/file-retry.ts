// Retries the copy of files that could not be stored, while their source may still have them. The tracker decides.

import { FILES_PER_REQUEST_MAX, type RequestFile } from "../../../files/request-file.ts";
import { refusal } from "../../../platform/errors.ts";
import { RawText } from "../../../platform/json.ts";
import { askTracker } from "../../../platform/stubs.ts";
import type { RequestView } from "../../../requests/machine/types.ts";
import { requestBody } from "../../../requests/view/request-object.ts";
import { requestText } from "../../../requests/view/serialize.ts";
import { viewerOf } from "../../auth.ts";
import { noSuchRequest } from "../../no-such-request.ts";
import { defineRoute, type Route } from "../../route.ts";
import { requestId } from "../requests/schemas.ts";

const answers = {
  202: { description: "The copy was started: files are `pending`, then `stored` or `failed`.", schema: requestBody },
} as const;

const retryFile = defineRoute({
  method: "POST",
  path: "/v1/requests/:id/files/:n/retry",
  summary: "Retry storing a file",
  access: "run",
  params: (z) =>
    requestId().extend({
      n: z.coerce
        .number()
        .int()
        .min(0)
        .max(FILES_PER_REQUEST_MAX - 1),
    }),
  answers,
  errors: ["not_found", "conflict", "gone"],
  async handle({ params, caller, env, config }) {
    const viewer = viewerOf(caller);
    const answer = await askTracker(env, params.id, (tracker) => tracker.copyAgain(viewer, params.n));
    if (answer === null) return { refusal: await noSuchRequest(env, params.id, viewer) };
    const { view } = answer;
    const file = view.files[params.n];
    if (file === undefined && view.state.stage === "completed") {
      return { refusal: refusal("not_found", `The request has no file ${params.n}.`, { requestId: params.id }) };
    }
    if (file?.status === "deleted") {
      return { refusal: refusal("gone", `File ${params.n} was deleted.`, { requestId: params.id }) };
    }
    if (answer.asked || file?.status === "pending") return accepted(env.FILES, config(), view);
    return { refusal: nothingToCopy(view, whyNotAgain(params.n, file)) };
  },
});

const retryFiles = defineRoute({
  method: "POST",
  path: "/v1/requests/:id/files/retry",
  summary: "Retry storing all failed files of a request",
  access: "run",
  params: requestId,
  answers,
  errors: ["not_found", "conflict", "gone"],
  async handle({ params, caller, env, config }) {
    const viewer = viewerOf(caller);
    const answer = await askTracker(env, params.id, (tracker) => tracker.copyAgain(viewer, null));
    if (answer === null) return { refusal: await noSuchRequest(env, params.id, viewer) };
    const { view } = answer;
    const isPending = view.files.some(({ status }) => status === "pending");
    if (answer.asked || isPending) return accepted(env.FILES, config(), view);
    const hasFailed = view.files.some(({ status }) => status === "failed");
    return { refusal: nothingToCopy(view, hasFailed ? RETENTION_ENDED : "The request has no failed files.") };
  },
});

export const fileRetryRoutes: readonly Route[] = [retryFile, retryFiles];

async function accepted(bucket: R2Bucket, config: Parameters<typeof requestText>[1], view: RequestView) {
  return { status: 202 as const, body: new RawText(await requestText(bucket, config, view, { logs: false })) };
}

function whyNotAgain(n: number, file: RequestFile | undefined): string {
  if (file?.status === "not_copied") return `File ${n} is not copied. ${file.error?.message ?? ""}`.trim();
  return file?.status === "failed" ? RETENTION_ENDED : `File ${n} is already stored.`;
}

const RETENTION_ENDED = "The plan's retention period for files has ended.";

function nothingToCopy({ state }: RequestView, why: string) {
  const notYet = `The request is ${state.stage}. Files can be retried once it is completed.`;
  return refusal("conflict", state.stage === "completed" ? why : notYet, { requestId: state.id });
}

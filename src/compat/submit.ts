// Submits on the compatible surfaces: admitted and started as in v1; the body is the model's input. What fal refuses at once is
// refused in fal's format.

import type * as z from "zod";
import { limitHeaders } from "../http/limit-headers.ts";
import { readSubmit, type submitHeaders } from "../http/read-submit.ts";
import type { Call } from "../http/route.ts";
import { managesConnections } from "../http/routes/access/connection-access.ts";
import { type Refusal, refusal } from "../platform/errors.ts";
import { printTree } from "../platform/json.ts";
import type { RequestView } from "../requests/machine/types.ts";
import { submitRequest } from "../requests/service/submit.ts";
import { failureOf } from "../requests/view/replayed-failure.ts";
import { CONNECTION_ID } from "../upstream/client/connections.ts";
import { falJson } from "./fal-errors.ts";
import { finalFailure, submittedText } from "./fal-format.ts";
import { failureResponse } from "./result.ts";

/** The parts of a route's call that these surfaces use. */
export type CompatCall = Pick<
  Call<"run", unknown, unknown, unknown, unknown>,
  "request" | "url" | "env" | "execution" | "config" | "callId" | "caller"
>;
export type CompatSubmit = CompatCall &
  Pick<
    Call<"run", unknown, unknown, z.output<ReturnType<typeof submitHeaders>>, unknown>,
    "headers" | "body" | "bodyTree" | "releaseBody"
  >;

/** The base (origin and prefix) of URLs in responses, and the query of the call. */
export interface SurfaceUrl {
  base: string;
  query: URLSearchParams;
}

export type CompatOutcome = { response: Response } | { refusal: Refusal; headers?: Record<string, string> };

/** Admits and starts a run of `model` with the body as input, and returns its current view. */
export async function startRun(
  call: CompatSubmit,
  model: string,
  query: URLSearchParams,
): Promise<
  { kind: "started"; view: RequestView; headers: Record<string, string> } | Extract<CompatOutcome, { refusal: Refusal }>
> {
  const { bodyTree } = call;
  const connection = connectionOf(call);
  if (connection !== null && !CONNECTION_ID.test(connection)) {
    return { refusal: refusal("invalid_request", "`Maton-Connection` must be a connection id.") };
  }
  const webhookUrl = query.get("fal_webhook") ?? undefined;
  const read = await readSubmit(
    call,
    { model, webhook_url: webhookUrl, webhookFormat: "fal", connection },
    {
      input: bodyTree,
      plainInput: call.body,
      sentText: JSON.stringify([model, printTree(bodyTree), webhookUrl, connection]),
    },
  );
  if (read.kind === "refused") return { refusal: read.refusal };
  call.releaseBody();
  const submitted = await submitRequest(call.env, call.execution, read.submit);
  const limits = limitHeaders(submitted.limits, Date.now());
  if (submitted.kind === "refused") return { refusal: submitted.refusal, headers: limits };
  const replayed = submitted.replayed ? { "Idempotent-Replayed": "true" } : {};
  return { kind: "started", view: submitted.view, headers: { ...limits, ...replayed } };
}

/** `POST {base}/{model}`. What fal refuses at once without a charge is refused; everything else is queued. */
export async function submitToQueue(
  call: CompatSubmit,
  model: string,
  { base, query }: SurfaceUrl,
): Promise<CompatOutcome> {
  const started = await startRun(call, model, query);
  if ("refusal" in started) return started;
  const { view, headers } = started;
  const failure = failureOf(view.state);
  if (failure !== null && view.state.endedBy === "submit" && view.state.error?.charged === false) {
    return { response: failureResponse(finalFailure(failure), view.state, headers) };
  }
  return { response: falJson(200, submittedText(view, base), { "x-fal-request-id": view.state.id, ...headers }) };
}

/** The Maton connection that the caller named; ignored unless the caller may manage connections. */
function connectionOf({ request, caller }: CompatCall): string | null {
  return managesConnections(caller) ? request.headers.get("Maton-Connection") : null;
}

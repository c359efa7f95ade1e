// The calls to fal through the Maton gateway. Every URL is rebuilt from checked parts, nothing of a caller's headers goes
// along, the credential goes on last. Answers are values (answers.ts).

import type { UpstreamOptions } from "../../contracts/request-spec.ts";
import { appOf, parseModelId } from "../../models/model-id.ts";
import { UPSTREAM_REPLY_MAX_BYTES } from "../../net/fetch-text.ts";
import type { Config } from "../../platform/config.ts";
import { SECOND_MS } from "../../platform/time.ts";
import {
  CANCEL_TIMEOUT_MS,
  RESULT_TIMEOUT_MS,
  STATUS_TIMEOUT_MS,
  SUBMIT_TIMEOUT_MS,
} from "../../requests/machine/effect-schedule.ts";
import {
  type CancelReply,
  type ConnectionSearch,
  cancelAnswer,
  connectionAnswer,
  type ProbeAnswer,
  probeAnswer,
  type ResultAnswer,
  resultAnswer,
  type StatusAnswer,
  type SubmitReply,
  statusAnswer,
  submitAnswer,
  withSimilarModel,
} from "./answers.ts";
import { isUpstreamId } from "./classify.ts";
import { type ConnectionReply, type ConnectionRequest, connectionCall } from "./connections.ts";
import { exchange, type UpstreamReply } from "./exchange.ts";

/** A result body (data URIs of sync_mode make them big). Held in memory once, under the byte semaphore. */
export const RESULT_BODY_MAX_BYTES = 16 * 1024 * 1024;
/** A result that is a file itself instead of JSON: kept as base64 until it is stored, which is then as long as the longest JSON. */
export const RESULT_FILE_MAX_BYTES = 12 * 1024 * 1024;
const CONNECTION_TIMEOUT_MS = 15 * SECOND_MS;
/** fal's clients refuse a start deadline of one second or less; what is left below this is sent as this. */
const START_DEADLINE_MIN_S = 1.1;

export interface SubmitCall {
  model: string;
  /** JSON text, sent as it is. */
  inputText: string;
  options: UpstreamOptions;
  startTimeoutLeftS: number | null;
  /** Where fal reports the end; null when it cannot reach us. */
  callbackUrl: string | null;
  connection: string | null;
}

/** A request that fal has. */
export interface UpstreamRequest {
  model: string;
  upstreamId: string;
  connection: string | null;
}

export interface UpstreamClient {
  submit(submission: SubmitCall): Promise<SubmitReply>;
  status(request: UpstreamRequest & { logs: boolean }): Promise<StatusAnswer>;
  result(request: UpstreamRequest): Promise<ResultAnswer>;
  cancel(request: UpstreamRequest): Promise<CancelReply>;
  findConnection(): Promise<ConnectionSearch>;
  /** A look that changes nothing and costs nothing: whether calls over this connection come through. */
  probe(connection: string): Promise<ProbeAnswer>;
  /** One call of Maton's connection API, its answer as it came. */
  callConnections(request: ConnectionRequest): Promise<ConnectionReply>;
}

/** A request that nobody made: fal's 404 for it says that gateway, key and connection work. */
const PROBE_PATH = "fal-ai/flux/requests/00000000-0000-4000-8000-000000000000/status";
/** Printable ASCII: what a header value may be without the runtime refusing the whole call. */
const HEADER_TEXT = /^[\x20-\x7e]{1,256}$/;

/** Paths: `{gateway}/fal-ai/{native path}` (maton-ai/api-gateway-skill:references/fal-ai/README.md). Nothing that upstream does throws. */
export function createUpstreamClient(config: Config): UpstreamClient {
  const gateway = `${config.MATON_GATEWAY_URL}/fal-ai`;

  function headers(connection: string | null, own: Record<string, string> = {}): Record<string, string> {
    return {
      accept: "application/json",
      ...own,
      ...(connection === null ? {} : { "maton-connection": connection }),
      authorization: `Bearer ${config.MATON_API_KEY}`,
    };
  }

  return {
    async submit({ model, inputText, options, startTimeoutLeftS, callbackUrl, connection }) {
      const query = callbackUrl === null ? "" : `?fal_webhook=${encodeURIComponent(callbackUrl)}`;
      const own = { "content-type": "application/json", ...optionHeaders(options, startTimeoutLeftS) };
      const reply = await exchange(
        `${gateway}/${checkedModel(model)}${query}`,
        { method: "POST", headers: headers(connection, own), body: inputText },
        { timeoutMs: SUBMIT_TIMEOUT_MS, capBytes: UPSTREAM_REPLY_MAX_BYTES },
      );
      return released(reply, withSimilarModel(submitAnswer(reply), model));
    },

    async status({ connection, logs, ...of }) {
      const reply = await exchange(
        `${gateway}/${requestPath(of)}/status?logs=${logs ? 1 : 0}`,
        { headers: headers(connection) },
        { timeoutMs: STATUS_TIMEOUT_MS, capBytes: UPSTREAM_REPLY_MAX_BYTES },
      );
      return released(reply, statusAnswer(reply));
    },

    async result({ connection, ...of }) {
      const reply = await exchange(
        `${gateway}/${requestPath(of)}`,
        { headers: headers(connection) },
        { timeoutMs: RESULT_TIMEOUT_MS, capBytes: RESULT_BODY_MAX_BYTES, fileCapBytes: RESULT_FILE_MAX_BYTES },
      );
      const answer = resultAnswer(reply);
      return answer.kind === "output" || answer.kind === "file" ? answer : released(reply, answer);
    },

    async cancel({ connection, ...of }) {
      const reply = await exchange(
        `${gateway}/${requestPath(of)}/cancel`,
        { method: "PUT", headers: headers(connection) },
        { timeoutMs: CANCEL_TIMEOUT_MS, capBytes: UPSTREAM_REPLY_MAX_BYTES },
      );
      return released(reply, cancelAnswer(reply));
    },

    async findConnection() {
      const reply = await exchange(
        `${config.MATON_CONTROL_URL}/connections?app=fal-ai&status=ACTIVE`,
        { headers: headers(null) },
        { timeoutMs: CONNECTION_TIMEOUT_MS, capBytes: UPSTREAM_REPLY_MAX_BYTES },
      );
      return released(reply, connectionAnswer(reply));
    },

    async probe(connection) {
      const reply = await exchange(
        `${gateway}/${PROBE_PATH}`,
        { headers: headers(connection) },
        { timeoutMs: STATUS_TIMEOUT_MS, capBytes: UPSTREAM_REPLY_MAX_BYTES },
      );
      return released(reply, probeAnswer(reply));
    },

    async callConnections(request) {
      const { method, path, body } = connectionCall(request);
      const own: Record<string, string> = body === undefined ? {} : { "content-type": "application/json" };
      const reply = await exchange(
        `${config.MATON_CONTROL_URL}/connections${path}`,
        { method, headers: headers(null, own), ...(body === undefined ? {} : { body }) },
        { timeoutMs: CONNECTION_TIMEOUT_MS, capBytes: UPSTREAM_REPLY_MAX_BYTES },
      );
      if (reply.kind === "failed") return { kind: "failed" };
      const { status, retryAfterMs } = reply;
      const text = reply.kind === "read" ? reply.text : "";
      return released(reply, { kind: "read", status, text, retryAfterMs });
    },
  };
}

/** Gives the reply's bytes back once an answer that holds none of them is made. */
function released<T>(reply: UpstreamReply, answer: T): T {
  if (reply.kind === "read" || reply.kind === "bytes") reply.permit.release();
  return answer;
}

/** The full id, with its sub-path: only a submit takes it. */
function checkedModel(model: string): string {
  const parsed = parseModelId(model);
  if (!parsed.ok) throw new Error("model id was not validated before the upstream call");
  return parsed.model;
}

/** `owner/app/requests/id`: fal refuses a sub-path here (fal-ai/fal:projects/fal_client/tests/test_sync_client.py). */
function requestPath({ model, upstreamId }: { model: string; upstreamId: string }): string {
  if (!isUpstreamId(upstreamId)) throw new Error("request id was not validated before the upstream call");
  return `${appOf(checkedModel(model))}/requests/${upstreamId}`;
}

/**
 * fal's platform headers (fal.ai/docs/documentation/model-apis/common-parameters). The start deadline goes out under its
 * older and its newer name.
 */
function optionHeaders(options: UpstreamOptions, startTimeoutLeftS: number | null): Record<string, string> {
  const own: Record<string, string> = {};
  if (startTimeoutLeftS !== null) {
    const text = String(Math.max(START_DEADLINE_MIN_S, Math.round(startTimeoutLeftS * 1_000) / 1_000));
    own["x-fal-request-timeout"] = text;
    own["x-fal-request-start-timeout"] = text;
  }
  if (options.priority !== undefined) own["x-fal-queue-priority"] = options.priority;
  if (options.runnerHint !== undefined && HEADER_TEXT.test(options.runnerHint)) {
    own["x-fal-runner-hint"] = options.runnerHint;
  }
  if (options.noRetry === true) own["x-fal-no-retry"] = "1";
  return own;
}

// The request object as callers read it: snake case, URLs that begin with this reader's base, raw JSON kept as it was written.
// One serializer for the API, the event stream and customer webhooks; request-object.ts says what it has to answer.

import type { RequestFile } from "../../files/request-file.ts";
import { loadText, type StoredText } from "../../files/stored-text.ts";
import { fileName, filePath, linkEndS, linkPath } from "../../files/urls.ts";
import type { Config } from "../../platform/config.ts";
import { userMessageOf } from "../../platform/errors.ts";
import { objectText, RawText } from "../../platform/json.ts";
import { stringsAt } from "../../platform/json-scan.ts";
import { moneyText } from "../../platform/money.ts";
import { isoTime } from "../../platform/time.ts";
import { expiresAt } from "../machine/deletion.ts";
import { REQUEST_TARGET } from "../machine/deliveries.ts";
import {
  hasEnded,
  isShownInPlace,
  type RequestDelivery,
  type RequestState,
  type RequestView,
  statusOf,
} from "../machine/types.ts";
import { filledOutput } from "./output.ts";
import type { RequestBody } from "./request-object.ts";

/** For whom a request is serialized. */
export interface Reader {
  /** Where our URLs begin. */
  baseUrl: string;
  signingKeys: readonly string[];
  /** Epoch ms: links of private files live from here. */
  now: number;
  /** Whether log lines are wanted; they are null otherwise. */
  logs: boolean;
}

/** An output that is at hand. */
export interface LoadedOutput {
  /** Its text, with a place mark where each file's URL goes. */
  text: string;
  /** Values of files that have no URL because they could not be stored, by file number. */
  inPlace: ReadonlyMap<number, string>;
}

/** Where this deployment's own URLs begin: as configured, else the origin that the request was submitted through. */
export function baseUrlOf(config: Pick<Config, "BASE_URL" | "PUBLIC_URL">, origin: string): string {
  return config.BASE_URL ?? config.PUBLIC_URL ?? origin;
}

/** The request object's JSON text, its output loaded. Rejects when R2 cannot be read just now. */
export async function requestText(
  bucket: R2Bucket,
  config: Config,
  view: RequestView,
  options: { logs: boolean },
): Promise<string> {
  const reader = readerOf(config, view, { logs: options.logs, now: Date.now() });
  const print = async (output: LoadedOutput | null) => objectText(await serializeRequest(view, output, reader));
  return view.output === null ? print(null) : withOutput(bucket, view, view.output, print);
}

/** The model's output alone, serialized for this reader; null where there is none. Rejects when R2 cannot be read just now. */
export async function outputText(bucket: R2Bucket, config: Config, view: RequestView): Promise<string | null> {
  if (view.output === null) return null;
  const urls = await fileUrls(view, readerOf(config, view, { logs: false, now: Date.now() }));
  return withOutput(bucket, view, view.output, async (output) => serializeOutput(view.state.id, output, urls));
}

/** Whoever reads this request from this deployment. */
export function readerOf(config: Config, { state }: RequestView, options: Pick<Reader, "logs" | "now">): Reader {
  const { logs, now } = options;
  return { baseUrl: baseUrlOf(config, state.origin), signingKeys: config.SIGNING_KEY, logs, now };
}

/** Loads a kept output with what is shown in place, uses them, and gives the bytes back. */
async function withOutput<T>(
  bucket: R2Bucket,
  view: RequestView,
  stored: StoredText,
  use: (output: LoadedOutput) => Promise<T>,
): Promise<T> {
  const inPlace = await valuesInPlace(bucket, view);
  const loaded = await loadText(bucket, stored);
  if (loaded.kind === "missing") throw new Error("a stored output is missing from R2");
  try {
    return await use({ text: loaded.text, inPlace });
  } finally {
    loaded.permit.release();
  }
}

/** The data URIs of files that could not be stored, by file number: what was paid for is not kept from the caller. */
async function valuesInPlace(bucket: R2Bucket, { files, payload }: RequestView): Promise<Map<number, string>> {
  const values = new Map<number, string>();
  const wanted = files.filter(isShownInPlace);
  const loaded = wanted.length > 0 && payload !== null ? await loadText(bucket, payload) : null;
  if (loaded?.kind !== "loaded") return values;
  const strings = stringsAt(
    loaded.text,
    wanted.map(({ path }) => path),
  );
  for (const [index, { n }] of wanted.entries()) {
    const value = strings[index];
    if (typeof value === "string") values.set(n, value);
  }
  loaded.permit.release();
  return values;
}

/** The request object. `output` null: there is none, or it is left out. */
export async function serializeRequest(
  view: RequestView,
  output: LoadedOutput | null,
  reader: Reader,
): Promise<RequestBody> {
  const { state, files } = view;
  const urls = await fileUrls(view, reader);
  return {
    id: state.id,
    model: state.model,
    status: statusOf(state.stage),
    stage: state.stage,
    queue_position: state.queuePosition,
    waiting: serializeWaiting(state),
    typical_duration: serializeDurations(state),
    created_at: isoTime(state.createdAt),
    submitted_at: isoTime(state.submittedAt),
    started_at: isoTime(state.startedAt),
    completed_at: isoTime(state.endedAt),
    expires_at: isoTime(expiresAt(state)),
    output: output === null ? null : new RawText(serializeOutput(state.id, output, urls)),
    output_format: view.output === null ? null : typeof state.textType === "string" ? "text" : "json",
    files: files.map((file, n) => serializeFile(file, urls[n] ?? null)),
    error: serializeError(state),
    cost: {
      currency: "USD",
      estimated: money(state.cost.estimatedMicro),
      charged: money(state.chargedMicro),
      source: state.costSource,
    },
    user: state.user,
    key_id: state.keyId,
    tags: state.tags,
    metadata: raw(state.metadata),
    metrics: raw(state.metrics),
    logs: reader.logs ? raw(view.logs ?? "[]") : null,
    webhook: serializeWebhook(state),
    upstream: { request_id: state.upstreamId, calls: state.upstreamCalls },
    links: serializeLinks(`${reader.baseUrl}/v1/requests/${state.id}`),
  };
}

function serializeOutput(requestId: string, { text, inPlace }: LoadedOutput, urls: readonly (string | null)[]): string {
  return filledOutput(requestId, text, (n) => urls[n] ?? inPlace.get(n) ?? "");
}

function fileUrls({ state, files }: RequestView, reader: Reader): Promise<(string | null)[]> {
  return Promise.all(files.map((file) => fileUrl(state, file, reader)));
}

/** What a held request waits for; an empty answer elsewhere would say nothing. */
function serializeWaiting({ stage, waiting }: RequestState): RequestBody["waiting"] {
  if (stage !== "held" || waiting === null) return null;
  const { reason, why, since, startsAt } = waiting;
  return { reason, why, since: isoTime(since), starts_at: isoTime(startsAt) };
}

/** "Typically 8 s, 95 % under 20 s", from submit to output. */
function serializeDurations({ durations }: RequestState): RequestBody["typical_duration"] {
  if (durations === null) return null;
  return { p50_s: seconds(durations.p50Ms), p95_s: seconds(durations.p95Ms), samples: durations.samples };
}

export function seconds(ms: number): number {
  return Math.round(ms / 100) / 10;
}

/** The URL a reader should use: ours once stored (which says so when the file is deleted), else the source's once the request has ended. */
async function fileUrl(
  state: RequestState,
  file: RequestFile,
  { baseUrl, signingKeys, now }: Reader,
): Promise<string | null> {
  switch (file.status) {
    case "stored":
    case "deleted": {
      const address = { team: state.team, request: state.id, n: file.n, name: fileName(file) };
      if (state.fileLinkS === null) return baseUrl + (await filePath(signingKeys, address));
      const link = { share: null, endsAtS: linkEndS(now, state.fileLinkS) };
      return baseUrl + (await linkPath(signingKeys, address, link));
    }
    case "failed":
    case "not_copied":
      return sourceUrl(file);
    case "pending":
      // Copied again after the end: until it is stored, readers get what they got before.
      return hasEnded(state.stage) ? sourceUrl(file) : null;
  }
}

function sourceUrl({ source }: RequestFile): string | null {
  return source.kind === "url" ? source.url || null : null;
}

function serializeFile(file: RequestFile, url: string | null): RequestBody["files"][number] {
  return {
    path: file.path.join("."),
    url,
    status: file.status,
    content_type: file.contentType,
    size: file.bytes,
    sha256: file.sha256,
    error: file.error,
  };
}

function serializeError({ error }: RequestState): RequestBody["error"] {
  if (error === null) return null;
  const { code, message, detail, retryable, charged } = error;
  return { code, message, detail: raw(detail), retryable, charged, user_message: userMessageOf(code) };
}

/** How the caller's own address heard of the end that holds now; its log is at `GET /v1/deliveries/{delivery_id}`. */
function serializeWebhook({ webhookUrl, deliveries, endedAt }: RequestState): RequestBody["webhook"] {
  if (webhookUrl === null) return null;
  const own = deliveries.findLast(({ target, ...each }) => target === REQUEST_TARGET && each.endedAt === endedAt);
  const status = webhookStatus(own?.status ?? "pending");
  return { url: webhookUrl, status, attempts: own?.attempts ?? 0, delivery_id: own?.id ?? null };
}

function webhookStatus(status: RequestDelivery["status"]): "pending" | "delivered" | "failed" {
  switch (status) {
    case "pending":
    case "failing":
      return "pending";
    case "delivered":
      return "delivered";
    case "parked":
    case "gone":
      return "failed";
  }
}

function serializeLinks(self: string): RequestBody["links"] {
  return {
    self,
    events: `${self}/events`,
    timeline: `${self}/timeline`,
    input: `${self}/input`,
    cancel: `${self}/cancel`,
  };
}

/** JSON text that was checked when it came in. */
function raw(text: string | null): RawText | null {
  return text === null ? null : new RawText(text);
}

/** Unknown is shown as unknown, never as zero. */
export function money(micro: number | null): string | null {
  return micro === null ? null : moneyText(micro);
}

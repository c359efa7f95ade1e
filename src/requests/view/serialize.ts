// The request object as callers read it: snake_case, URLs spelled with this reader's base, raw JSON kept as it was written.
// One spelling for the API, the event stream and customer webhooks. Imports types, json, mirror's URLs.

import type { RequestFile } from "../../files/request-file.ts";
import { fileName, filePath, linkEndS, linkPath } from "../../files/urls.ts";
import type { Config } from "../../platform/config.ts";
import { objectText, parseTree, RawText, valueAt } from "../../platform/json.ts";
import { moneyText } from "../../platform/money.ts";
import type { RequestPayload } from "../../webhooks/events.ts";
import { loadText } from "../engine/texts.ts";
import { expiresAt } from "../machine/deletion.ts";
import { REQUEST_TARGET } from "../machine/deliveries.ts";
import {
  hasEnded,
  isShownInPlace,
  type RequestDelivery,
  type RequestState,
  type RequestView,
  type StoredText,
  statusOf,
} from "../machine/types.ts";
import { spellOutput } from "./output.ts";

export interface SpellInput {
  view: RequestView;
  /** Text of the output with its place marks, loaded; null when there is none. */
  output: string | null;
  /** Values of files that have no URL because they could not be stored, by file number. */
  inPlace?: ReadonlyMap<number, string>;
  /** Whether log lines are wanted; they are null otherwise. */
  logs: boolean;
  baseUrl: string;
  signingKeys: readonly string[];
  /** Epoch ms: links of private files live from here. */
  now: number;
}

/** How this deployment spells its own URLs: as configured, else the origin that the request was submitted through. */
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
  const spelled = {
    view,
    logs: options.logs,
    baseUrl: baseUrlOf(config, view.state.origin),
    signingKeys: config.SIGNING_KEY,
    now: Date.now(),
  };
  if (view.output === null) return spellRequest({ ...spelled, output: null });
  return withOutput(bucket, view, view.output, (output, inPlace) => spellRequest({ ...spelled, output, inPlace }));
}

/** The model's output alone, spelled for this reader; null where there is none. Rejects when R2 cannot be read just now. */
export async function outputText(bucket: R2Bucket, config: Config, view: RequestView): Promise<string | null> {
  if (view.output === null) return null;
  const baseUrl = baseUrlOf(config, view.state.origin);
  const urls = await fileUrls(view, { baseUrl, signingKeys: config.SIGNING_KEY, now: Date.now() });
  return withOutput(bucket, view, view.output, async (output, inPlace) =>
    spellOutput(view.state.id, output, (n) => urls[n] ?? inPlace.get(n) ?? ""),
  );
}

/** Loads a kept output with what is shown in place, uses them, and gives the bytes back. */
async function withOutput<T>(
  bucket: R2Bucket,
  view: RequestView,
  stored: StoredText,
  use: (output: string, inPlace: ReadonlyMap<number, string>) => Promise<T>,
): Promise<T> {
  const inPlace = await valuesInPlace(bucket, view);
  const loaded = await loadText(bucket, stored);
  if (loaded.kind === "missing") throw new Error("a kept output is not where it was put");
  try {
    return await use(loaded.text, inPlace);
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
  const parsed = parseTree(loaded.text);
  for (const { n, path } of wanted) {
    const value = parsed && valueAt(parsed.tree, path);
    if (typeof value === "string") values.set(n, value);
  }
  loaded.permit.release();
  return values;
}

/** JSON text of the request object, as GET /v1/requests/{id} answers it. */
export async function spellRequest(input: SpellInput): Promise<string> {
  const { view, output, inPlace, logs, baseUrl } = input;
  const { state, files } = view;
  const urls = await fileUrls(view, input);
  const self = `${baseUrl}/v1/requests/${state.id}`;
  return objectText({
    id: state.id,
    model: state.model,
    status: statusOf(state.stage),
    stage: state.stage,
    queue_position: state.queuePosition,
    waiting: spellWaiting(state),
    typical_duration: spellDurations(state),
    created_at: isoTime(state.createdAt),
    submitted_at: isoTime(state.submittedAt),
    started_at: isoTime(state.startedAt),
    completed_at: isoTime(state.endedAt),
    expires_at: isoTime(expiresAt(state)),
    output:
      output === null ? null : new RawText(spellOutput(state.id, output, (n) => urls[n] ?? inPlace?.get(n) ?? "")),
    files: files.map((file, n) => spellFile(file, urls[n] ?? null)),
    error: state.error === null ? null : new RawText(spellError(state.error)),
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
    logs: logs ? raw(view.logs ?? "[]") : null,
    webhook: spellWebhook(state),
    upstream: { request_id: state.upstreamId, calls: state.upstreamCalls },
    links: { self, events: `${self}/events`, timeline: `${self}/timeline`, cancel: `${self}/cancel` },
  } satisfies RequestPayload);
}

type UrlSpelling = Pick<SpellInput, "baseUrl" | "signingKeys" | "now">;

function fileUrls({ state, files }: RequestView, spelling: UrlSpelling): Promise<(string | null)[]> {
  return Promise.all(files.map((file) => fileUrl(state, file, spelling)));
}

/** What a held request waits for; an empty answer elsewhere would say nothing. */
function spellWaiting({ stage, waiting }: RequestState): Record<string, unknown> | null {
  if (stage !== "held" || waiting === null) return null;
  const { reason, why, since, startsAt } = waiting;
  return { reason, why, since: isoTime(since), starts_at: isoTime(startsAt) };
}

/** "Typically 8 s, 95 % under 20 s", from submit to output. */
function spellDurations({ durations }: RequestState): Record<string, number> | null {
  if (durations === null) return null;
  return { p50_s: seconds(durations.p50Ms), p95_s: seconds(durations.p95Ms), samples: durations.samples };
}

function seconds(ms: number): number {
  return Math.round(ms / 100) / 10;
}

/** The URL a reader should use: ours once stored (which says so when the file is deleted), else the source's once the request has ended. */
async function fileUrl(
  state: RequestState,
  file: RequestFile,
  { baseUrl, signingKeys, now }: UrlSpelling,
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
      return sourceUrl(file);
    case "pending":
      // Copied again after the end: until it is stored, readers get what they got before.
      return hasEnded(state.stage) ? sourceUrl(file) : null;
  }
}

function sourceUrl({ source }: RequestFile): string | null {
  return source.kind === "url" ? source.url : null;
}

function spellFile(file: RequestFile, url: string | null): Record<string, unknown> {
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

function spellError(error: NonNullable<RequestState["error"]>): string {
  const { code, message, detail, retryable, charged } = error;
  return objectText({ code, message, detail: raw(detail), retryable, charged });
}

/** How the caller's own address heard of the end that holds now; its log is at `GET /v1/deliveries/{delivery_id}`. */
function spellWebhook({ webhookUrl, deliveries, endedAt }: RequestState): Record<string, unknown> | null {
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

/** JSON text that was checked when it came in. */
function raw(text: string | null): RawText | null {
  return text === null ? null : new RawText(text);
}

/** Unknown is shown as unknown, never as zero. */
function money(micro: number | null): string | null {
  return micro === null ? null : moneyText(micro);
}

function isoTime(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}

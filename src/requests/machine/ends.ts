// Ends of requests: terminal reports, file copies before completion, reopening, cost, and the two ends without an answer from
// upstream. Pure.

import type { RequestEnd } from "../../contracts/account.ts";
import type { FileSource, RequestFile } from "../../files/request-file.ts";
import { dropDeliveries } from "./deliveries.ts";
import type { Bill, RequestEvent } from "./events.ts";
import { ignored, type TransitionBuilder, UPSTREAM_EFFECTS } from "./transition.ts";
import { hasEnded, type RequestError, type RequestState, type TimelineNote, type Transition } from "./types.ts";
import { candidateRejected } from "./unverified-reports.ts";

export function endReported(
  builder: TransitionBuilder,
  event: Extract<RequestEvent, { type: "end_reported" }>,
): Transition {
  const { state, now } = builder;
  const recovers = isReopenable(state) && event.source === "webhook";
  if ((state.stage === "storing" || hasEnded(state.stage)) && !recovers) {
    if (state.endFingerprint === event.fingerprint) return ignored("duplicate of the applied report");
    return ignored("request already has a terminal report", [
      { what: "conflicting_report", detail: { source: event.source } },
    ]);
  }
  if (state.stage === "uncertain" && event.source === "poll" && event.end.kind !== "output") {
    return candidateRejected(builder);
  }
  const known = {
    upstreamId: state.upstreamId ?? event.upstreamId,
    metrics: event.metrics ?? state.metrics,
    billableUnits: event.billableUnits ?? state.billableUnits,
    endFingerprint: event.fingerprint,
    queuePosition: null,
  };
  builder.change(known).note(event.source === "webhook" ? "webhook" : "result", { end: event.end.kind });
  if (recovers) reopen(builder);
  switch (event.end.kind) {
    case "error":
      return builder.end("failed", event.source, event.end.error);
    case "canceled":
      return builder.end("canceled", event.source, null);
    case "output": {
      builder.files = event.end.files.map((file, n) => newFile(n, file, now));
      builder.change({
        outputAt: now,
        startedAt: state.startedAt ?? now,
        filesSkipped: event.end.skipped,
        textType: event.end.textType ?? null,
      });
      const toCopy = builder.files.filter(({ status }) => status === "pending");
      const left = builder.files.length - toCopy.length;
      if (left > 0) builder.note("not_copied", { files: left });
      if (toCopy.length === 0) return builder.end("completed", event.source, null);
      builder.stage("storing", { endedBy: event.source }).drop(...UPSTREAM_EFFECTS);
      for (const file of toCopy) builder.owe(["mirror", file.n], now);
      return builder;
    }
  }
}

/**
 * The one exception to "an end is final": a request that failed without an answer from upstream is reopened once, by a verified
 * webhook or the submit's late reply (docs/decisions/reopened-ends.md).
 */
export function isReopenable({ stage, error, recoveredAt }: RequestState): boolean {
  const forWantOfAnAnswer = error?.code === "submit_uncertain" || error?.code === "result_lost";
  return stage === "failed" && forWantOfAnAnswer && recoveredAt === null;
}

/** How it left fal, as the account counts it. Null: it is there, or was not submitted yet. */
export function endAtFal({ stage, outputAt, endedAt, endedBy }: RequestState): RequestEnd | "uncertain" | null {
  const byWebhook = endedBy === "webhook";
  switch (stage) {
    case "held":
    case "submitting":
    case "queued":
    case "running":
      return null;
    case "uncertain":
      return stage;
    case "storing":
    case "completed":
      return { outcome: "completed", at: outputAt ?? endedAt ?? 0, byWebhook };
    case "failed":
    case "canceled":
      return { outcome: stage, at: endedAt ?? 0, byWebhook };
  }
}

export function reopen(builder: TransitionBuilder): void {
  const fresh = { error: null, endedAt: null, endedBy: null, settledAt: null };
  dropDeliveries(builder)
    .change({ ...fresh, chargedMicro: null, costSource: "unknown", recoveredAt: builder.now })
    .drop("settle", ["delete", "inputs"], ["delete", "files"], ["delete", "deliveries"], ["delete", "record"])
    .note("recovered");
}

export function fileSettled(
  builder: TransitionBuilder,
  event: Extract<RequestEvent, { type: "file_stored" | "file_failed" }>,
): Transition {
  const { state, files, now } = builder;
  const file = files[event.n];
  const isCopied = state.stage === "storing" || state.stage === "completed";
  if (!isCopied || file?.status !== "pending") return ignored("file is not pending");
  builder.drop(["mirror", event.n]);
  if (event.type === "file_stored") {
    const { contentType, bytes, sha256 } = event.stored;
    builder.file(event.n, { status: "stored", contentType, bytes, sha256 });
    builder.note("stored", { file: event.n, bytes });
    if (sha256 === null) builder.owe(["hash", event.n], now);
  } else {
    builder.file(event.n, { status: "failed", error: { code: event.code, message: event.message } });
    builder.note("file_failed", { file: event.n, code: event.code });
  }
  if (state.stage === "completed" || builder.files.some((each) => each.status === "pending")) return builder;
  return builder.end("completed", state.endedBy ?? "poll", null);
}

/** Retries failed file copies. The end and its deliveries stay as they are. */
export function copyAgain(builder: TransitionBuilder, n: number | null, keptUntil: number | null): Transition {
  if (builder.state.stage !== "completed") return ignored("request is not completed");
  if (keptUntil !== null && keptUntil <= builder.now) return ignored("files have expired");
  const wanted = builder.files.filter((file) => file.status === "failed" && (n === null || file.n === n));
  if (wanted.length === 0) return ignored("no failed file to copy");
  for (const file of wanted) {
    builder
      .file(file.n, { status: "pending", pendingSince: builder.now, error: null })
      .owe(["mirror", file.n], builder.now);
  }
  return builder.note("copy_requested", { files: wanted.length });
}

/** The ledger's cost, and whether a failure was charged where the plan decides it. */
export function withBill(
  builder: TransitionBuilder,
  { chargedMicro, source, charged }: Bill,
): NonNullable<TimelineNote["detail"]> {
  const { error, cost } = builder.state;
  builder.change({
    chargedMicro,
    costSource: source,
    error: error === null || charged === null ? error : { ...error, charged },
  });
  const above = chargedMicro !== null && cost.estimatedMicro !== null && chargedMicro > cost.estimatedMicro;
  return above ? { source, above_estimate: true } : { source };
}

function newFile(n: number, source: FileSource, now: number): RequestFile {
  const file = { ...source, n, pendingSince: now, contentType: null, bytes: null, sha256: null };
  const { notCopied } = source;
  if (notCopied === undefined) return { ...file, status: "pending", error: null };
  return { ...file, status: "not_copied", error: { code: "storage_failed", message: notCopied } };
}

export function errorOf(
  code: RequestError["code"],
  message: string,
  retryable: boolean,
  charged: RequestError["charged"],
): RequestError {
  return { code, message, detail: null, retryable, charged, upstreamStatus: null };
}

export function submitUncertain(): RequestError {
  return errorOf(
    "submit_uncertain",
    "The model provider did not confirm the request. It was not retried, because a retry could be charged twice.",
    false,
    "unknown",
  );
}

/** Nothing was sent. */
export function upstreamPaused(): RequestError {
  const message =
    "The model provider is paused, and the plan rejects requests during a pause (`when_paused: refuse`). Nothing was charged.";
  return errorOf("upstream_paused", message, true, false);
}

/** Nothing was sent. */
export function queueFull(of: "team" | "account"): RequestError {
  const code = of === "team" ? "rate_limited" : "overloaded";
  return errorOf(code, "Too many requests wait already. Nothing was sent or charged.", true, false);
}

/** Which full queue turned the request away before anybody was told that it exists; null: none did. */
export function turnedAwayBy({ error, deletion, endedBy }: RequestState): "team" | "account" | null {
  if (deletion === null || endedBy !== "submit") return null;
  if (error?.code === "rate_limited") return "team";
  return error?.code === "overloaded" ? "account" : null;
}

export function resultLost(): RequestError {
  return errorOf(
    "result_lost",
    "The model provider accepted the request but no longer returns its result. It is not known whether the request was charged.",
    false,
    "unknown",
  );
}

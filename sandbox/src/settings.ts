// Every behaviour of the sandbox that can be changed while it runs, with its default, and the conversion between wire and code.
// Behaviour of the real services that is not documented is a setting. Pure.

import * as z from "zod";
import type { Env } from "./env.ts";
import { isRecord } from "./json.ts";

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

const milliseconds = z.int().min(0);
const origin = z.string().regex(/^https?:\/\/[^/?#\s]+$/, "must be an origin without path");

/** One duration per kind of model. */
function perKind(image: number, video: number, audio: number, other: number) {
  return z
    .strictObject({ image: milliseconds, video: milliseconds, audio: milliseconds, other: milliseconds })
    .default({ image, video, audio, other });
}

/** Wire names. Defaults are what fal and Maton document, or else the stricter assumption. */
export const settingsSchema = z.strictObject({
  /** Seed of ids, signing keys and media. */
  seed: z.string().default("sluice"),

  // --- Maton ---
  api_keys: z.array(z.string().min(1)).default(["sandbox-maton-key"]),
  /** Shape of Maton's own errors; its documentation shows both. */
  error_shape: z.enum(["nested", "flat"]).default("nested"),
  /** Calls that an account may make per second. */
  rps: z.int().min(1).default(10),
  /** `Retry-After` of Maton's 429 in seconds; null: not sent. */
  retry_after_s: z.int().min(0).nullable().default(null),
  /** Fault of every call of the account: fal's lock (submits only), Maton's 429 or 500, an HTML 502 page (dead). */
  account_fault: z.enum(["none", "locked", "rate_limited", "failing", "dead"]).default("none"),
  /** The connection used when a call names none: Maton's documentation contradicts itself. */
  default_connection: z.enum(["oldest", "newest"]).default("oldest"),
  /** Whether a request is visible only to the connection that submitted it. */
  requests_scoped: z.boolean().default(true),
  /** Whether the gateway drops fal's response headers. */
  drop_fal_headers: z.boolean().default(false),
  /** Latency added to every gateway call. */
  latency_ms: milliseconds.default(0),

  // --- fal's queue ---
  submit_status: z.union([z.literal(200), z.literal(202)]).default(200),
  /** Whether status, result and cancel accept a model's sub-path, and the result a `/response` suffix. */
  lenient_paths: z.boolean().default(false),
  /** Whether input is validated at submit rather than when the model runs. */
  validate_at_submit: z.boolean().default(false),
  /** Whether status includes the error of a model that responded 4xx. */
  status_shows_model_errors: z.boolean().default(true),
  queue_ms: perKind(300, 500, 300, 300),
  run_ms: perKind(900, 2_500, 1_200, 900),
  /** Share of the run time that varies between requests, 0 to 1. */
  jitter: z.number().min(0).max(1).default(0),
  /** Run time of the outcome `slow`. */
  slow_ms: milliseconds.default(MINUTE_MS),
  /** Delay of the response under the outcome `submit-timeout`. */
  hang_ms: milliseconds.default(MINUTE_MS),
  /** Queue position that a new request starts from. */
  queue_length: z.int().min(0).default(2),
  /** Concurrent runs of the whole sandbox; fal gives a paying account up to 40. */
  concurrency: z.int().min(1).default(40),
  /** Status of a cancel that removed a request from the queue. */
  cancel_queued_status: z.union([z.literal(200), z.literal(202)]).default(200),
  /** State of a request that was cancelled in the queue. */
  cancelled_in_queue: z.enum(["completed", "not_found"]).default("completed"),
  /** Time until a running model stops after a cancel. */
  cancel_running_ms: milliseconds.default(200),
  result_ttl_ms: milliseconds.default(HOUR_MS),
  /** Results of this size and above expire after `big_result_ttl_ms`. */
  big_result_bytes: z.int().min(0).default(10_000),
  big_result_ttl_ms: milliseconds.default(6 * MINUTE_MS),
  sse_keep_alive_ms: z
    .int()
    .min(10)
    .default(15 * SECOND_MS),

  // --- fal's CDN ---
  /** Origin of file URLs; null: the origin of the submit. */
  cdn_origin: origin.nullable().default(null),
  cdn_ttl_ms: milliseconds.default(HOUR_MS),
  /** Duration of a response under the outcome `file-slow`. */
  file_slow_ms: milliseconds.default(30 * SECOND_MS),
  /** Length of a file under the outcome `file-huge`. */
  huge_bytes: z
    .int()
    .min(1)
    .default(1024 * 1024 * 1024),
  /** Target of the outcome `file-redirect`; null: the same file. */
  redirect_target: z.string().nullable().default(null),

  // --- fal's webhooks ---
  webhooks: z.enum(["push", "hold"]).default("push"),
  /** The fal user of an account's first connection. */
  user_id: z.string().min(1).default("user_sandbox"),
  webhook_first_timeout_ms: milliseconds.default(15 * SECOND_MS),
  webhook_retry_timeout_ms: milliseconds.default(120 * SECOND_MS),
  /** Delay before the second attempt; it doubles up to `webhook_gap_max_ms`. */
  webhook_gap_first_ms: z
    .int()
    .min(1)
    .default(5 * SECOND_MS),
  webhook_gap_max_ms: z
    .int()
    .min(1)
    .default(5 * MINUTE_MS),
  webhook_attempts_max: z.int().min(1).default(31),
  /** Delay of the outcome `webhook-late`. */
  webhook_late_ms: milliseconds.default(30 * SECOND_MS),
  /** Whether a retry is signed anew, or carries the timestamp of the first attempt. */
  webhook_fresh_signature: z.boolean().default(true),
  /** Whether a cancelled request sends a webhook. */
  webhook_on_cancel: z.boolean().default(false),
  /** Whether private and loopback targets are delivered to; fal drops them, which would make a local sandbox useless. */
  webhook_private_targets: z.boolean().default(true),
  /** Generation of the signing key; each number is another key. */
  signing_key: z.int().min(0).max(100).default(0),
  jwks: z.enum(["ok", "down", "garbage", "empty", "slow"]).default("ok"),
  /** Whether the key set still lists the keys before `signing_key`. */
  jwks_keeps_old: z.boolean().default(true),
  jwks_padded: z.boolean().default(false),
  jwks_slow_ms: milliseconds.default(10 * SECOND_MS),
});

/** Settings with wire names. */
export type WireSettings = z.infer<typeof settingsSchema>;

type Camel<S extends string> = S extends `${infer Head}_${infer Tail}` ? `${Head}${Capitalize<Camel<Tail>>}` : S;
/** Settings with code names. */
export type Settings = { [K in keyof WireSettings as Camel<K>]: WireSettings[K] };

/** The settings of a new sandbox. Throws on an invalid variable. */
export function defaultSettings(env: Env): WireSettings {
  return settingsSchema.parse({
    ...(env.SANDBOX_API_KEY && { api_keys: [env.SANDBOX_API_KEY] }),
    ...(env.SANDBOX_WEBHOOKS && { webhooks: env.SANDBOX_WEBHOOKS }),
    ...(env.SANDBOX_CDN_ORIGIN && { cdn_origin: env.SANDBOX_CDN_ORIGIN }),
    ...(env.SANDBOX_SEED && { seed: env.SANDBOX_SEED }),
  });
}

export type SettingsAnswer = { ok: true; settings: WireSettings } | { ok: false; field: string; message: string };

/** Merges a change into settings; per-kind times may be partial. Reports the first invalid field. */
export function changedSettings(current: WireSettings, change: unknown): SettingsAnswer {
  if (!isRecord(change)) return { ok: false, field: "", message: "must be an object" };
  const merged: Record<string, unknown> = { ...current };
  for (const [name, value] of Object.entries(change)) {
    const known = merged[name];
    merged[name] = isRecord(known) && isRecord(value) ? { ...known, ...value } : value;
  }
  const parsed = settingsSchema.safeParse(merged);
  if (parsed.success) return { ok: true, settings: parsed.data };
  const issue = parsed.error.issues[0];
  const field = issue?.code === "unrecognized_keys" ? [...issue.path, issue.keys[0]] : (issue?.path ?? []);
  return { ok: false, field: field.join("."), message: issue?.message ?? "is not valid" };
}

/** Converts wire names to code names. */
export function readSettings(wire: WireSettings): Settings {
  const entries = Object.entries(wire).map(([name, value]) => [
    name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
    value,
  ]);
  return Object.fromEntries(entries) as Settings;
}

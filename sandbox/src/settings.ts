// Every behaviour of the sandbox that can be changed while it runs, with its default, and the turn between wire and inside.
// Whatever is unknown of the real services is a setting here. Pure.

import * as z from "zod";
import type { Env } from "./env.ts";
import { isRecord } from "./json.ts";

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

const milliseconds = z.int().min(0);
const origin = z.string().regex(/^https?:\/\/[^/?#\s]+$/, "must be an origin without path");

/** One time per kind of model. */
function perKind(image: number, video: number, audio: number, other: number) {
  return z
    .strictObject({ image: milliseconds, video: milliseconds, audio: milliseconds, other: milliseconds })
    .default({ image, video, audio, other });
}

/** Names are those of the wire. Defaults are what fal and Maton document, or else the stricter guess. */
export const settingsSchema = z.strictObject({
  /** Where ids, signing keys and media start from. */
  seed: z.string().default("sluice"),

  // --- Maton ---
  api_keys: z.array(z.string().min(1)).default(["sandbox-maton-key"]),
  /** Shape of Maton's own errors; its documents show both. */
  error_shape: z.enum(["nested", "flat"]).default("nested"),
  /** Calls that an account may make in any second. */
  rps: z.int().min(1).default(10),
  /** `Retry-After` of Maton's 429 in seconds; null: not sent. */
  retry_after_s: z.int().min(0).nullable().default(null),
  /** What is wrong with every call of the account: fal's lock (submits only), Maton's 429 or 500, a page of 502 (dead). */
  account_fault: z.enum(["none", "locked", "rate_limited", "failing", "dead"]).default("none"),
  /** The account used when a call names no connection: Maton's texts contradict each other. */
  default_connection: z.enum(["oldest", "newest"]).default("oldest"),
  /** Whether a request is known only to the connection that submitted it. */
  requests_scoped: z.boolean().default(true),
  /** Whether fal's own response headers get lost in the gateway. */
  drop_fal_headers: z.boolean().default(false),
  /** Added to every call of the gateway. */
  latency_ms: milliseconds.default(0),

  // --- fal's queue ---
  submit_status: z.union([z.literal(200), z.literal(202)]).default(200),
  /** Whether status, result and cancel take a model's sub-path, and the result a `/response` suffix. */
  lenient_paths: z.boolean().default(false),
  /** Whether a model checks its input before the queue takes it, rather than when it runs. */
  validate_at_submit: z.boolean().default(false),
  /** Whether status names the error of a model that answered 4xx. */
  status_shows_model_errors: z.boolean().default(true),
  queue_ms: perKind(300, 500, 300, 300),
  run_ms: perKind(900, 2_500, 1_200, 900),
  /** Part of the running time that varies from request to request, 0 to 1. */
  jitter: z.number().min(0).max(1).default(0),
  /** Running time of the outcome `slow`. */
  slow_ms: milliseconds.default(MINUTE_MS),
  /** How long the outcome `submit-timeout` keeps its answer back. */
  hang_ms: milliseconds.default(MINUTE_MS),
  /** Queue position that a new request starts from. */
  queue_length: z.int().min(0).default(2),
  /** Requests of the whole sandbox that run at a time; fal gives a paying account up to 40. */
  concurrency: z.int().min(1).default(40),
  /** Answer of a cancel that took a request out of the queue. */
  cancel_queued_status: z.union([z.literal(200), z.literal(202)]).default(200),
  /** What becomes of a request that was cancelled in the queue. */
  cancelled_in_queue: z.enum(["completed", "not_found"]).default("completed"),
  /** How long a running model takes to obey a cancel. */
  cancel_running_ms: milliseconds.default(200),
  result_ttl_ms: milliseconds.default(HOUR_MS),
  /** From this size on a result is kept for `big_result_ttl_ms` only. */
  big_result_bytes: z.int().min(0).default(10_000),
  big_result_ttl_ms: milliseconds.default(6 * MINUTE_MS),
  sse_keep_alive_ms: z
    .int()
    .min(10)
    .default(15 * SECOND_MS),

  // --- fal's CDN ---
  /** Origin of file URLs; null: the origin that the submit came in on. */
  cdn_origin: origin.nullable().default(null),
  cdn_ttl_ms: milliseconds.default(HOUR_MS),
  /** Time of a whole answer under the outcome `file-slow`. */
  file_slow_ms: milliseconds.default(30 * SECOND_MS),
  /** Length of a file under the outcome `file-huge`. */
  huge_bytes: z
    .int()
    .min(1)
    .default(1024 * 1024 * 1024),
  /** Where the outcome `file-redirect` leads; null: to the same file. */
  redirect_target: z.string().nullable().default(null),

  // --- fal's webhooks ---
  webhooks: z.enum(["push", "hold"]).default("push"),
  /** The fal user that the first connection of an account stands for. */
  user_id: z.string().min(1).default("user_sandbox"),
  webhook_first_timeout_ms: milliseconds.default(15 * SECOND_MS),
  webhook_retry_timeout_ms: milliseconds.default(120 * SECOND_MS),
  /** Gap before the second try; it doubles up to the longest. */
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
  /** Whether a retry is signed anew, or carries the time stamp of the first try. */
  webhook_fresh_signature: z.boolean().default(true),
  /** Whether a cancelled request is reported at all. */
  webhook_on_cancel: z.boolean().default(false),
  /** fal drops private and loopback targets; a sandbox on the same machine is of no use then. */
  webhook_private_targets: z.boolean().default(true),
  /** Which key signs: another number is another key. */
  signing_key: z.int().min(0).max(100).default(0),
  jwks: z.enum(["ok", "down", "garbage", "empty", "slow"]).default("ok"),
  /** Whether the set still lists the keys before `signing_key`. */
  jwks_keeps_old: z.boolean().default(true),
  jwks_padded: z.boolean().default(false),
  jwks_slow_ms: milliseconds.default(10 * SECOND_MS),
});

/** Settings as the wire spells them. */
export type WireSettings = z.infer<typeof settingsSchema>;

type Camel<S extends string> = S extends `${infer Head}_${infer Tail}` ? `${Head}${Capitalize<Camel<Tail>>}` : S;
/** Settings as the code reads them. */
export type Settings = { [K in keyof WireSettings as Camel<K>]: WireSettings[K] };

/** The settings of a fresh sandbox. Throws on a bad variable: that is for whoever started it to mend. */
export function defaultSettings(env: Env): WireSettings {
  return settingsSchema.parse({
    ...(env.SANDBOX_API_KEY && { api_keys: [env.SANDBOX_API_KEY] }),
    ...(env.SANDBOX_WEBHOOKS && { webhooks: env.SANDBOX_WEBHOOKS }),
    ...(env.SANDBOX_CDN_ORIGIN && { cdn_origin: env.SANDBOX_CDN_ORIGIN }),
    ...(env.SANDBOX_SEED && { seed: env.SANDBOX_SEED }),
  });
}

export type SettingsAnswer = { ok: true; settings: WireSettings } | { ok: false; field: string; message: string };

/** Lays a change over settings; times per kind may be given in part. The first fault is named by its field. */
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

/** From the wire's names to the code's. */
export function readSettings(wire: WireSettings): Settings {
  const entries = Object.entries(wire).map(([name, value]) => [
    name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
    value,
  ]);
  return Object.fromEntries(entries) as Settings;
}

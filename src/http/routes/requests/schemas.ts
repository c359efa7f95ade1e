// How requests are spelled on the wire: what a submit may say, in its body and in headers, and what is answered.
// The schemas are what the API description is made from. Imports limits, ids and zod only.

import * as z from "zod";
import { REQUEST_ID } from "../../../platform/ids.ts";
import {
  IDEMPOTENCY_KEY_MAX_CHARS,
  TAG_TEXT_MAX_CHARS,
  TAGS_MAX,
  URL_MAX_CHARS,
  USER_MAX_CHARS,
} from "../../../platform/limits.ts";

export const requestId = z.object({
  id: z.string().regex(REQUEST_ID, "is not a request id: those are 64 hexadecimal characters"),
});

const user = z.string().min(1).max(USER_MAX_CHARS).describe("Whom the request is for; its own bucket of limits.");

export const tags = z
  .record(z.string().min(1).max(TAG_TEXT_MAX_CHARS), z.string().max(TAG_TEXT_MAX_CHARS))
  .refine((given) => Object.keys(given).length <= TAGS_MAX, `must have at most ${TAGS_MAX} tags`);

export const submitBody = z.strictObject({
  model: z.string().describe("Whole model id, e.g. fal-ai/flux/schnell."),
  input: z.looseObject({}).describe("The model's own input, passed on as it is."),
  user: user.optional(),
  tags: tags.optional(),
  metadata: z.unknown().describe("Anything of yours; given back as it is.").optional(),
  webhook_url: z
    .url({ protocol: /^https?$/ })
    .max(URL_MAX_CHARS)
    .optional()
    .describe("Where to tell the end."),
  priority: z.enum(["normal", "low"]).optional(),
  start_timeout_s: z
    .int()
    .min(1)
    .max(86_400)
    .optional()
    .describe("Give up, free of charge, if it has not begun by then."),
});

/** Seconds as fal's clients send them, fractions included. Below one nothing can start: fal refuses it too. */
const seconds = z.coerce.number().min(1).max(86_400).transform(Math.ceil);

/** A quoted string (the draft's form) and a bare one mean the same. */
const idempotencyKey = z
  .string()
  .transform((text) => /^"(.*)"$/.exec(text)?.[1] ?? text)
  .pipe(z.string().min(1).max(IDEMPOTENCY_KEY_MAX_CHARS));

const tagList = z
  .string()
  .transform((text, context) => {
    const given: Record<string, string> = {};
    for (const part of text.split(",")) {
      const [, name, value] = /^\s*([^=\s]+)\s*=\s*(.*?)\s*$/.exec(part) ?? [];
      if (name === undefined || value === undefined) {
        context.addIssue({ code: "custom", message: "must be spelled name=value,name=value" });
        return z.NEVER;
      }
      given[name] = value;
    }
    return given;
  })
  .pipe(tags);

/** `wait=N`, or Replicate's bare `wait` for as long as is allowed. Other preferences are not for us (RFC 7240, 2). */
const prefer = z.string().transform((text) => {
  const wait = /(?:^|[\s,;])wait(?:\s*=\s*("?)(\d+)\1)?\s*(?=$|[,;])/i.exec(text);
  return wait === null ? undefined : wait[2] === undefined ? Number.POSITIVE_INFINITY : Number(wait[2]);
});

export const submitHeaders = z.looseObject({
  prefer: prefer.optional(),
  "idempotency-key": idempotencyKey.optional(),
  "sluice-user": user.optional(),
  "sluice-tags": tagList.optional(),
  "x-fal-request-timeout": seconds.optional(),
  "x-fal-request-start-timeout": seconds.optional(),
  "x-fal-runner-hint": z.string().max(256).optional(),
  // fal ignores unknown priorities, so they are no reason to refuse.
  "x-fal-queue-priority": z.enum(["normal", "low"]).optional().catch(undefined),
  "x-fal-no-retry": z
    .string()
    .transform((text) => /^(1|true|yes)$/i.test(text))
    .optional(),
});

const instant = z.iso.datetime().nullable();
const jsonValue = z.unknown();

export const requestAnswer = z.object({
  id: z.string(),
  model: z.string(),
  status: z.enum(["IN_QUEUE", "IN_PROGRESS", "COMPLETED", "FAILED", "CANCELED"]),
  stage: z.enum([
    ...["held", "submitting", "uncertain", "queued", "running"],
    ...["storing", "completed", "failed", "canceled"],
  ] as const),
  queue_position: z.int().nullable().describe("While held: the place in Sluice's own queue. Afterwards fal's."),
  waiting: z
    .object({
      reason: z.enum(["pace", "slot", "upstream_paused"]),
      why: z.enum(["locked", "key_refused", "failing", "rate_limited"]).nullable(),
      since: instant,
      starts_at: instant,
    })
    .nullable()
    .describe(
      "While held: what for. `upstream_paused` says why and since when. `starts_at` is an estimate; null: not known.",
    ),
  typical_duration: z
    .object({ p50_s: z.number(), p95_s: z.number(), samples: z.int() })
    .nullable()
    .describe("How long requests of the model took lately, from submit to output; null while too few have ended."),
  created_at: instant,
  submitted_at: instant,
  started_at: instant,
  completed_at: instant,
  expires_at: instant,
  output: jsonValue.describe("The model's output, its files' URLs ours. Only once COMPLETED."),
  files: z.array(
    z.object({
      path: z.string(),
      url: z.string().nullable(),
      status: z.enum(["pending", "stored", "failed", "deleted"]),
      content_type: z.string().nullable(),
      size: z.int().nullable(),
      sha256: z.string().nullable(),
      error: z.object({ code: z.string(), message: z.string() }).nullable(),
    }),
  ),
  error: z
    .object({
      code: z.string(),
      message: z.string(),
      detail: jsonValue,
      retryable: z.boolean(),
      charged: z.union([z.boolean(), z.literal("unknown")]),
    })
    .nullable(),
  cost: z.object({
    currency: z.literal("USD"),
    estimated: z.string().nullable(),
    charged: z.string().nullable(),
    source: z.enum(["units", "measured", "reserved", "unknown"]),
  }),
  user: z.string().nullable(),
  key_id: z.string(),
  tags: z.record(z.string(), z.string()),
  metadata: jsonValue,
  metrics: jsonValue,
  logs: z.array(jsonValue).nullable(),
  webhook: z
    .object({
      url: z.string(),
      status: z.enum(["pending", "delivered", "failed"]),
      attempts: z.int(),
      delivery_id: z.string().nullable().describe("Its log: GET /v1/deliveries/{delivery_id}."),
    })
    .nullable(),
  upstream: z.object({ request_id: z.string().nullable(), calls: z.int() }),
  links: z.object({ self: z.string(), events: z.string(), timeline: z.string(), cancel: z.string() }),
});

export const summary = z.object({
  id: z.string(),
  model: z.string(),
  status: z.enum(["open", "completed", "failed", "canceled"]),
  user: z.string().nullable(),
  key_id: z.string(),
  tags: z.record(z.string(), z.string()),
  created_at: instant,
  completed_at: instant,
});

export const timelineAnswer = z.object({
  data: z.array(
    z.object({
      seq: z.int(),
      at: instant,
      event: z.string(),
      stage: z.string(),
      detail: z.record(z.string(), z.unknown()),
    }),
  ),
});

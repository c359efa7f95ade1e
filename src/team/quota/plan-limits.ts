// The limits of a plan: their schema in wire names, their scopes and sizes. Pure.

import type * as z from "zod";
import { LIMIT_COUNTS, LIMIT_PERS } from "../../platform/errors.ts";
import { microOf } from "../../platform/money.ts";
import { lazy } from "../../platform/schema.ts";
import { nearest } from "../../platform/suggest.ts";
import { TAG_TEXT_MAX_CHARS } from "../../platform/validate.ts";
import { type LimitWindow, limitWindow } from "./windows.ts";

/** USD amount as decimal text, stored as written ("5", "0.003"). */
export const usdSchema = lazy((z) =>
  z
    .string()
    .refine(
      (text) => microOf(text) !== null,
      'must be a USD amount as a string with at most six decimal places, e.g. "0.25"',
    )
    .meta({ example: "0.25" }),
);

/** Name of a limit in refusals and headers; valid inside a quoted header string. */
const limitName = lazy((z) =>
  z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/, "must be 1 to 64 characters of A-Z, a-z, 0-9, _, . and -"),
);

const COUNTED_FOR = ["team", "key", "user", "visitor", "ip", "network"] as const;
const TAG_SCOPE = new RegExp(`^tag:[^]{1,${TAG_TEXT_MAX_CHARS}}$`);
const SCOPE_FAULT = `must be one of ${COUNTED_FOR.map((scope) => `"${scope}"`).join(", ")}, or "tag:" followed by a tag name`;

function scopeFault(input: unknown): string {
  const meant = typeof input === "string" ? nearest(input, COUNTED_FOR) : null;
  return meant === null ? SCOPE_FAULT : `${SCOPE_FAULT}; did you mean "${meant}"?`;
}

const tagScope = lazy((z) =>
  z.templateLiteral(["tag:", z.string()]).refine((text) => TAG_SCOPE.test(text), SCOPE_FAULT),
);
const limitScope = lazy((z) =>
  z
    .union([z.enum(COUNTED_FOR), tagScope()], { error: ({ input }) => scopeFault(input) })
    .describe(
      "Requests that share one counter. `visitor` is the person whom a publishable key's exchange made, `ip` an IPv4 address or an IPv6 /64, `network` an IPv6 /48; `tag:client` keeps one counter for each value of the tag `client`.",
    ),
);

const limitCount = lazy((z) =>
  z
    .enum(LIMIT_COUNTS)
    .optional()
    .describe(
      "`admitted` counts what was let in, whatever becomes of it; `completed` gives a request that is canceled or fails without a charge back. Left out: `admitted` for client tokens, visitors and users' JWTs, `completed` for secret keys. Money that is not charged is always given back.",
    ),
);

export const limitSchema = lazy((z) =>
  z.discriminatedUnion(
    "per",
    [
      z.strictObject({
        name: limitName(),
        scope: limitScope(),
        per: z.literal("request"),
        limit: z.int().min(0).max(1_000_000_000),
        window: limitWindow(),
        count: limitCount(),
      }),
      z.strictObject({
        name: limitName(),
        scope: limitScope(),
        per: z.literal("usd"),
        limit: usdSchema(),
        window: limitWindow(),
      }),
      z.strictObject({
        name: limitName(),
        scope: limitScope(),
        per: z.literal("output_byte"),
        limit: z
          .int()
          .min(0)
          .max(1_000_000_000_000_000)
          .describe("Bytes of stored output. Counted when a request ends, so requests in progress can exceed it."),
        window: limitWindow(),
      }),
      z.strictObject({
        name: limitName(),
        scope: limitScope(),
        per: z.literal("upload"),
        limit: z.int().min(0).max(1_000_000_000).describe("Number of files uploaded or sent inline in an input."),
        window: limitWindow(),
        count: limitCount(),
      }),
      z.strictObject({
        name: limitName(),
        scope: limitScope(),
        per: z.literal("upload_byte"),
        limit: z
          .int()
          .min(0)
          .max(1_000_000_000_000_000)
          .describe("Bytes of uploaded files, reserved before the upload."),
        window: limitWindow(),
        count: limitCount(),
      }),
      z.strictObject({
        name: limitName(),
        scope: limitScope(),
        per: z.literal("concurrent"),
        limit: z.int().min(0).max(1_000_000).describe("Maximum number of open requests."),
        window: z.never("must be omitted: concurrent limits have no window").optional(),
      }),
    ],
    { error: unionFault },
  ),
);

const PER_FAULT = `must be one of ${LIMIT_PERS.map((per) => `"${per}"`).join(", ")}`;

/** zod's message for a missing or unknown `per` does not list the values. */
function unionFault(issue: z.core.$ZodRawIssue): string | undefined {
  return issue.code === "invalid_union" ? PER_FAULT : undefined;
}

export type PlanLimit = z.output<ReturnType<typeof limitSchema>>;
export type LimitScope = PlanLimit["scope"];
export type LimitCount = (typeof LIMIT_COUNTS)[number];
/** A parsed scope. */
export type CountedFor = { kind: (typeof COUNTED_FOR)[number] } | { kind: "tag"; name: string };
export type { LimitWindow };

export function countedFor(scope: LimitScope): CountedFor {
  switch (scope) {
    case "team":
    case "key":
    case "user":
    case "visitor":
    case "ip":
    case "network":
      return { kind: scope };
    default:
      return { kind: "tag", name: tagNameOf(scope) };
  }
}

/** Accepts tag scopes only, so that a new kind of scope does not compile until `countedFor` handles it. */
function tagNameOf(scope: z.output<ReturnType<typeof tagScope>>): string {
  return scope.slice("tag:".length);
}

/** Size of a limit in micro-USD, requests or bytes. */
export function limitSize(limit: PlanLimit): number {
  if (limit.per !== "usd") return limit.limit;
  const micro = microOf(limit.limit);
  if (micro === null) throw new Error("a plan holds an amount that its schema refuses");
  return micro;
}

// Reads a submit from body and headers into the request's spec, for every surface. Each field of a request is read only here. Limits
// and money are checked elsewhere.

import type * as z from "zod";
import type { RequestSpec } from "../contracts/request-spec.ts";
import { parseModelId } from "../models/model-id.ts";
import { checkInput, unknownModel } from "../models/models.ts";
import { mayCall } from "../net/guard.ts";
import { type Refused, refusal, refused } from "../platform/errors.ts";
import { sha256Hex } from "../platform/ids.ts";
import type { JsonTree } from "../platform/json.ts";
import { lazy } from "../platform/schema.ts";
import { METADATA_MAX_BYTES, TAGS_MAX, URL_MAX_CHARS } from "../platform/validate.ts";
import type { SubmitInput } from "../requests/service/submit.ts";
import { planOf } from "../team/auth/identity.ts";
import { guardRules, localWayOut } from "../webhooks/guard-rules.ts";
import { userFor } from "./auth.ts";
import { headerText } from "./header-text.ts";
import type { Call } from "./route.ts";
import { headerUserSchema, tagsSchema, userSchema } from "./schemas.ts";

/** Characters of an `Idempotency-Key`. */
export const IDEMPOTENCY_KEY_MAX_CHARS = 255;

const actingUser = lazy(() =>
  userSchema().describe("User for whom the request is made; limits per user count against it."),
);

export const submitBody = lazy((z) =>
  z.strictObject({
    model: z.string().describe("Full model id, e.g. fal-ai/flux/schnell."),
    input: z.looseObject({}).describe("The model's input, passed on unchanged."),
    user: actingUser().optional(),
    tags: tagsSchema().optional(),
    metadata: z.unknown().describe("Any JSON of yours, returned unchanged with the request.").optional(),
    webhook_url: z
      .url({ protocol: /^https?$/ })
      .max(URL_MAX_CHARS)
      .optional()
      .describe("URL notified when the request finishes."),
    priority: z.enum(["normal", "low"]).optional(),
    start_timeout_s: z
      .int()
      .min(1)
      .max(86_400)
      .optional()
      .describe("Seconds within which the run must start; otherwise the request fails without a charge."),
  }),
);

/** Seconds as fal's clients send them, fractions included. fal refuses values below one too. */
const seconds = lazy((z) => z.coerce.number().min(1).max(86_400).transform(Math.ceil));

/** A quoted string (the draft's form) and a bare one are equivalent. Opaque: nothing in it is decoded. */
const idempotencyKey = lazy((z) =>
  z
    .string()
    .regex(/^[\t -~]*$/, "must be ASCII")
    .transform((text) => /^"(.*)"$/.exec(text)?.[1] ?? text)
    .pipe(z.string().min(1).max(IDEMPOTENCY_KEY_MAX_CHARS)),
);

const tagList = lazy((z) =>
  z
    .string()
    .transform((text, context) => {
      const given: Record<string, string> = {};
      for (const part of text.split(",")) {
        const [, name, value] = /^\s*([^=\s]+)\s*=\s*(.*?)\s*$/.exec(part) ?? [];
        if (name === undefined || value === undefined) {
          context.addIssue({ code: "custom", message: "must have the form name=value,name=value" });
          return z.NEVER;
        }
        const texts = [headerText(name, "tags"), headerText(value, "tags")] as const;
        const fault = texts.find((each) => !each.ok);
        if (fault !== undefined && !fault.ok) {
          context.addIssue({ code: "custom", message: fault.reason });
          return z.NEVER;
        }
        const [tag, meaning] = texts.map((each) => (each.ok ? each.text : ""));
        if (tag !== undefined && meaning !== undefined) given[tag] = meaning;
      }
      return given;
    })
    .pipe(tagsSchema()),
);

/** `wait=N`, or Replicate's bare `wait` for the maximum. Other preferences are ignored (RFC 7240, 2). */
const prefer = lazy((z) =>
  z.string().transform((text) => {
    const wait = /(?:^|[\s,;])wait(?:\s*=\s*("?)(\d+)\1)?\s*(?=$|[,;])/i.exec(text);
    return wait === null ? undefined : wait[2] === undefined ? Number.POSITIVE_INFINITY : Number(wait[2]);
  }),
);

export const submitHeaders = lazy((z) =>
  z.looseObject({
    prefer: prefer().optional(),
    "idempotency-key": idempotencyKey().optional(),
    "sluice-user": headerUserSchema().optional(),
    "sluice-tags": tagList().optional(),
    "x-fal-request-timeout": seconds().optional(),
    "x-fal-request-start-timeout": seconds().optional(),
    "x-fal-runner-hint": z.string().max(256).optional(),
    // Unknown priorities are ignored, as by fal.
    "x-fal-queue-priority": z.enum(["normal", "low"]).optional().catch(undefined),
    "x-fal-no-retry": z
      .string()
      .transform((text) => /^(1|true|yes)$/i.test(text))
      .optional(),
  }),
);

/** The parts of a call that are read, for every surface. */
type SubmitCall = Pick<
  Call<"run", unknown, unknown, z.output<ReturnType<typeof submitHeaders>>, unknown>,
  "caller" | "headers" | "config" | "url"
>;

/** The fields that a surface reads elsewhere than from headers: v1 from its body, other surfaces those that they have. */
export type SpecFields = Omit<z.output<ReturnType<typeof submitBody>>, "input" | "metadata"> & {
  /** JSON text with numbers as written. */
  metadata?: string | null;
  /** `standard`, unless the call came by a fal-compatible surface. */
  webhookFormat?: RequestSpec["webhookFormat"];
  /** The Maton connection to use, if the caller may choose one. */
  connection?: string | null;
};

export interface SubmitContent {
  input: JsonTree;
  /** The same as a plain copy, for validation. */
  plainInput: unknown;
  /** Everything that was sent, as text; its hash identifies equal submits. */
  sentText: string;
}

/** The submit of a call, or why it is refused. Body fields take precedence over headers. */
export async function readSubmit(
  call: SubmitCall,
  fields: SpecFields,
  { input, plainInput, sentText }: SubmitContent,
): Promise<{ kind: "read"; submit: SubmitInput } | Refused> {
  const { caller, headers } = call;
  const unknown = unknownModel(fields.model);
  if (unknown !== null) return refused(unknown);
  const id = parseModelId(fields.model);
  if (!id.ok) return refused(refusal("invalid_request", `\`model\` ${id.reason}.`));
  const checked = checkInput(id.model, plainInput);
  if (checked.kind === "refused") return checked;
  const made = specOf(call, id.model, fields);
  if (made.kind === "refused") return made;
  const { spec } = made;
  const submit: SubmitInput = {
    team: caller.team,
    credential: caller.credential,
    visitor: caller.visitor,
    ip: caller.ip,
    network: caller.network,
    plan: planOf(caller.identity),
    spec,
    input,
    idempotencyKey: headers["idempotency-key"] ?? null,
    bodyHash: await sha256Hex(JSON.stringify([sentText, spec.user, spec.tags])),
  };
  return { kind: "read", submit };
}

function specOf(
  { caller, headers, config, url }: SubmitCall,
  model: string,
  fields: SpecFields,
): { kind: "made"; spec: RequestSpec } | Refused {
  const { webhook_url: webhookUrl = null, metadata = null } = fields;
  if (webhookUrl !== null) {
    const guarded = mayCall(webhookUrl, guardRules(config(), url.origin));
    if (!guarded.ok) {
      const hint = localWayOut(webhookUrl);
      const detail = `\`webhook_url\` is not allowed: ${guarded.reason}.`;
      return refused(refusal("invalid_request", detail, hint === undefined ? {} : { hint }));
    }
  }
  const named = namedUser(fields.user, headers["sluice-user"]);
  if (named.kind === "refused") return named;
  const acting = userFor(caller.user, named.user);
  if (acting.kind === "refused") return acting;
  if (metadata !== null && new TextEncoder().encode(metadata).byteLength > METADATA_MAX_BYTES) {
    return refused(refusal("invalid_request", `\`metadata\` exceeds ${METADATA_MAX_BYTES} bytes.`));
  }
  const sentTags = { ...headers["sluice-tags"], ...fields.tags };
  if (Object.keys(sentTags).length > TAGS_MAX) {
    return refused(refusal("invalid_request", `\`tags\` and the Sluice-Tags header together exceed ${TAGS_MAX} tags.`));
  }
  const spec: RequestSpec = {
    model,
    user: acting.user,
    tags: { ...sentTags, ...caller.tags },
    ...(caller.identity.kind === "secret" ? {} : { chosenTags: without(sentTags, caller.tags) }),
    metadata,
    options: optionsOf(headers, fields),
    startTimeoutS:
      fields.start_timeout_s ?? headers["x-fal-request-start-timeout"] ?? headers["x-fal-request-timeout"] ?? null,
    webhookUrl,
    webhookFormat: fields.webhookFormat ?? "standard",
    origin: url.origin,
  };
  return { kind: "made", spec };
}

function without(tags: Record<string, string>, fixed: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(tags).filter(([name]) => !Object.hasOwn(fixed, name)));
}

function optionsOf(headers: SubmitCall["headers"], fields: SpecFields): RequestSpec["options"] {
  const priority = fields.priority ?? headers["x-fal-queue-priority"];
  const runnerHint = headers["x-fal-runner-hint"];
  const noRetry = headers["x-fal-no-retry"];
  return {
    ...(priority === undefined ? {} : { priority }),
    ...(runnerHint === undefined ? {} : { runnerHint }),
    ...(noRetry === undefined ? {} : { noRetry }),
    ...(fields.connection == null ? {} : { connection: fields.connection }),
  };
}

/** The user that the call names in the body or the header; different names are refused. */
function namedUser(
  inBody: string | undefined,
  inHeader: string | undefined,
): { kind: "known"; user: string | undefined } | Refused {
  if (inBody !== undefined && inHeader !== undefined && inBody !== inHeader) {
    const detail = "`user` in the body and the Sluice-User header differ.";
    return refused(refusal("invalid_request", detail));
  }
  return { kind: "known", user: inBody ?? inHeader };
}

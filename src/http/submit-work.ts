// A submit as any surface heard it, checked and put into the form that the one admit-and-start road takes. What is the same
// for all surfaces is here: model id, input, webhook URL, acting user, tags. Decides nothing about limits or money.

import type * as z from "zod";
import { parseModelId } from "../models/model-id.ts";
import { checkInput, unknownModel } from "../models/models.ts";
import { mayCall } from "../net/guard.ts";
import type { Config } from "../platform/config.ts";
import { type Refused, refusal, refused } from "../platform/errors.ts";
import { sha256Hex } from "../platform/ids.ts";
import type { JsonTree } from "../platform/json.ts";
import { METADATA_MAX_BYTES, TAGS_MAX } from "../platform/limits.ts";
import type { SubmitWork } from "../requests/service/submit.ts";
import { planOf } from "../team/auth/identity.ts";
import type { EventFormat } from "../webhooks/event-body.ts";
import { guardRules } from "../webhooks/guard-rules.ts";
import { type Caller, userFor } from "./auth.ts";
import type { submitHeaders } from "./routes/requests/schemas.ts";

export interface SubmitAsked {
  caller: Caller;
  config: Config;
  /** Origin that the call came in on. */
  origin: string;
  headers: z.output<typeof submitHeaders>;
  /** As the caller wrote it. */
  model: string;
  input: JsonTree;
  /** The same as a plain copy, for checks. */
  plainInput: unknown;
  /** Named in the body; the header Sluice-User may name one too. */
  user?: string | undefined;
  tags?: Record<string, string> | undefined;
  /** JSON text. */
  metadata?: string | null;
  webhookUrl?: string | undefined;
  /** In whose shape it hears of the end: ours, unless the caller speaks as to fal. */
  webhookFormat?: EventFormat;
  priority?: "normal" | "low" | undefined;
  startTimeoutS?: number | undefined;
  /** The Maton connection to use, where the caller may choose one. */
  connection?: string | null;
  /** All that was said, as text: equal posts are told by it. */
  said: string;
}

/** The work that a submit asks for, or why it is refused. Body fields win over headers. */
export async function submitWork(asked: SubmitAsked): Promise<{ kind: "ready"; work: SubmitWork } | Refused> {
  const { caller, config, origin, headers } = asked;
  const id = parseModelId(asked.model);
  const unknown = unknownModel(asked.model);
  if (unknown !== null) return refused(unknown);
  if (!id.ok) return refused(refusal("invalid_request", `\`model\` ${id.reason}.`));
  const checked = checkInput(id.model, asked.plainInput);
  if (checked.kind === "refused") return checked;
  if (asked.webhookUrl !== undefined) {
    const guarded = mayCall(asked.webhookUrl, guardRules(config, origin));
    if (!guarded.ok) {
      return refused(refusal("invalid_request", `\`webhook_url\` may not be called: ${guarded.reason}.`));
    }
  }
  const named = namedUser(asked.user, headers["sluice-user"]);
  if (named.kind === "refused") return named;
  const acting = userFor(caller.user, named.user);
  if (acting.kind === "refused") return acting;
  const metadata = asked.metadata ?? null;
  if (metadata !== null && new TextEncoder().encode(metadata).byteLength > METADATA_MAX_BYTES) {
    return refused(refusal("invalid_request", `\`metadata\` is larger than ${METADATA_MAX_BYTES} bytes.`));
  }
  const sentTags = { ...headers["sluice-tags"], ...asked.tags };
  if (Object.keys(sentTags).length > TAGS_MAX) {
    return refused(refusal("invalid_request", `Body and Sluice-Tags together have more than ${TAGS_MAX} tags.`));
  }
  const tags = { ...sentTags, ...caller.tags };
  const { team, credential, visitor, ip } = caller;
  const priority = asked.priority ?? headers["x-fal-queue-priority"];
  const runnerHint = headers["x-fal-runner-hint"];
  const noRetry = headers["x-fal-no-retry"];
  const work: SubmitWork = {
    ...{ team, credential, visitor, ip, plan: planOf(caller.identity) },
    ...{ model: id.model, user: acting.user, tags, input: asked.input, metadata, origin },
    options: {
      ...(priority === undefined ? {} : { priority }),
      ...(runnerHint === undefined ? {} : { runnerHint }),
      ...(noRetry === undefined ? {} : { noRetry }),
      ...(asked.connection == null ? {} : { connection: asked.connection }),
    },
    startTimeoutS:
      asked.startTimeoutS ?? headers["x-fal-request-start-timeout"] ?? headers["x-fal-request-timeout"] ?? null,
    webhookUrl: asked.webhookUrl ?? null,
    webhookFormat: asked.webhookFormat ?? "standard",
    idempotencyKey: headers["idempotency-key"] ?? null,
    bodyHash: await sha256Hex(JSON.stringify([asked.said, acting.user, tags])),
  };
  return { kind: "ready", work };
}

/** Whom the call names, in the body or the header; two different names are a mistake worth a word. */
function namedUser(
  inBody: string | undefined,
  inHeader: string | undefined,
): { kind: "known"; user: string | undefined } | Refused {
  if (inBody !== undefined && inHeader !== undefined && inBody !== inHeader) {
    const detail = "`user` in the body and the Sluice-User header name different users.";
    return refused(refusal("invalid_request", detail));
  }
  return { kind: "known", user: inBody ?? inHeader };
}

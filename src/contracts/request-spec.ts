// What the caller requested: built once from body, headers and credential, then stored by the tracker. Types only.

import type { EventFormat } from "../webhooks/event-body.ts";

/** The caller's options that travel upstream as X-Fal headers (names: fal.ai/docs …/common-parameters). */
export interface UpstreamOptions {
  priority?: "normal" | "low";
  runnerHint?: string;
  noRetry?: boolean;
  /** The Maton connection to send it over, where an admin named one. */
  connection?: string;
}

/** Never changes once the request is admitted. The model's input is not part of it: it is kept apart, because of its size. */
export interface RequestSpec {
  /** Whole model id. */
  model: string;
  /** The user that the call acts for; null: none. */
  user: string | null;
  tags: Record<string, string>;
  /**
   * Those of the tags that the holder of a client token or a user's JWT chose: events carry them apart, with the metadata. Absent: the
   * request was made with a secret key, whose word is the team's.
   */
  chosenTags?: Record<string, string>;
  /** JSON text as the caller sent it. */
  metadata: string | null;
  options: UpstreamOptions;
  /** Seconds from the admit within which it has to start. */
  startTimeoutS: number | null;
  /** URL notified when the request finishes. */
  webhookUrl: string | null;
  /** Format of that notification. */
  webhookFormat: EventFormat;
  /** Origin the request was submitted through: the base of Sluice's URLs when BASE_URL is not set. */
  origin: string;
}

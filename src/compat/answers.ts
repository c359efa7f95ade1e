// Response schemas of the compatible surfaces: fal's queue and Maton's connections.

import { lazy } from "../platform/schema.ts";

const urls = lazy((z) => ({ response_url: z.string(), status_url: z.string(), cancel_url: z.string() }));

export const submittedSchema = lazy((z) =>
  z.object({
    status: z.literal("IN_QUEUE"),
    request_id: z.string(),
    ...urls(),
    queue_position: z.int(),
  }),
);

export const statusSchema = lazy((z) =>
  z.object({
    status: z
      .enum(["IN_QUEUE", "IN_PROGRESS", "COMPLETED"])
      .describe("COMPLETED includes failures, which have `error`."),
    request_id: z.string(),
    ...urls(),
    queue_position: z.int().optional().describe("Only while IN_QUEUE."),
    logs: z.array(z.unknown()).nullable().optional().describe("Null unless requested with `logs`."),
    metrics: z.unknown().optional().describe("Only once COMPLETED."),
    error: z.string().optional(),
    error_type: z.string().optional(),
  }),
);

export const cancelSchema = lazy((z) => z.object({ status: z.literal("CANCELLATION_REQUESTED") }));

export const outputSchema = lazy((z) => z.unknown().describe("The model's output."));

export const uploadSchema = lazy((z) => z.object({ upload_url: z.string(), file_url: z.string() }));

const connection = lazy((z) => z.looseObject({ connection_id: z.string() }));

export const connectionSchema = lazy((z) => z.looseObject({ connection: connection() }));

export const connectionsSchema = lazy((z) => z.looseObject({ connections: z.array(connection()) }));

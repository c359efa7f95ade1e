// Response schemas of the compatible surfaces: fal's queue and Maton's connections.

import * as z from "zod";

const urls = { response_url: z.string(), status_url: z.string(), cancel_url: z.string() };

export const submittedSchema = z.object({
  status: z.literal("IN_QUEUE"),
  request_id: z.string(),
  ...urls,
  queue_position: z.int(),
});

export const statusSchema = z.object({
  status: z.enum(["IN_QUEUE", "IN_PROGRESS", "COMPLETED"]).describe("COMPLETED includes failures, which have `error`."),
  request_id: z.string(),
  ...urls,
  queue_position: z.int().optional().describe("Only while IN_QUEUE."),
  logs: z.array(z.unknown()).nullable().optional().describe("Null unless requested with `logs`."),
  metrics: z.unknown().optional().describe("Only once COMPLETED."),
  error: z.string().optional(),
  error_type: z.string().optional(),
});

export const cancelSchema = z.object({ status: z.literal("CANCELLATION_REQUESTED") });

export const outputSchema = z.unknown().describe("The model's output.");

export const uploadSchema = z.object({ upload_url: z.string(), file_url: z.string() });

const connection = z.looseObject({ connection_id: z.string() });

export const connectionSchema = z.looseObject({ connection: connection });

export const connectionsSchema = z.looseObject({ connections: z.array(connection) });

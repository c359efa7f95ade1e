// Cloudflare's public prices in USD, beyond what a paid plan includes, as they stood on 2026-11-22. Sources beside them.

export const PRICES_AS_OF = "2026-11-22";

/** developers.cloudflare.com/workers/platform/pricing */
export const WORKER_REQUEST_USD = 0.3e-6;
export const WORKER_CPU_MS_USD = 0.02e-6;

/** developers.cloudflare.com/durable-objects/platform/pricing. Calls by RPC and alarms alike are requests. */
export const OBJECT_REQUEST_USD = 0.15e-6;
/** Of wall-clock time in which an object runs or waits, whatever memory it uses: each is billed as 128 MB. */
export const OBJECT_GB_SECOND_USD = 12.5e-6;
export const OBJECT_GB = 0.128;
export const ROW_READ_USD = 0.001e-6;
/** A set alarm counts as a row written. */
export const ROW_WRITTEN_USD = 1e-6;
export const OBJECT_GB_MONTH_USD = 0.2;

/** developers.cloudflare.com/r2/pricing, standard storage. Deletes are free. */
export const R2_CLASS_A_USD = 4.5e-6;
export const R2_CLASS_B_USD = 0.36e-6;
export const R2_GB_MONTH_USD = 0.015;
/** Methods of a bucket by what they are billed as; what is in neither list is free. */
export const R2_CLASS_A = ["put", "list", "createMultipartUpload"];
export const R2_CLASS_B = ["get", "head"];

/** developers.cloudflare.com/workers/observability/logs/workers-logs: each line kept, beyond 20 million a month. */
export const LOG_LINE_USD = 0.6e-6;

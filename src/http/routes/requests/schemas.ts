// Wire schemas that the routes of requests share.

import { REQUEST_ID } from "../../../platform/ids.ts";
import { lazy } from "../../../platform/schema.ts";

export const requestId = lazy((z) =>
  z.object({
    id: z.string().regex(REQUEST_ID, "must be a request id: 64 hexadecimal characters"),
  }),
);

// Wire schemas that the routes of requests share.

import * as z from "zod";
import { REQUEST_ID } from "../../../platform/ids.ts";

export const requestId = z.object({
  id: z.string().regex(REQUEST_ID, "must be a request id: 64 hexadecimal characters"),
});

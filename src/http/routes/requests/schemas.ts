// Pieces of the wire that the routes of requests share.

import * as z from "zod";
import { REQUEST_ID } from "../../../platform/ids.ts";

export const requestId = z.object({
  id: z.string().regex(REQUEST_ID, "is not a request id: those are 64 hexadecimal characters"),
});

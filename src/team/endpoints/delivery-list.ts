// Pages of the delivery index, newest first. Synchronous over the store.

import type { DeliveryListAnswer, DeliveryListInput } from "../../contracts/team-webhooks.ts";
import { refusal } from "../../platform/errors.ts";
import { DELIVERY_ID } from "../../platform/ids.ts";
import { decodeCursor, encodeCursor } from "../cursor.ts";
import type { DeliveryStore } from "./delivery-store.ts";

/** `limit` is at least 1. */
export function listDeliveries(
  deliveries: DeliveryStore,
  { cursor, limit, ...filter }: DeliveryListInput,
): DeliveryListAnswer {
  const position = cursor === undefined ? null : decodeCursor(cursor, DELIVERY_ID);
  if (cursor !== undefined && position === null) {
    return { kind: "refused", refusal: refusal("invalid_request", "`cursor` is not one of ours.") };
  }
  const found = deliveries.list(filter, position, limit + 1);
  const data = found.slice(0, limit);
  const last = found.length > data.length ? data.at(-1) : undefined;
  return { kind: "page", data, nextCursor: last === undefined ? null : encodeCursor(last) };
}

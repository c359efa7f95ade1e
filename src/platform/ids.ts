// Formats of ids: request ids (unique id of the tracker object), prefixed ids and random text. No I/O.

/** Team ids are chosen by the operator and are part of API keys and R2 object keys. */
export const TEAM_ID = /^[a-z0-9-]{1,32}$/;
/** A tracker's unique id in hex. Checks the format only; `idFromString` refuses ids of other deployments. */
export const REQUEST_ID = /^[0-9a-f]{64}$/;

/** Id of an upload created with POST /v1/uploads; inline files have ids derived from their request (files/input-urls.ts). */
export const UPLOAD_ID = /^upl_[0-9A-Za-z]{20}$/;
/** Id of a delivery. */
export const DELIVERY_ID = /^dlv_[0-9A-Za-z]{20}$/;

const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** `length` random characters of about 5.95 bits each; rejection sampling keeps them uniform. */
export function randomText(length: number): string {
  let text = "";
  while (text.length < length) {
    for (const byte of crypto.getRandomValues(new Uint8Array(length))) {
      if (byte < 248 && text.length < length) text += BASE62[byte % 62];
    }
  }
  return text;
}

/** A prefixed id: `key_…`, `evt_…` and 20 random characters (119 bits). */
export function newId(prefix: "key" | "evt" | "whk" | "dlv" | "rpl" | "upl" | "shr"): string {
  return `${prefix}_${randomText(20)}`;
}

export function hex(bytes: ArrayBuffer | Uint8Array): string {
  let text = "";
  for (const byte of new Uint8Array(bytes)) text += byte.toString(16).padStart(2, "0");
  return text;
}

export async function sha256Hex(data: string | Uint8Array): Promise<string> {
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
  return hex(await crypto.subtle.digest("SHA-256", bytes));
}

/** Author of what the operator changes, as audit entries name it; ids of keys begin with `key_`. */
export const OPERATOR = "operator";

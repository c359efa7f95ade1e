// How ids and keys are spelled: request ids (the tracker object's unique id), prefixed ids, key text with its checksum. No I/O.

/** Team ids are chosen by the operator and travel inside keys and R2 keys. */
export const TEAM_ID = /^[a-z0-9-]{1,32}$/;
/** A tracker's unique id in hex. Shape only; `idFromString` refuses ids that this deployment did not make. */
export const REQUEST_ID = /^[0-9a-f]{64}$/;

/** An upload that was announced by itself; one inside a request is called after it (files/input-urls.ts). */
export const UPLOAD_ID = /^upl_[0-9A-Za-z]{20}$/;
/** As `newId` spells a delivery's. */
export const DELIVERY_ID = /^dlv_[0-9A-Za-z]{20}$/;

const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** `length` characters of about 5.95 random bits each; the rejection keeps them evenly spread. */
export function randomText(length: number): string {
  let text = "";
  while (text.length < length) {
    for (const byte of crypto.getRandomValues(new Uint8Array(length))) {
      if (byte < 248 && text.length < length) text += BASE62[byte % 62];
    }
  }
  return text;
}

/** `key_…`, `evt_…`: a prefix that says what it is and 20 random characters (119 bits). */
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

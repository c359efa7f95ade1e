// The page origin of a call, and whether the credential may be used there. Only browsers are bound by the Origin header; scripts can
// set any. The check keeps a copied key out of other sites' pages, no more.

import { type Refusal, refusal } from "../platform/errors.ts";

/** Where a credential may be used. Origins are compared exactly, as browsers send them. */
export interface OriginRules {
  /** Pages must be on this list; calls from elsewhere are allowed. Null: no list. */
  listed: readonly string[] | null;
  /** A page that counts as listed: the console's, for secret keys. Null: none. */
  own: string | null;
  /** The call must come from a page of one of these. Null: it may come from anywhere. */
  bound: readonly string[] | null;
}

/**
 * The origin of the page that makes this call; null when it is not a page. Browsers leave `Origin` out of a page's GETs to its own
 * host, and then say `Sec-Fetch-Site: same-origin`, which scripts cannot set (fetch.spec.whatwg.org, forbidden headers).
 */
export function pageOrigin(request: Request): string | null {
  const origin = request.headers.get("Origin");
  if (origin !== null) return origin;
  return request.headers.get("Sec-Fetch-Site") === "same-origin" ? new URL(request.url).origin : null;
}

/** Why a call from this page is refused, or null. The message does not reveal the list, which names the owner's other sites. */
export function originFault(page: string | null, { listed, own, bound }: OriginRules): Refusal | null {
  if (bound !== null && page === null) {
    return refusal("origin_not_allowed", "This credential can only be used from a page of its own origin.", {
      hint: "Call from that page; browsers send the Origin header. On a server, use a secret key.",
    });
  }
  if (page === null) return null;
  const isListed = listed === null || page === own || listed.includes(page);
  if (isListed && (bound === null || bound.includes(page))) return null;
  return refusal("origin_not_allowed", `This credential is not allowed from ${shown(page)}.`, {
    hint: "Ask a team admin to add the exact origin (scheme, host, port) to the key or its plan.",
  });
}

/** The caller's header, if it is an origin. */
function shown(page: string): string {
  return /^[a-z][a-z0-9+.-]*:\/\/[\w.:[\]-]{1,255}$/i.test(page) ? page : "this origin";
}

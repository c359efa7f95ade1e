// Which page a call comes from, and whether the credential may be used there. An Origin header only stops browsers: who
// writes scripts sets it as they like. It keeps a copied key out of other people's pages, and no more is claimed.

import { type Refusal, refusal } from "../platform/errors.ts";

/** Where a credential may be used from. Origins are compared to the letter, as browsers send them. */
export interface OriginRules {
  /** Pages must be on this list, callers that are no pages are let through. Null: no list. */
  listed: readonly string[] | null;
  /** The call must come from a page of one of these. Null: need not come from a page. */
  bound: readonly string[] | null;
}

/**
 * The origin of the page that makes this call; null when none does. Browsers leave `Origin` out of a page's GETs to its own
 * host, and then say `Sec-Fetch-Site: same-origin`, which no script can set (fetch.spec.whatwg.org, forbidden headers).
 */
export function pageOrigin(request: Request): string | null {
  const origin = request.headers.get("Origin");
  if (origin !== null) return origin;
  return request.headers.get("Sec-Fetch-Site") === "same-origin" ? new URL(request.url).origin : null;
}

/** Why a call from this page is refused, or null. The list itself is not told: it names the owner's other sites. */
export function originFault(page: string | null, { listed, bound }: OriginRules): Refusal | null {
  if (bound !== null && page === null) {
    return refusal("origin_not_allowed", "This credential works from a page of its own origin only.", {
      hint: "Call from that page: browsers send the Origin header by themselves. Servers use a secret key.",
    });
  }
  if (page === null || [listed, bound].every((origins) => origins === null || origins.includes(page))) return null;
  return refusal("origin_not_allowed", `Pages of ${shown(page)} may not use this credential.`, {
    hint: "An admin of the team lists the exact origin (scheme, host, port) on the key or in its plan.",
  });
}

/** The caller's own header, as far as it is an origin. */
function shown(page: string): string {
  return /^[a-z][a-z0-9+.-]*:\/\/[\w.:[\]-]{1,255}$/i.test(page) ? page : "this origin";
}

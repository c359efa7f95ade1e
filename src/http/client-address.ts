// The address of a caller, as Cloudflare reports it.

/** Null in a local run. No other header is trusted. */
export function addressOf(request: Request): string | null {
  return request.headers.get("CF-Connecting-IP");
}

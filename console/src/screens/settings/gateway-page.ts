// Which addresses of a connection are shown: https at the gateway's own host. Anything else could be a page that asks for a key. Pure.

const GATEWAY_HOST = "maton.ai";

export function gatewayPage(url: string | null): string | null {
  const parsed = url === null ? null : URL.parse(url);
  if (parsed === null || parsed.protocol !== "https:") return null;
  return parsed.hostname === GATEWAY_HOST || parsed.hostname.endsWith(`.${GATEWAY_HOST}`) ? parsed.href : null;
}

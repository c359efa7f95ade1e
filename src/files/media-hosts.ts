// Which URLs may be copied: the operator's list of media hosts (FAL_MEDIA_HOSTS) as one yes-or-no function.
// Pure: no I/O. A Worker cannot resolve names before it fetches, so the whole defence is this exact list.

/** Whether a URL stands on a host that may be copied from. */
export type AllowedUrl = (url: URL) => boolean;

/**
 * Makes the check from FAL_MEDIA_HOSTS, whose entries are hosts (`v3.fal.media`) or origins (`http://localhost:8788`).
 * A plain host means https on its default port (or on the port written with it), matched whole, and never an IP address.
 * An entry written as an origin is taken as it stands: naming the scheme is the operator's word for a local run.
 */
export function allowedHosts(entries: readonly string[]): AllowedUrl {
  const origins = new Set<string>();
  for (const entry of entries) {
    const named = /^https?:\/\//i.test(entry);
    const url = URL.parse(named ? entry : `https://${entry}`);
    if (url === null || (!named && isIpAddress(url.hostname))) continue;
    origins.add(url.origin);
  }
  // Userinfo is refused although the host matches: it would be sent as a credential.
  return (url) => origins.has(url.origin) && url.username === "" && url.password === "";
}

/** The URL parser has already turned every spelling (`2130706433`, `0x7f.1`, `[::ffff:127.0.0.1]`) into one of these. */
function isIpAddress(hostname: string): boolean {
  return hostname.startsWith("[") || /^\d+\.\d+\.\d+\.\d+$/.test(hostname);
}

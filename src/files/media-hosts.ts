// Which URLs may be copied: the operator's list of media hosts (FAL_MEDIA_HOSTS) as one yes-or-no function.
// Pure: no I/O. A Worker cannot resolve names before it fetches, so the whole defence is this exact list.

import { mediaHost } from "../platform/media-host.ts";

/** Whether a URL stands on a host that may be copied from. */
export type AllowedUrl = (url: URL) => boolean;

/**
 * Makes the check from FAL_MEDIA_HOSTS, whose entries are hosts (`fal.media`), all hosts below one (`*.fal.media`) or origins
 * (`http://localhost:8788`). A host means https on its default port (or on the port written with it), and never an IP address.
 * An entry written as an origin is taken as it stands: naming the scheme is the operator's word for a local run.
 */
export function allowedHosts(entries: readonly string[]): AllowedUrl {
  const origins = new Set<string>();
  const parents: string[] = [];
  for (const entry of entries) {
    const read = mediaHost(entry);
    if (read.kind === "origin") origins.add(read.origin);
    if (read.kind === "below") parents.push(read.suffix);
  }
  return (url) => {
    // Userinfo is refused although the host matches: it would be sent as a credential.
    if (url.username !== "" || url.password !== "") return false;
    if (origins.has(url.origin)) return true;
    return url.protocol === "https:" && url.port === "" && parents.some((suffix) => url.hostname.endsWith(suffix));
  };
}

// Whether a URL that somebody else chose may be called, by its spelling alone; asked when it is saved and again at each call.
// Accepted loss: a Worker cannot resolve a name before it fetches, so a public name that points at a private address passes. It
// finds nothing there, since a Worker has no private network, and redirects are never followed. Pure.

export interface GuardRules {
  /** `host:port` entries that are exempt from the rules on scheme, port and host (RELAY_ALLOW_HOSTS). */
  allowHosts: readonly string[];
  /** Host names that lead back to this deployment, spelled as `URL.hostname` spells them. */
  ownHosts: readonly string[];
}

export type GuardVerdict = { ok: true; url: URL } | { ok: false; reason: string };

/** Ends of names that only a private network resolves: RFC 6761 (localhost), RFC 6762 (local), ICANN's reserved `internal`. */
const LOCAL_ENDS = new Set(["localhost", "local", "internal"]);

/**
 * The verdict on a URL, with the parsed URL to call: the text itself may read differently than it parses. A `reason` ends
 * the sentence "The URL is refused: …" and quotes nothing of the URL, which may hold a secret.
 */
export function mayCall(text: string, { allowHosts, ownHosts }: GuardRules): GuardVerdict {
  const url = URL.parse(text);
  if (url === null) return { ok: false, reason: "it is not a URL" };
  const reason = spellingFault(url) ?? (isExempt(url, allowHosts) ? null : hostFault(url, ownHosts));
  return reason === null ? { ok: true, url } : { ok: false, reason };
}

/** What no URL may carry, wherever it leads. */
function spellingFault(url: URL): string | null {
  // Userinfo would be sent as a credential, and hides the real host from people.
  if (url.username !== "" || url.password !== "") return "it contains a user name or password";
  // An empty fragment leaves no trace in `url.hash`; inside `href` the sign stands for nothing else.
  if (url.href.includes("#")) return "it has a fragment";
  return null;
}

/**
 * Which hosts may be called. The URL parser has turned every spelling of an address (`2130706433`, `0x7f.1`, full-width
 * digits, `[::ffff:a00:1]`) into a dotted quad or brackets, and all of them are refused: no public receiver needs one.
 */
function hostFault(url: URL, ownHosts: readonly string[]): string | null {
  const host = url.hostname;
  if (url.protocol !== "https:") return "it does not begin with https://";
  if (url.port !== "") return "its port is not 443";
  if (host.startsWith("[") || /^[0-9]+(\.[0-9]+){3}$/.test(host)) return "its host is an IP address";
  // A rooted name is the same host in a second spelling, which no list of names would match.
  if (host.endsWith(".")) return "its host ends with a dot";
  const labels = host.split(".");
  if (labels.length === 1 || LOCAL_ENDS.has(labels.at(-1) ?? "")) return "its host is a local name";
  if (ownHosts.includes(host)) return "its host is this gateway";
  return null;
}

/** Whether the operator named this host and port. Entries without a port match nothing. */
function isExempt(url: URL, allowHosts: readonly string[]): boolean {
  const port = portOf(url);
  if (port === null) return false;
  return allowHosts.some((entry) => {
    const allowed = /^[^/?#@\s]+:[0-9]+$/.test(entry) ? URL.parse(`http://${entry}`) : null;
    return allowed !== null && allowed.hostname === url.hostname && portOf(allowed) === port;
  });
}

function portOf(url: URL): string | null {
  switch (url.protocol) {
    case "http:":
      return url.port || "80";
    case "https:":
      return url.port || "443";
    default:
      return null;
  }
}

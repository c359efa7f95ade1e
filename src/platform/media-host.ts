// Reads an entry of FAL_MEDIA_HOSTS. Pure, and loads in plain Node, as config.ts does.

/** One entry; `never`: no URL could match it. */
export function mediaHost(
  entry: string,
): { kind: "origin"; origin: string } | { kind: "below"; suffix: string } | { kind: "never" } {
  // The last part has a letter: below `*.0.0.1` there would be addresses.
  if (/^\*\.(?:[a-z0-9-]+\.)+(?=[0-9-]*[a-z])[a-z0-9-]+$/i.test(entry))
    return { kind: "below", suffix: entry.slice(1).toLowerCase() };
  const isOrigin = /^https?:\/\//i.test(entry);
  if (!isOrigin && !/^[a-z0-9.-]+(:[0-9]+)?$/i.test(entry)) return { kind: "never" };
  const url = URL.parse(isOrigin ? entry : `https://${entry}`);
  if (url === null || url.pathname !== "/" || url.search !== "" || url.hash !== "") return { kind: "never" };
  if (url.username !== "" || url.hostname.includes("*") || url.hostname.endsWith(".")) return { kind: "never" };
  if (!isOrigin && isIpAddress(url.hostname)) return { kind: "never" };
  return { kind: "origin", origin: url.origin };
}

/** The URL parser has already turned every spelling (`2130706433`, `0x7f.1`, `[::ffff:127.0.0.1]`) into one of these. */
function isIpAddress(hostname: string): boolean {
  return hostname.startsWith("[") || /^\d+\.\d+\.\d+\.\d+$/.test(hostname);
}

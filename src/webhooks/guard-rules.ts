// URL guard rules for customer webhooks, from the configuration. Checked when a URL is saved and at every attempt. Pure.

import type { GuardRules } from "../net/guard.ts";
import type { Config } from "../platform/config.ts";

/**
 * The ways out for a webhook URL that is refused because it leads to a receiver on somebody's own machine or network; undefined for
 * any other fault.
 */
export function localWayOut(text: string): string | undefined {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== "" || !isLocal(url.hostname))
    return undefined;
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  return `For a receiver on your own machine: \`npm run listen -- --forward ${url.origin}${url.pathname}\` forwards events to it, or the operator allows it with RELAY_ALLOW_HOSTS=${url.hostname}:${port}.`;
}

function isLocal(host: string): boolean {
  const name = host.replace(/\.$/, "");
  return (
    !name.includes(".") || name.startsWith("[") || /^[0-9.]+$/.test(name) || /\.(localhost|local|internal)$/.test(name)
  );
}

/** `origin`: origin of the submit call. It belongs to this gateway and is the only known one without BASE_URL. */
export function guardRules(
  { RELAY_ALLOW_HOSTS, PUBLIC_URL, BASE_URL }: Pick<Config, "RELAY_ALLOW_HOSTS" | "PUBLIC_URL" | "BASE_URL">,
  origin: string,
): GuardRules {
  const ownHosts = [PUBLIC_URL, BASE_URL, origin].flatMap((base) => (base && URL.parse(base)?.hostname) || []);
  return { allowHosts: RELAY_ALLOW_HOSTS, ownHosts };
}

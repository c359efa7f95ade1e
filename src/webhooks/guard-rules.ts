// The URL guard's rules for customer webhooks, from the configuration: the edge asks with them at save, the relay at send.
// Pure.

import type { GuardRules } from "../net/guard.ts";
import type { Config } from "../platform/config.ts";

/** `origin` is the one that the request was submitted through: ours as well, and the only one known without BASE_URL. */
export function guardRules(
  { RELAY_ALLOW_HOSTS, PUBLIC_URL, BASE_URL }: Pick<Config, "RELAY_ALLOW_HOSTS" | "PUBLIC_URL" | "BASE_URL">,
  origin: string,
): GuardRules {
  const ownHosts = [PUBLIC_URL, BASE_URL, origin].flatMap((base) => (base && URL.parse(base)?.hostname) || []);
  return { allowHosts: RELAY_ALLOW_HOSTS, ownHosts };
}

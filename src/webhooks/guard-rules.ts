// URL guard rules for customer webhooks, from the configuration. Checked when a URL is saved and at every attempt. Pure.

import type { GuardRules } from "../net/guard.ts";
import type { Config } from "../platform/config.ts";

/** `origin`: origin of the submit call. It belongs to this gateway and is the only known one without BASE_URL. */
export function guardRules(
  { RELAY_ALLOW_HOSTS, PUBLIC_URL, BASE_URL }: Pick<Config, "RELAY_ALLOW_HOSTS" | "PUBLIC_URL" | "BASE_URL">,
  origin: string,
): GuardRules {
  const ownHosts = [PUBLIC_URL, BASE_URL, origin].flatMap((base) => (base && URL.parse(base)?.hostname) || []);
  return { allowHosts: RELAY_ALLOW_HOSTS, ownHosts };
}

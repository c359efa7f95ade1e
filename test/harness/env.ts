// The bindings of the Worker under test, and where it believes that it stands.

import { env } from "cloudflare:workers";
import type { Env } from "../../src/platform/bindings.ts";

export const bindings = env as unknown as Env & { ADMIN_TOKEN: string };
export const { ADMIN_TOKEN } = bindings;

export const BASE = "https://sluice.test";

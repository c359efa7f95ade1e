// Variables and secrets, validated by one zod schema and parsed once per isolate. The launcher uses the same schema, so this
// file must load in plain Node.

import * as z from "zod";
import type { Env } from "./bindings.ts";

const SECRET_MIN_BYTES = 32;
/** Characters allowed in a header value; others would make every call fail. */
const HEADER_TEXT = /^[\x21-\x7e]*$/;
const HEADER_TEXT_FAULT = "must be printable ASCII without spaces";

function commaList(text: string): string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

/** Base URL without trailing slash; http is for local deployments. */
const baseUrl = z
  .string()
  .refine((text) => /^https?:\/\/[^\s?#]+$/.test(text) && URL.canParse(text), "must be an HTTP(S) URL without a query")
  .transform((text) => text.replace(/\/+$/, ""));

/** Webhook URL: a query may carry a token, credentials in the URL are refused. */
const webhookUrl = z
  .string()
  .refine(
    (text) => /^https?:\/\/[^\s#@]+$/.test(text) && URL.canParse(text),
    "must be an HTTP(S) URL without credentials or a fragment",
  );

/** An empty variable counts as unset. */
function optional<T extends z.ZodType>(schema: T) {
  return z.preprocess((value) => (value === "" ? undefined : value), schema.optional());
}

function withDefault<T extends z.ZodType>(schema: T, fallback: string) {
  return z.preprocess((value) => (value === undefined || value === "" ? fallback : value), schema);
}

const positiveInt = z
  .string()
  .regex(/^[1-9][0-9]{0,6}$/, "must be a positive integer")
  .transform(Number);

const share = z
  .string()
  .regex(/^(?:0|1|0?\.[0-9]{1,9}|1\.0{1,9})$/, "must be a number from 0 to 1")
  .transform(Number);

const mediaHosts = z.string().transform((text, context) => {
  const hosts = commaList(text);
  for (const [index, host] of hosts.entries()) {
    const wellFormed = /^https?:\/\//.test(host)
      ? URL.canParse(host) && new URL(host).pathname === "/"
      : /^[a-z0-9.-]+(:[0-9]+)?$/i.test(host);
    if (!wellFormed) {
      context.addIssue({ code: "custom", message: `entry ${index + 1} is neither a host nor an origin` });
      return z.NEVER;
    }
  }
  return hosts;
});

const hostsWithPorts = z
  .string()
  .transform(commaList)
  .refine(
    (hosts) => hosts.every((host) => /^[^/?#@\s]+:[0-9]+$/.test(host)),
    "must be a comma-separated list of host:port",
  );

const signingKeys = z.string().transform((text, context) => {
  const keys = commaList(text);
  if (keys.length === 0 || keys.some((key) => new TextEncoder().encode(key).length < SECRET_MIN_BYTES)) {
    context.addIssue({
      code: "custom",
      message: `must be one or more comma-separated secrets of at least ${SECRET_MIN_BYTES} bytes each`,
    });
    return z.NEVER;
  }
  return keys;
});

/** Every variable of Sluice. Names, defaults and meanings: docs/operate.md, "Configuration". */
export const configSchema = z.object({
  MATON_API_KEY: z.string({ error: "is missing" }).min(1, "is missing").regex(HEADER_TEXT, HEADER_TEXT_FAULT),
  MATON_CONNECTION: optional(z.string().regex(HEADER_TEXT, HEADER_TEXT_FAULT)),
  MATON_GATEWAY_URL: withDefault(baseUrl, "https://gateway.maton.ai"),
  MATON_CONTROL_URL: withDefault(baseUrl, "https://ctrl.maton.ai"),
  FAL_JWKS_URL: withDefault(baseUrl, "https://rest.fal.ai/.well-known/jwks.json"),
  FAL_MEDIA_HOSTS: withDefault(mediaHosts, "v3.fal.media,v3b.fal.media,fal.media"),
  PUBLIC_URL: optional(baseUrl),
  BASE_URL: optional(baseUrl),
  SIGNING_KEY: z.string({ error: "is missing" }).pipe(signingKeys),
  ADMIN_TOKEN: optional(z.string().min(SECRET_MIN_BYTES, `must have at least ${SECRET_MIN_BYTES} characters`)),
  UPSTREAM_RPS: withDefault(positiveInt, "10"),
  UPSTREAM_SLOTS: withDefault(positiveInt, "40"),
  LOG_ONE_OF: withDefault(positiveInt, "10"),
  LOG_SAMPLE: withDefault(share, "1"),
  RELAY_ALLOW_HOSTS: withDefault(hostsWithPorts, ""),
  OPERATOR_WEBHOOK_URL: optional(webhookUrl),
  TURNSTILE_VERIFY_URL: withDefault(baseUrl, "https://challenges.cloudflare.com/turnstile/v0/siteverify"),
});

export type Config = z.infer<typeof configSchema>;
export type ConfigProblem = { name: string; message: string };
export type ConfigAnswer = { ok: true; config: Config } | { ok: false; problems: ConfigProblem[] };

/** Validates variables. Problems contain names and reasons, never values. */
export function parseConfig(variables: unknown): ConfigAnswer {
  const parsed = configSchema.safeParse(variables);
  if (parsed.success) return { ok: true, config: parsed.data };
  const problems = parsed.error.issues.map((issue) => ({ name: String(issue.path[0] ?? "?"), message: issue.message }));
  return { ok: false, problems };
}

const parsedPerEnv = new WeakMap<object, ConfigAnswer>();

/** The configuration, cached per `env` object. */
export function readConfig(env: Env): ConfigAnswer {
  const known = parsedPerEnv.get(env);
  if (known) return known;
  const answer = parseConfig(env);
  parsedPerEnv.set(env, answer);
  return answer;
}

/** For Durable Objects: the Worker has already validated the configuration, so an invalid one is a bug. */
export function requireConfig(env: Env): Config {
  const answer = readConfig(env);
  if (!answer.ok) throw new Error(`misconfigured: ${answer.problems.map((problem) => problem.name).join(", ")}`);
  return answer.config;
}

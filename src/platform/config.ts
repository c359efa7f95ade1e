// Variables and secrets, validated and parsed once per isolate. Without a schema library: every isolate reads its configuration, also
// one that only serves a file. The launcher uses the same rules, so this file must load in plain Node.

import type { Env } from "./bindings.ts";
import { mediaHost } from "./media-host.ts";

const SECRET_MIN_BYTES = 32;
/** Characters allowed in a header value; others would make every call fail. */
const HEADER_TEXT = /^[\x21-\x7e]*$/;

/** The value of a variable's text, or what the text must be. Reasons never quote it: it may be half of a secret. */
type Read<T> = { ok: true; value: T } | { ok: false; message: string };
type Reader<T> = (text: string) => Read<T>;

const value = <T>(read: T): Read<T> => ({ ok: true, value: read });
const fault = (message: string): Read<never> => ({ ok: false, message });

/** Text that matches. */
function matching(pattern: RegExp, message: string): Reader<string> {
  return (text) => (pattern.test(text) ? value(text) : fault(message));
}

function number(pattern: RegExp, message: string): Reader<number> {
  return (text) => (pattern.test(text) ? value(Number(text)) : fault(message));
}

function commaList(text: string): string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

const headerText = matching(HEADER_TEXT, "must be printable ASCII without spaces");

/** Base URL without trailing slash; http is for local deployments. */
const baseUrl: Reader<string> = (text) =>
  /^https?:\/\/[^\s?#]+$/.test(text) && URL.canParse(text)
    ? value(text.replace(/\/+$/, ""))
    : fault("must be an HTTP(S) URL without a query");

/** Webhook URL: a query may carry a token, credentials in the URL are refused. */
const webhookUrl: Reader<string> = (text) =>
  /^https?:\/\/[^\s#@]+$/.test(text) && URL.canParse(text)
    ? value(text)
    : fault("must be an HTTP(S) URL without credentials or a fragment");

const positiveInt = number(/^[1-9][0-9]{0,6}$/, "must be a positive integer");

/** Deliveries, events and the running month's sums name requests by their rows. */
const HISTORY_DAYS_MIN = 40;
const historyDays: Reader<number> = (text) => {
  const days = positiveInt(text);
  return !days.ok || days.value >= HISTORY_DAYS_MIN ? days : fault(`must be at least ${HISTORY_DAYS_MIN} days`);
};

const share = number(/^(?:0|1|0?\.[0-9]{1,9}|1\.0{1,9})$/, "must be a number from 0 to 1");

function oneOf<const T extends string>(words: readonly T[]): Reader<T> {
  return (text) => {
    const word = words.find((each) => each === text);
    return word === undefined ? fault(`must be one of ${words.join(", ")}`) : value(word);
  };
}

const locationHint = oneOf(["wnam", "enam", "sam", "weur", "eeur", "apac", "apac-ne", "apac-se", "oc", "afr", "me"]);
const jurisdiction = oneOf(["eu", "fedramp", "us"]);

const mediaHosts: Reader<string[]> = (text) => {
  const hosts = commaList(text);
  const at = hosts.findIndex((host) => mediaHost(host).kind === "never");
  return at === -1
    ? value(hosts)
    : fault(
        `entry ${at + 1} can match no URL: write a host (fal.media), all below one (*.fal.media) or an origin (http://localhost:8788)`,
      );
};

const hostsWithPorts: Reader<string[]> = (text) => {
  const hosts = commaList(text);
  return hosts.every((host) => /^[^/?#@\s]+:[0-9]+$/.test(host))
    ? value(hosts)
    : fault("must be a comma-separated list of host:port");
};

const signingKeys: Reader<string[]> = (text) => {
  const keys = commaList(text);
  return keys.length > 0 && keys.every((key) => new TextEncoder().encode(key).length >= SECRET_MIN_BYTES)
    ? value(keys)
    : fault(`must be one or more comma-separated secrets of at least ${SECRET_MIN_BYTES} bytes each`);
};

const adminToken: Reader<string> = (text) =>
  text.length >= SECRET_MIN_BYTES ? value(text) : fault(`must have at least ${SECRET_MIN_BYTES} characters`);

/** Reads a variable as it is set. An empty one counts as unset. */
type Variable<T> = (set: string | undefined) => Read<T>;

function required<T>(read: Reader<T>): Variable<T> {
  return (set) => (set === undefined ? fault("is missing") : read(set));
}

function optional<T>(read: Reader<T>): Variable<T | undefined> {
  return (set) => (set === undefined ? value(undefined) : read(set));
}

function withDefault<T>(read: Reader<T>, fallback: string): Variable<T> {
  return (set) => read(set ?? fallback);
}

/** Every variable of Sluice. Names, defaults and meanings: docs/operate.md, "Configuration". */
const VARIABLES = {
  MATON_API_KEY: required(headerText),
  MATON_CONNECTION: optional(headerText),
  MATON_GATEWAY_URL: withDefault(baseUrl, "https://gateway.maton.ai"),
  MATON_CONTROL_URL: withDefault(baseUrl, "https://ctrl.maton.ai"),
  FAL_JWKS_URL: withDefault(baseUrl, "https://rest.fal.ai/.well-known/jwks.json"),
  FAL_MEDIA_HOSTS: withDefault(mediaHosts, "fal.media,*.fal.media"),
  PUBLIC_URL: optional(baseUrl),
  BASE_URL: optional(baseUrl),
  SIGNING_KEY: required(signingKeys),
  ADMIN_TOKEN: optional(adminToken),
  UPSTREAM_RPS: withDefault(positiveInt, "10"),
  UPSTREAM_SLOTS: withDefault(positiveInt, "40"),
  WAITING_SUBMITS_MAX: optional(positiveInt),
  WAITING_SUBMITS_PER_TEAM_MAX: optional(positiveInt),
  OBJECT_SIZE_LIMIT_MB: withDefault(positiveInt, "10000"),
  HISTORY_DAYS: withDefault(historyDays, "400"),
  LOG_SAMPLE: withDefault(share, "1"),
  LOCATION_HINT: optional(locationHint),
  JURISDICTION: optional(jurisdiction),
  RELAY_ALLOW_HOSTS: withDefault(hostsWithPorts, ""),
  OPERATOR_WEBHOOK_URL: optional(webhookUrl),
  TURNSTILE_VERIFY_URL: withDefault(baseUrl, "https://challenges.cloudflare.com/turnstile/v0/siteverify"),
} satisfies Record<string, Variable<unknown>>;

export const VARIABLE_NAMES = Object.keys(VARIABLES);

type Values = { [K in keyof typeof VARIABLES]: (typeof VARIABLES)[K] extends Variable<infer T> ? T : never };
type OptionalName = { [K in keyof Values]: undefined extends Values[K] ? K : never }[keyof Values];
export type Config = Omit<Values, OptionalName> & { [K in OptionalName]?: Values[K] };
export type ConfigProblem = { name: string; message: string };
export type ConfigAnswer = { ok: true; config: Config } | { ok: false; problems: ConfigProblem[] };

/** Validates variables. Problems contain names and reasons, never values. */
export function parseConfig(variables: Readonly<Record<string, unknown>>): ConfigAnswer {
  const problems: ConfigProblem[] = [];
  const config: Record<string, unknown> = {};
  for (const [name, variable] of Object.entries<Variable<unknown>>(VARIABLES)) {
    const set = variables[name];
    const isText = typeof set === "string" || set === undefined;
    const read = isText ? variable(set === "" ? undefined : set) : fault("must be text");
    if (!read.ok) problems.push({ name, message: read.message });
    else if (read.value !== undefined) config[name] = read.value;
  }
  return problems.length === 0 ? { ok: true, config: config as Config } : { ok: false, problems };
}

/** Where objects are to be made and kept. */
export type Placement = Pick<Config, "LOCATION_HINT" | "JURISDICTION">;

/** Also of an `env` whose other variables are missing. Throws for a word that is none: no object may be made elsewhere. */
export function placementOf(env: object): Placement {
  const placement: Placement = {};
  const hint = readOf("LOCATION_HINT", env);
  const bounds = readOf("JURISDICTION", env);
  if (hint !== undefined) placement.LOCATION_HINT = hint;
  if (bounds !== undefined) placement.JURISDICTION = bounds;
  return placement;
}

function readOf<Name extends keyof Placement>(name: Name, env: object): Values[Name] {
  const set: unknown = (env as Record<string, unknown>)[name];
  const read = (VARIABLES[name] as Variable<Values[Name]>)(typeof set === "string" && set !== "" ? set : undefined);
  if (!read.ok) throw new Error(`misconfigured: ${name}`);
  return read.value;
}

const parsedPerEnv = new WeakMap<object, ConfigAnswer>();

/** The configuration, cached per `env` object. */
export function readConfig(env: Env): ConfigAnswer {
  const known = parsedPerEnv.get(env);
  if (known) return known;
  const answer = parseConfig({ ...env });
  parsedPerEnv.set(env, answer);
  return answer;
}

/** For Durable Objects: the Worker has already validated the configuration, so an invalid one is a bug. */
export function requireConfig(env: Env): Config {
  const answer = readConfig(env);
  if (!answer.ok) throw new Error(`misconfigured: ${answer.problems.map((problem) => problem.name).join(", ")}`);
  return answer.config;
}

// Writes docs/limits.md: the system limits that an operator or a caller can feel, read from the constants in the code with their
// values and comments. `npm run limits` writes the page, `npm run limits -- --check` fails when it is not in step.

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { readTree, type SourceTree } from "./check/source.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url).href);
const PAGE = `${ROOT}docs/limits.md`;

/** Which constants are listed, by subject, in the order of the page. */
const SUBJECTS: Readonly<Record<string, readonly string[]>> = {
  "Requests and inputs": [
    "REQUEST_BODY_MAX_BYTES",
    "SMALL_BODY_MAX_BYTES",
    "JSON_DEPTH_MAX",
    "JSON_VALUES_MAX",
    "MODEL_ID_MAX_CHARS",
    "METADATA_MAX_BYTES",
    "TAGS_MAX",
    "TAG_TEXT_MAX_CHARS",
    "USER_MAX_CHARS",
    "URL_MAX_CHARS",
    "IDEMPOTENCY_KEY_MAX_CHARS",
    "IDEMPOTENCY_MS",
    "DEDUPE_MAX_S",
    "INPUT_UPLOADS_MAX",
    "INLINE_FILES_MAX",
    "INLINE_KEEP_MAX_CHARS",
    "UNCERTAIN_GRACE_MS",
    "BULK_CANCEL_MAX",
    "CANCEL_GAP_MS",
  ],
  "Waiting and lists": [
    "WAIT_MAX_S",
    "COMPAT_HOLD_S",
    "COMPAT_HOLD_MAX_S",
    "EVENT_STREAM_MAX_MS",
    "SSE_COMMENT_MS",
    "HOLDS_PER_TEAM_MAX",
    "HOLDS_PER_ADDRESS_MAX",
    "HOLDS_MAX",
    "SOCKETS_PER_OBJECT_MAX",
    "LIST_LIMIT_DEFAULT",
    "LIST_LIMIT_MAX",
    "HISTORY_LIMIT_MAX",
    "USAGE_DAYS_MAX",
    "USAGE_ROWS_MAX",
    "LOGS_MAX_BYTES",
    "IDENTITY_CACHE_MS",
    "REFUSALS_REMEMBERED_MAX",
  ],
  "Files and uploads": [
    "FILES_PER_REQUEST_MAX",
    "FILE_MAX_BYTES",
    "REQUEST_FILES_MAX_BYTES",
    "FILE_DEADLINE_MS",
    "RESULT_BODY_MAX_BYTES",
    "RESULT_FILE_MAX_BYTES",
    "FILE_EDGE_CACHE_S",
    "FILE_LINK_MIN_S",
    "FILE_LINK_MAX_S",
    "SHARES_PER_REQUEST_MAX",
    "SHARE_DEFAULT_S",
    "SHARE_MAX_S",
    "UPLOAD_MAX_BYTES_DEFAULT",
    "BROWSER_UPLOAD_MAX_BYTES_DEFAULT",
    "UPLOAD_PUT_MAX_BYTES",
    "UPLOAD_PARTS_FROM_BYTES",
    "UPLOAD_PART_MIN_BYTES",
    "UPLOAD_PARTS_MAX",
    "UPLOAD_URL_MS",
    "UPLOAD_LEASE_MS",
    "UPLOAD_LEFTOVER_MS",
    "INPUTS_DAYS_DEFAULT",
  ],
  "Teams, keys and plans": [
    "KEYS_PER_TEAM_MAX",
    "KEY_OVERLAP_DEFAULT_S",
    "KEY_OVERLAP_MAX_S",
    "KEY_MODEL_PATTERNS_MAX",
    "TOKEN_TTL_DEFAULT_S",
    "TOKEN_TTL_MIN_S",
    "TOKEN_TTL_MAX_S",
    "MINTS_PER_HOUR",
    "NEW_VISITORS_PER_HOUR",
    "NEW_VISITORS_PER_NETWORK_HOUR",
    "BROWSER_POSTS_PER_MINUTE",
    "BROWSER_UPLOADS_PER_DAY",
    "BROWSER_UPLOADED_MAX_BYTES",
    "ADDRESS_LIMIT_FACTOR",
    "NETWORK_LIMIT_FACTOR",
    "TAG_VALUES_PER_DAY",
    "ISSUERS_PER_TEAM_MAX",
    "ISSUER_KEYS_REFRESH_AFTER_MS",
    "ISSUER_KEYS_MAX_AGE_MS",
    "JWT_LEEWAY_S",
    "JWT_MAX_CHARS",
    "PLAN_LIMITS_MAX",
    "PLAN_TAG_VALUES_MAX",
    "PLAN_MODEL_PATTERNS_MAX",
    "MODEL_PATTERN_MAX_CHARS",
    "PATTERN_TEXTS_MAX",
    "PLAN_INPUT_RULES_MAX",
    "PLAN_ORIGINS_MAX",
    "PLAN_VERSIONS_MAX",
    "REPLAY_MAX_REQUESTS",
    "KEY_USAGE_DAYS",
    "PRICES_PER_TEAM_MAX",
    "RETENTION_MAX_DAYS",
    "ALERT_PERCENTS_MAX",
    "REMOVAL_REPORT_MS",
  ],
  "Webhooks to your receivers": [
    "DELIVER_RETRY_MS",
    "DELIVER_TIMEOUT_MS",
    "DELIVER_RETRY_AFTER_MAX_MS",
    "DELIVER_REPLY_KEPT_MAX_CHARS",
    "EVENT_BODY_MAX_BYTES",
    "ENDPOINTS_PER_TEAM_MAX",
    "ENDPOINT_HEADERS_MAX",
    "SECRET_OVERLAP_DEFAULT_S",
    "SECRET_OVERLAP_MAX_S",
    "ENDPOINT_NOTICE_AFTER_MS",
    "ENDPOINT_WARN_AFTER_MS",
    "ENDPOINT_DISABLE_AFTER_MS",
    "DELIVERY_KEEP_MS",
    "EVENT_KEEP_MS",
    "REPLAY_BATCH_ROWS",
    "REPLAY_GAP_MS",
  ],
  "The upstream account": [
    "WAITING_SUBMITS_MAX",
    "WAITING_SUBMITS_PER_TEAM_MAX",
    "SUBMIT_TIMEOUT_MS",
    "STATUS_TIMEOUT_MS",
    "RESULT_TIMEOUT_MS",
    "CANCEL_TIMEOUT_MS",
    "RATE_LIMITED_PAUSE_MS",
    "RATE_LIMITED_PAUSE_MAX_MS",
    "HEALTH_PAUSE_FIRST_MS",
    "HEALTH_PAUSE_MAX_MS",
    "FAILURES_IN_A_ROW_MAX",
    "POLL_FIRST_WITH_WEBHOOKS_MS",
    "POLL_FIRST_WITHOUT_WEBHOOKS_MS",
    "POLL_MAX_GAP_MS",
    "WEBHOOK_BODY_MAX_BYTES",
    "WEBHOOK_TOLERANCE_S",
    "JWKS_MAX_AGE_MS",
    "PINNED_USERS_MAX",
    "NOTICE_RETRY_MS",
    "HEALTH_REFRESH_MS",
  ],
  "Bodies of callers": [
    "BODY_RATE_MIN_BYTES",
    "BODY_SILENCE_MAX_MS",
    "HELD_BODY_MAX_MS",
    "STREAMED_BODY_MAX_MS",
    "REFUSED_BODY_MAX_MS",
    "INBOUND_WAIT_MAX_MS",
    "INBOUND_WAITING_MAX",
  ],
  Memory: ["BUFFER_BUDGET_BYTES", "INBOUND_BUDGET_BYTES", "TEAM_SHARE_BYTES", "ADDRESS_SHARE_BYTES"],
};

interface Constant {
  file: string;
  expression: string;
  comment: string;
}

const DECLARATION =
  /(?:\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n)?(?:export )?const ([A-Z][A-Z0-9_]*)(?:: [^=\n]+)? =\s*([^;]*);/g;

/** The page, made from src/. A listed name that is not there, or has no comment, is an error. */
export function limitsPage(tree: SourceTree): string {
  const constants = constantsOf(tree);
  const sections = Object.entries(SUBJECTS).map(([subject, names]) => {
    const rows = names.map((name) => {
      const constant = constants.get(name);
      if (constant === undefined) throw new Error(`no constant of src/ is named ${name}`);
      if (constant.comment === "") throw new Error(`${name} (${constant.file}) has no comment`);
      const value = shown(name, valuesOf(constant.expression, constants));
      return `| ${value} | ${constant.comment.replaceAll("|", "\\|")} | \`${name}\` in \`src/${constant.file}\` |`;
    });
    return `## ${subject}\n\n| limit | what it bounds | in the code |\n|---|---|---|\n${rows.join("\n")}\n`;
  });
  return `# Limits

System limits that callers and operators can feel. They are constants in the code, not settings; the page is made from them by
\`npm run limits\`. What a plan limits per team, key or user is in [limits and money](limits-and-money.md); settings of a deployment are in
[operate](operate.md).

${sections.join("\n")}`;
}

function constantsOf(tree: SourceTree): Map<string, Constant> {
  const found = new Map<string, Constant>();
  for (const [file, text] of tree) {
    for (const [, doc = "", name = "", expression = ""] of text.matchAll(DECLARATION)) {
      const comment = doc
        .replaceAll(/^\s*\* ?/gm, " ")
        .replaceAll(/\s+/g, " ")
        .trim();
      found.set(name, { file, expression: expression.trim(), comment });
    }
  }
  return found;
}

/** The value of a constant: products and quotients of numbers and other constants, or a list of such. */
function valuesOf(expression: string, constants: ReadonlyMap<string, Constant>): number[] {
  const list = /^\[([\s\S]*)\](?: as const)?$/.exec(expression)?.[1];
  const terms = list === undefined ? [expression] : list.split(",").filter((term) => term.trim() !== "");
  return terms.map((term) =>
    term.split("*").reduce((product, factor) => product * numberOf(factor.trim(), constants), 1),
  );
}

function numberOf(text: string, constants: ReadonlyMap<string, Constant>): number {
  if (/^[0-9][0-9_.]*$/.test(text)) return Number(text.replaceAll("_", ""));
  const [value] = valuesOf(constants.get(text)?.expression ?? "", constants);
  if (value === undefined || Number.isNaN(value)) throw new Error(`${text} is not a number`);
  return value;
}

/** The unit stands in the constant's name. */
function shown(name: string, values: number[]): string {
  return values.map((value) => withUnit(name, value)).join(", ");
}

function withUnit(name: string, value: number): string {
  if (/_MS(_|$)/.test(name)) return duration(value / 1_000);
  if (/_S$|_S_/.test(name)) return duration(value);
  if (/BYTES/.test(name)) return size(value);
  if (/DAYS/.test(name)) return `${value.toLocaleString("en")} days`;
  if (/CHARS/.test(name)) return `${value.toLocaleString("en")} characters`;
  return value.toLocaleString("en");
}

function duration(seconds: number): string {
  const units = [
    [86_400, "day"],
    [3_600, "hour"],
    [60, "minute"],
  ] as const;
  for (const [length, unit] of units) {
    if (seconds >= 2 * length || seconds === length) return plural(seconds / length, unit);
  }
  return plural(seconds, "second");
}

function plural(amount: number, unit: string): string {
  const rounded = Math.round(amount * 100) / 100;
  return `${rounded.toLocaleString("en")} ${unit}${rounded === 1 ? "" : "s"}`;
}

function size(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB"];
  let amount = bytes;
  let unit = 0;
  while (amount >= 1_024 && unit < units.length - 1) {
    amount /= 1_024;
    unit++;
  }
  return `${(Math.round(amount * 100) / 100).toLocaleString("en")} ${units[unit]}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const page = limitsPage(readTree(`${ROOT}src`));
  if (!process.argv.includes("--check")) writeFileSync(PAGE, page);
  else if (readFileSync(PAGE, "utf8") !== page) {
    console.error("docs/limits.md is not in step with the code: run npm run limits.");
    process.exitCode = 1;
  }
}

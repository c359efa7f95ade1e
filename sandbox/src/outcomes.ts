// Forced outcomes: the closed list of words that a prompt ("sandbox:refused") or the header X-Sandbox-Outcome may name. Pure.
// README.md says what each one does.

/** Every outcome, and whether it takes a number after a colon. */
const OUTCOMES = {
  locked: "plain",
  "submit-400": "plain",
  "submit-401": "plain",
  "submit-422": "plain",
  "submit-429": "plain",
  "submit-500": "plain",
  "submit-503": "plain",
  "gateway-429": "plain",
  "gateway-500": "plain",
  taken: "plain",
  "submit-timeout": "plain",
  "submit-drop": "plain",
  "submit-garbage": "plain",
  refused: "plain",
  invalid: "plain",
  crash: "plain",
  error500: "plain",
  slow: "number",
  "binary-result": "plain",
  "big-output": "number",
  "many-files": "number",
  nested: "plain",
  "status-404": "plain",
  "status-500": "number",
  "ignore-cancel": "plain",
  "webhook-lost": "plain",
  "webhook-twice": "plain",
  "webhook-late": "plain",
  "webhook-forged": "plain",
  "webhook-stale": "plain",
  "webhook-null": "plain",
  "webhook-error-then-ok": "plain",
  "webhook-big": "plain",
  "webhook-first": "plain",
  "webhook-other-user": "plain",
  "file-403": "number",
  "file-404": "number",
  "file-500": "number",
  "file-flaky": "number",
  "file-truncated": "number",
  "file-chunked": "number",
  "file-html": "number",
  "file-wrong-type": "number",
  "file-slow": "number",
  "file-huge": "number",
  "file-redirect": "number",
  "file-no-ranges": "plain",
  "file-changing": "number",
  "file-breaking": "number",
  "file-endless": "number",
  "file-silent": "number",
} as const;

export type OutcomeName = keyof typeof OUTCOMES;
/** The outcomes of one request, each with its number if it was given one. */
export type Outcomes = { [K in OutcomeName]?: number | true };
export type OutcomesAnswer = { ok: true; outcomes: Outcomes } | { ok: false; word: string };

/** Words after `sandbox:`, several with commas between; a port number is not a word, so `http://sandbox:8080` has none. */
const MAGIC = /sandbox:([a-z][a-z0-9:,-]*)/g;

/**
 * Collects the outcomes of a request from the header and from the texts at the top of its input. An unknown word
 * is an error: a test with a typo must not pass as the happy path.
 */
export function readOutcomes(header: string | null, input: Record<string, unknown>): OutcomesAnswer {
  const words = (header ?? "").split(",").map((word) => word.trim());
  for (const value of Object.values(input)) {
    if (typeof value !== "string") continue;
    for (const [, list = ""] of value.matchAll(MAGIC)) words.push(...list.replace(/[,:-]+$/, "").split(","));
  }
  const outcomes: Outcomes = {};
  for (const word of words) {
    if (word === "") continue;
    const [name = "", number, ...rest] = word.split(":");
    const wellFormed = number === undefined || /^[0-9]{1,10}$/.test(number);
    if (!isOutcome(name) || !wellFormed || rest.length > 0) return { ok: false, word };
    if (number !== undefined && OUTCOMES[name] === "plain") return { ok: false, word };
    outcomes[name] = number === undefined ? true : Number(number);
  }
  return { ok: true, outcomes };
}

/** The number given with an outcome, or `fallback` when it has none; undefined when the outcome is not set. */
export function outcomeNumber(outcomes: Outcomes, name: OutcomeName, fallback: number): number | undefined {
  const value = outcomes[name];
  return value === true ? fallback : value;
}

function isOutcome(name: string): name is OutcomeName {
  return Object.hasOwn(OUTCOMES, name);
}

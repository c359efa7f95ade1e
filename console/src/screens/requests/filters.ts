// The filters of the request list: what may stand in the URL, what a typed text means, and the query of the API. Pure.

import { queryText } from "../../shell/query.ts";

export const FILTER_NAMES = [
  "status",
  "model",
  "user",
  "key",
  "tag",
  "error",
  "cost_min",
  "attention",
  "from",
  "to",
  "cursor",
] as const;
export type FilterName = (typeof FILTER_NAMES)[number];
export type Filters = Partial<Record<FilterName, string>>;

export const STATUSES = ["open", "completed", "failed", "canceled"] as const;
export const PAGE_ROWS = 50;

/** Filters shown as chips: the status has buttons of its own. */
export const CHIP_NAMES = [
  "model",
  "user",
  "key",
  "tag",
  "error",
  "cost_min",
  "from",
  "to",
] as const satisfies readonly FilterName[];

export const CHIP_WORDS: Record<(typeof CHIP_NAMES)[number], string> = {
  model: "model",
  user: "user",
  key: "key",
  tag: "tag",
  error: "error",
  cost_min: "USD at least",
  from: "since",
  to: "before",
};

export type Typed =
  | { kind: "filter"; name: FilterName; value: string }
  | { kind: "open"; id: string }
  | { kind: "nothing" };

/** What a text in the filter means: an id opens its request, `name:value` says what it is, an id of a model has a slash. */
export function readTyped(typed: string): Typed {
  const text = typed.trim();
  if (text === "") return { kind: "nothing" };
  if (/^[0-9a-f]{64}$/.test(text)) return { kind: "open", id: text };
  const [, cost] = /^(?:cost|usd)\s*(?:>=|:)\s*\$?(\d+(?:\.\d{1,6})?)$/.exec(text) ?? [];
  if (cost !== undefined) return { kind: "filter", name: "cost_min", value: cost };
  if (/^key_[0-9A-Za-z]{20}$/.test(text)) return { kind: "filter", name: "key", value: text };
  const [, name, value] = /^(model|user|key|tag|error):\s*(.+)$/.exec(text) ?? [];
  if (name !== undefined && value !== undefined) return { kind: "filter", name: name as FilterName, value };
  if (text.includes("=")) return { kind: "filter", name: "tag", value: text };
  return { kind: "filter", name: text.includes("/") ? "model" : "user", value: text };
}

/** The path of the count of what the list has on all its pages. */
export function countPath({ cursor: _cursor, ...filters }: Filters): string {
  return `/v1/requests/count${queryText(filters)}`;
}

/** The path of all of them as CSV. */
export function csvPath({ cursor: _cursor, ...filters }: Filters): string {
  return `/v1/requests${queryText({ ...filters, format: "csv" })}`;
}

/** The path of a page of the list. */
export function listPath(filters: Filters): string {
  return `/v1/requests${queryText({ ...filters, limit: String(PAGE_ROWS) })}`;
}

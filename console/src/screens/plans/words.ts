// Limits in words. Pure.

import { bytesText, countText, moneyText } from "../../parts/format.ts";
import type { PlanLimit } from "./presets.ts";

export const SCOPE_WORDS: Record<string, string> = {
  team: "team",
  key: "key",
  user: "user",
  visitor: "visitor",
  ip: "address",
};

export const WINDOW_WORDS = { "1m": "minute", "1h": "hour", "1d": "day", "1mo": "month" } as const;

export const PER_WORDS: Record<PlanLimit["per"], string> = {
  request: "requests",
  usd: "USD",
  concurrent: "open requests",
  output_byte: "bytes of output",
  upload: "uploads",
  upload_byte: "bytes of uploads",
};

export function scopeWord(scope: string): string {
  return SCOPE_WORDS[scope] ?? (scope.startsWith("tag:") ? `value of tag ${scope.slice(4)}` : scope);
}

/** `$20 per team and day`, `3 requests per visitor and day`, `10 open requests per user`. */
export function limitWords({ scope, per, limit, window }: PlanLimit): string {
  const who = scopeWord(scope);
  const span = window === undefined ? "" : ` and ${WINDOW_WORDS[window]}`;
  return `${amountWords(per, limit)} per ${who}${span}`;
}

export function amountWords(per: PlanLimit["per"], amount: number | string): string {
  switch (per) {
    case "usd":
      return moneyText(String(amount));
    case "output_byte":
      return `${bytesText(Number(amount))} of output`;
    case "upload_byte":
      return `${bytesText(Number(amount))} of uploads`;
    case "request":
    case "concurrent":
    case "upload":
      return `${countText(Number(amount))} ${Number(amount) === 1 ? PER_WORDS[per].slice(0, -1) : PER_WORDS[per]}`;
  }
}

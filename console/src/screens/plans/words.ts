// Limits in words. Pure.

import { bytesText, countText, moneyText } from "../../parts/format.ts";
import type { PlanLimit } from "./presets.ts";

export const SCOPE_WORDS: Record<Exclude<PlanLimit["scope"], `tag:${string}`>, string> = {
  team: "team",
  key: "key",
  user: "user",
  visitor: "visitor",
  ip: "address",
  network: "network",
};

export const WINDOWS = ["minute", "hour", "day", "month"] as const;

export const PER_WORDS: Record<PlanLimit["per"], string> = {
  request: "requests",
  usd: "USD",
  concurrent: "open requests",
  output_byte: "bytes of output",
  upload: "uploads",
  upload_byte: "bytes of uploads",
};

/** What a limit counts; without it, who calls decides. */
export const COUNT_WORDS: Record<NonNullable<CountedLimit["count"]>, string> = {
  admitted: "all that is let in",
  completed: "not what ends uncharged",
};

type CountedLimit = Extract<PlanLimit, { count?: unknown }>;

/** Whether a limit may say what it counts. */
export function isCounted(per: PlanLimit["per"]): boolean {
  return per === "request" || per === "upload" || per === "upload_byte";
}

export function scopeWord(scope: string): string {
  if (scope.startsWith("tag:")) return `value of tag ${scope.slice(4)}`;
  return (SCOPE_WORDS as Record<string, string>)[scope] ?? scope;
}

/** `$20 per team and day`, `3 requests per visitor and day, all that is let in`, `10 open requests per user`. */
export function limitWords(planLimit: PlanLimit): string {
  const { scope, per, limit, window } = planLimit;
  const who = scopeWord(scope);
  const span = window === undefined ? "" : ` and ${window}`;
  const count = "count" in planLimit && planLimit.count !== undefined ? `, ${COUNT_WORDS[planLimit.count]}` : "";
  return `${amountWords(per, limit)} per ${who}${span}${count}`;
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

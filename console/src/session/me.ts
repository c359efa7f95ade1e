// The caller as the API knows it, read after each sign-in and every half minute while the page is visible: its limits move.

import { computed, signal } from "@preact/signals";
import { callApi } from "../api/client.ts";
import type { Problem } from "../api/problem.ts";
import type { Me } from "../api/types.ts";
import { hasKey, isOperator } from "./credential.ts";
import type { Who } from "./permissions.ts";

const REFRESH_MS = 30_000;

export const me = signal<Me | null>(null);
export const meProblem = signal<Problem | null>(null);
export const who = computed<Who>(() => ({ me: me.value, isOperator: isOperator.value }));

export async function loadMe(): Promise<Problem | null> {
  const answer = await callApi<Me>("GET", "/v1/me");
  meProblem.value = answer.ok ? null : answer.problem;
  if (answer.ok) me.value = answer.data;
  return meProblem.value;
}

/** Keeps the caller fresh. Returns what stops it. */
export function refreshMe(): () => void {
  const timer = setInterval(() => {
    if (hasKey.value && !document.hidden) void loadMe();
  }, REFRESH_MS);
  return () => clearInterval(timer);
}

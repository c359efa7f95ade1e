// What screen readers are told without a move of focus, and what a toast shows: never the only place of a fact.

import { signal } from "@preact/signals";

const SHOWN_MS = 5_000;
let timer: ReturnType<typeof setTimeout> | undefined;

export const announcement = signal("");

export function announce(text: string): void {
  announcement.value = text;
  clearTimeout(timer);
  timer = setTimeout(() => {
    announcement.value = "";
  }, SHOWN_MS);
}

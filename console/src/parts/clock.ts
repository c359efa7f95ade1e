// The time as screens show it: one clock for all, which stands still while the page is hidden.

import { signal } from "@preact/signals";

const TICK_MS = 1_000;

export const now = signal(Date.now());

setInterval(() => {
  if (!document.hidden) now.value = Date.now();
}, TICK_MS);

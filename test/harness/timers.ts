// Timers of one length, until `vi.restoreAllMocks()`: caught, hurried, or over when a test says so.

import { vi } from "vitest";

/** Catches the timers of exactly this length; they go off when the answered function is called. */
export function catchTimers(ms: number): () => void {
  const real = globalThis.setTimeout;
  const caught: (() => void)[] = [];
  const timer = (run: () => void, delay?: number) => {
    if (delay !== ms) return real(run, delay);
    caught.push(run);
    return real(() => undefined, 0);
  };
  vi.spyOn(globalThis, "setTimeout").mockImplementation(timer as unknown as typeof setTimeout);
  return () => {
    for (const run of caught.splice(0)) run();
  };
}

/** What takes so long takes next to nothing. */
export function hurry(ms: number): void {
  const real = globalThis.setTimeout;
  const hurried = (run: () => void, delay?: number) => real(run, delay === ms ? 10 : delay);
  vi.spyOn(globalThis, "setTimeout").mockImplementation(hurried as unknown as typeof setTimeout);
}

/** Time limits of exactly this length are over when the answered function is called, and not before. */
export function holdLimit(ms: number): () => void {
  const real = globalThis.setTimeout;
  let isOver = false;
  const limit = (run: () => void, delay?: number): unknown => {
    if (delay !== ms) return real(run, delay);
    // Looked at from inside the object whose limit it is: nothing else may run there.
    const look = (): unknown => (isOver ? run() : real(look, 10));
    return real(look, 10);
  };
  vi.spyOn(globalThis, "setTimeout").mockImplementation(limit as unknown as typeof setTimeout);
  return () => {
    isOver = true;
  };
}

// Waiting in real time, in every runtime.

const PAUSE_FIRST_MS = 10;
const PAUSE_MAX_MS = 200;
/** Ends what hangs; a busy machine may take as long as it likes. */
const PATIENCE_MS = 120_000;

/**
 * Waits until a check holds and answers what it answers: a check that throws, or answers null, is made again. Moves no clocks
 * (as `vi.waitFor` would).
 */
export async function eventually<T>(
  check: () => Promise<T | null>,
  { what = "a check holds", patienceMs = PATIENCE_MS }: { what?: string; patienceMs?: number } = {},
): Promise<T> {
  const giveUpAt = performance.now() + patienceMs;
  for (let pauseMs = PAUSE_FIRST_MS; ; pauseMs = Math.min(1.5 * pauseMs, PAUSE_MAX_MS)) {
    let fault: unknown;
    try {
      const found = await check();
      if (found !== null) return found;
    } catch (thrown) {
      fault = thrown;
    }
    if (performance.now() >= giveUpAt) throw fault ?? new Error(`in vain: ${what}`);
    await pause(pauseMs);
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

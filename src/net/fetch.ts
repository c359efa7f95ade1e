// The one call out: a time limit over the whole exchange, redirects never followed, faults as values.

/** What a call may say; redirect and signal are decided here. */
export type CallInit = Omit<RequestInit, "redirect" | "signal">;

/**
 * `answered` is any status, 3xx too. Call `end` once the body is read or dropped: the time limit stands until then, and
 * a timer that is left running keeps a Durable Object in (billed) memory until it fires.
 * `failed` with `sent: "no"` is only said when nothing can have left: a lost connection looks like a refused one.
 */
export type CallOutcome =
  | { kind: "answered"; response: Response; end: () => void }
  | { kind: "failed"; reason: "timeout" | "network"; sent: "no" | "maybe"; fault?: NetworkFault };

/**
 * What the Workers runtime lets one tell of a broken call: `lost` (refused, reset, closed, no HTTP), or `unreachable` (the name
 * did not resolve, TLS did not come about). Its messages for the two were read off cloudflare/workerd itself.
 */
export type NetworkFault = "lost" | "unreachable";

/** Calls `url`. The time limit also cuts off a body that is still being read. Never throws. */
export async function callOut(url: string, init: CallInit, { timeoutMs }: { timeoutMs: number }): Promise<CallOutcome> {
  if (!canLeave(url, init)) return { kind: "failed", reason: "network", sent: "no" };
  const aborter = new AbortController();
  const timer = setTimeout(() => aborter.abort(), timeoutMs);
  const end = () => clearTimeout(timer);
  try {
    const response = await globalThis.fetch(url, { ...init, redirect: "manual", signal: aborter.signal });
    return { kind: "answered", response, end };
  } catch (error) {
    end();
    if (aborter.signal.aborted) return { kind: "failed", reason: "timeout", sent: "maybe" };
    const fault = faultOf(error);
    return { kind: "failed", reason: "network", sent: "maybe", ...(fault === null ? {} : { fault }) };
  }
}

function faultOf(error: unknown): NetworkFault | null {
  const message = error instanceof Error ? error.message : "";
  if (message.startsWith("Network connection lost")) return "lost";
  return message.startsWith("internal error") ? "unreachable" : null;
}

/** Whether the runtime would accept the URL and the headers; what it refuses never leaves. */
function canLeave(url: string, init: CallInit): boolean {
  try {
    new Headers(init.headers);
    return /^https?:$/.test(new URL(url).protocol);
  } catch {
    return false;
  }
}

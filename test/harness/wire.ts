// The wire between the Worker and the world: answers are lost, late, or other than what was sent.

import { vi } from "vitest";

export type Intercept = (request: Request, pass: () => Promise<Response>) => Promise<Response>;

/**
 * Stands between the Worker and the world until `vi.restoreAllMocks()`: loses answers, delays them, or breaks them. The latest comes
 * first; what it passes goes to the one before.
 */
export function interceptFetch(intercept: Intercept): void {
  const { fetch } = globalThis;
  // A second spy would be the same object: its implementation, not itself, is what the latest passes on to.
  const real = (vi.isMockFunction(fetch) ? fetch.getMockImplementation() : null) ?? fetch;
  vi.spyOn(globalThis, "fetch").mockImplementation((input, init) => {
    const request = new Request(input as RequestInfo, init);
    if (new URL(request.url).pathname.startsWith("/_sandbox/")) return real(request);
    return intercept(request, () => real(request));
  });
}

/**
 * The submits of a prompt, held until `letGo`: upstream has one, and `reached` says so, but its answer is not here yet. Others pass: a
 * request of the test before may still have had its turn to wait for.
 */
export function holdSubmits(prompt: string): { reached: Promise<void>; letGo: () => void } {
  const reached = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  interceptFetch(async (request, pass) => {
    if (!(await isSubmitOf(request, prompt))) return pass();
    const answer = await pass();
    reached.resolve();
    await gate.promise;
    return answer;
  });
  return { reached: reached.promise, letGo: gate.resolve };
}

/** Whether a call submits this prompt. */
export async function isSubmitOf(request: Request, prompt: string): Promise<boolean> {
  if (upstreamCall(request) !== "submit") return false;
  return ((await request.clone().json()) as { prompt?: unknown }).prompt === prompt;
}

/**
 * Downloads from fal's CDN that are held until `letGo`, so that a request stays `storing`; `reached` says that one is held. With `drop`
 * the held ones are never answered.
 */
export function holdSources(): { reached: Promise<void>; letGo: () => void; drop: () => void } {
  const reached = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<"pass" | "drop">();
  let isHolding = true;
  interceptFetch(async (request, pass) => {
    if (!isHolding || !isSource(request)) return pass();
    reached.resolve();
    return (await gate.promise) === "pass" ? pass() : silence(request);
  });
  const end = (how: "pass" | "drop"): void => {
    isHolding = false;
    gate.resolve(how);
  };
  return { reached: reached.promise, letGo: () => end("pass"), drop: () => end("drop") };
}

/** Answers the first `times` calls of each of these kinds in upstream's place, until `vi.restoreAllMocks()`. */
export function answerFirst(
  times: number,
  kinds: string[],
  answer: (request: Request) => Response | Promise<Response>,
): void {
  const left = new Map(kinds.map((kind) => [kind, times]));
  interceptFetch(async (request, pass) => {
    const kind = upstreamCall(request);
    const more = left.get(kind) ?? 0;
    if (more === 0) return pass();
    left.set(kind, more - 1);
    return answer(request);
  });
}

/** Which of fal's calls a request to the gateway is; "other" for connections, keys and files. */
export function upstreamCall(request: Request): "submit" | "status" | "result" | "cancel" | "other" {
  const { pathname } = new URL(request.url);
  if (!pathname.startsWith("/fal-ai/")) return "other";
  if (!pathname.includes("/requests/")) return request.method === "POST" ? "submit" : "other";
  if (pathname.endsWith("/status")) return "status";
  return pathname.endsWith("/cancel") ? "cancel" : "result";
}

/** What a call gets that nobody answers: nothing, until its own time limit cuts it off. */
export function silence(request: Request): Promise<Response> {
  return new Promise((_resolve, reject) => {
    request.signal.addEventListener("abort", () => reject(request.signal.reason));
  });
}

/** Whether a call is for a file at fal's CDN. */
export function isSource(request: Request): boolean {
  return new URL(request.url).hostname === "cdn.sandbox.test";
}

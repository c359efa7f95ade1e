// The wire between the Worker and the world: answers are lost, late, or other than what was sent.

import { vi } from "vitest";

export type Intercept = (request: Request, pass: () => Promise<Response>) => Promise<Response>;

/** Stands between the Worker and the world until `vi.restoreAllMocks()`: loses answers, delays them, or breaks them. */
export function interceptFetch(intercept: Intercept): void {
  const real = globalThis.fetch;
  vi.spyOn(globalThis, "fetch").mockImplementation((input, init) => {
    const request = new Request(input as RequestInfo, init);
    if (new URL(request.url).pathname.startsWith("/_sandbox/")) return real(request);
    return intercept(request, () => real(request));
  });
}

/** A submit's call that is held until `letGo`: upstream has it, and `reached` says so, but its answer is not here yet. */
export function holdSubmits(): { reached: Promise<void>; letGo: () => void } {
  const reached = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  interceptFetch(async (request, pass) => {
    if (upstreamCall(request) !== "submit") return pass();
    const answer = await pass();
    reached.resolve();
    await gate.promise;
    return answer;
  });
  return { reached: reached.promise, letGo: gate.resolve };
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

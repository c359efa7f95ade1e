// Parses paths of fal's queue into model, request id and operation. Pure.

export type RequestVerb = "status" | "stream" | "result" | "cancel";

export type QueueRoute =
  | { kind: "submit"; model: string; app: string }
  | { kind: "request"; verb: RequestVerb; app: string; id: string; lenient: boolean }
  | { kind: "unknown" };

/** Ids below these are one segment longer (fal-ai/fal-js:libs/client/src/utils.ts, APP_NAMESPACES). */
const NAMESPACES = ["workflows", "comfy"];
const SEGMENT = /^[A-Za-z0-9][A-Za-z0-9._~-]*$/;

const TAILS: Record<string, RequestVerb> = {
  "": "result",
  status: "status",
  "status/stream": "stream",
  cancel: "cancel",
  response: "result",
};

/**
 * Reads a native path (`fal-ai/flux/schnell`, `fal-ai/flux/requests/ID/status`), slashes at its ends left out. `lenient`
 * marks the forms that older documents show and fal refuses: a sub-path before `requests`, `/response` after the id.
 */
export function readQueuePath(path: string): QueueRoute {
  const segments = path.replace(/^\/+|\/+$/g, "").split("/");
  if (!segments.every((segment) => SEGMENT.test(segment))) return { kind: "unknown" };
  const appLength = NAMESPACES.includes(segments[0] ?? "") ? 3 : 2;
  if (segments.length < appLength) return { kind: "unknown" };
  const app = segments.slice(0, appLength).join("/");
  const mark = segments.lastIndexOf("requests");
  const id = segments[mark + 1];
  if (mark < appLength || id === undefined) return { kind: "submit", model: segments.join("/"), app };
  const tail = segments.slice(mark + 2).join("/");
  const verb = TAILS[tail];
  if (verb === undefined) return { kind: "unknown" };
  return { kind: "request", verb, app, id, lenient: mark > appLength || tail === "response" };
}

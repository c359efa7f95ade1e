// Parses `x-fal-target-url`. The caller controls this header, so hosts are compared whole and the URL is never called: it only selects
// one of our own operations. Pure.

export type ProxyTarget =
  | { kind: "submit"; model: string }
  | { kind: "status" | "stream" | "result" | "cancel"; app: string; id: string }
  | { kind: "run" | "run_stream"; model: string }
  | { kind: "upload" | "multipart_upload" }
  | { kind: "token" | "unknown" };

/** `rest.alpha.fal.ai` is the older name, which @fal-ai/serverless-client still uses (fal-ai/fal-js:libs/client/src/config.ts). */
const REST_HOSTS = ["rest.fal.ai", "rest.alpha.fal.ai"];
const REQUEST = /^(.+)\/requests\/([^/]+)(\/status|\/status\/stream|\/cancel|\/response)?$/;

/** The operation of a method and target URL; `unknown` for unsupported ones. */
export function proxyTarget(method: string, text: string): ProxyTarget {
  const url = URL.parse(text);
  if (url === null || url.protocol !== "https:" || url.port !== "" || url.username !== "" || url.password !== "") {
    return { kind: "unknown" };
  }
  const path = url.pathname.replace(/\/{2,}/g, "/").replace(/^\/|\/$/g, "");
  if (url.hostname === "queue.fal.run") return queueTarget(method, path);
  if (url.hostname === "fal.run" && method === "POST") {
    const model = path.replace(/\/stream$/, "");
    return { kind: model === path ? "run" : "run_stream", model };
  }
  return REST_HOSTS.includes(url.hostname) ? restTarget(method, path) : { kind: "unknown" };
}

function queueTarget(method: string, path: string): ProxyTarget {
  const [, app, id, verb = ""] = REQUEST.exec(path) ?? [];
  if (app === undefined || id === undefined)
    return method === "POST" ? { kind: "submit", model: path } : { kind: "unknown" };
  switch (`${method} ${verb}`) {
    case "GET /status":
      return { kind: "status", app, id };
    case "GET /status/stream":
      return { kind: "stream", app, id };
    case "GET ":
    case "GET /response":
      return { kind: "result", app, id };
    case "PUT /cancel":
      return { kind: "cancel", app, id };
    default:
      return { kind: "unknown" };
  }
}

function restTarget(method: string, path: string): ProxyTarget {
  if (method !== "POST") return { kind: "unknown" };
  switch (path) {
    case "storage/upload/initiate":
      return { kind: "upload" };
    case "storage/upload/initiate-multipart":
      return { kind: "multipart_upload" };
    default:
      return /^tokens(\/|$)/.test(path) ? { kind: "token" } : { kind: "unknown" };
  }
}

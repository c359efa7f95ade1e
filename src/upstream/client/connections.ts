// Maton's connections to fal: requests and responses of its control API. Connections to other vendors are never shown. Pure. Shapes:
// maton-ai/api-gateway-skill:SKILL.md ("Connections").

import { type Refusal, type Refused, refusal, refused } from "../../platform/errors.ts";
import { isRawNumber, type JsonTree, parseTree, valueAt } from "../../platform/json.ts";
import { SECOND_MS } from "../../platform/time.ts";
import { ERROR_MESSAGE_MAX_CHARS, RATE_LIMITED_PAUSE_MS, textAt } from "./classify.ts";

export const CONNECTED_APP = "fal-ai";

/** What may stand in a path and in a header. */
export const CONNECTION_ID = /^(?!\.+$)[A-Za-z0-9._:-]{1,128}$/;

/** A call of the control API. Maton validates filters and method. */
export type ConnectionRequest =
  | { kind: "list"; filters: ConnectionFilters }
  | { kind: "create"; method?: string | undefined }
  | { kind: "get"; id: string }
  | { kind: "delete"; id: string };

export interface ConnectionFilters {
  status?: string | undefined;
  method?: string | undefined;
  limit?: string | undefined;
}

/** What one call brought back; `failed`: nothing. */
export type ConnectionReply =
  | { kind: "read"; status: number; text: string; retryAfterMs: number | null }
  | { kind: "failed" };

/**
 * `done`: `body` is Maton's, with fal's connections alone; `inUse` is the one that Sluice sends its calls over.
 * `declined`: Maton's own refusal, with its status and message.
 */
export type ConnectionAnswer =
  | { kind: "done"; body: { [key: string]: JsonTree }; inUse: string | null }
  | { kind: "declined"; status: number; message: string }
  | Refused;

/** Method, path and body of the call. */
export function connectionCall(request: ConnectionRequest): { method: string; path: string; body?: string } {
  switch (request.kind) {
    case "list": {
      const query = new URLSearchParams({ app: CONNECTED_APP });
      for (const [name, value] of Object.entries(request.filters)) if (value !== undefined) query.set(name, value);
      return { method: "GET", path: `?${query}` };
    }
    case "create":
      return { method: "POST", path: "", body: JSON.stringify({ app: CONNECTED_APP, method: request.method }) };
    case "get":
      return { method: "GET", path: checkedId(request.id) };
    case "delete":
      return { method: "DELETE", path: checkedId(request.id) };
  }
}

/** The meaning of what came back. */
export function connectionMeaning(
  request: ConnectionRequest,
  { reply, inUse }: { reply: ConnectionReply; inUse: string | null },
): ConnectionAnswer {
  if (reply.kind === "failed") return noValidResponse(request);
  const { status, text, retryAfterMs } = reply;
  const tree = parseTree(text)?.tree;
  if (status >= 200 && status < 300) {
    const body = shownBody(request, tree, text);
    return body === null ? noValidResponse(request) : { kind: "done", body, inUse };
  }
  if (status === 429) return refused(connectionCallsExhausted(retryAfterMs ?? RATE_LIMITED_PAUSE_MS));
  if (status >= 401 && status <= 403) {
    const hint = "Ask the operator to check MATON_API_KEY.";
    return refused(refusal("misconfigured", "Maton rejected the gateway's API key.", { hint }));
  }
  if (status < 400 || status >= 500 || status === 408) return noValidResponse(request);
  return { kind: "declined", status, message: messageOf(tree) };
}

/** The rate limit allowed no call in time, or Maton answered 429. */
export function connectionCallsExhausted(waitMs: number): Refusal {
  const hint = "All teams share the Maton account's rate limit. Retry after the time in `Retry-After`.";
  return refusal("rate_limited", "The Maton account's rate limit is exhausted.", {
    hint,
    retryAfterS: Math.max(1, Math.ceil(waitMs / SECOND_MS)),
  });
}

/** What an id gets that Maton does not know, or that is another vendor's. Spelled as Maton does. */
export function connectionNotFound(id: string): Extract<ConnectionAnswer, { kind: "declined" }> {
  return { kind: "declined", status: 404, message: `Connection ${id} not found` };
}

/** The part of Maton's body that may be shown; null where it is not what Maton says. */
function shownBody(
  request: ConnectionRequest,
  tree: JsonTree | undefined,
  text: string,
): { [key: string]: JsonTree } | null {
  // What Maton says to a deletion is not written down anywhere: only that it worked counts.
  if (request.kind === "delete") return isObject(tree) ? tree : {};
  if (!isObject(tree) || text === "") return null;
  if (request.kind === "list") {
    const list = valueAt(tree, ["connections"]);
    return Array.isArray(list) ? { ...tree, connections: list.filter(isFalConnection) } : null;
  }
  const connection = valueAt(tree, ["connection"]);
  return isObject(connection) && textAt(connection, "connection_id") !== null ? tree : null;
}

/** A connection that does not say its app was asked for by app, or is one of ours by id. */
export function isFalConnection(connection: JsonTree): boolean {
  return [null, CONNECTED_APP].includes(textAt(connection, "app"));
}

/** Both of Maton's error shapes, and a text alone (maton-ai/api-gateway-skill:references/figma/README.md, …/vercel-ai-gateway/README.md). */
function messageOf(body: JsonTree | undefined): string {
  const error = body === undefined ? undefined : valueAt(body, ["error"]);
  const text = textAt(error, "message") ?? textAt(body, "error") ?? textAt(body, "message") ?? textAt(body, "detail");
  return (text ?? "Maton rejected the call.").slice(0, ERROR_MESSAGE_MAX_CHARS).toWellFormed();
}

/** A 5xx, a redirect, silence, or an answer that cannot be read. */
function noValidResponse(request: ConnectionRequest): ConnectionAnswer {
  const detail = "Maton's control API returned no valid response.";
  const hint = changesConnections(request)
    ? "The change may have been applied. List the connections before you retry."
    : "Retry the call.";
  return refused(refusal("upstream_failed", detail, { hint }));
}

function changesConnections({ kind }: ConnectionRequest): boolean {
  switch (kind) {
    case "create":
    case "delete":
      return true;
    case "list":
    case "get":
      return false;
  }
}

function checkedId(id: string): string {
  if (!CONNECTION_ID.test(id)) throw new Error("connection id was not validated before the Maton call");
  return `/${id}`;
}

function isObject(tree: JsonTree | undefined): tree is { [key: string]: JsonTree } {
  return typeof tree === "object" && tree !== null && !Array.isArray(tree) && !isRawNumber(tree);
}

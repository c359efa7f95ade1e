// Calls on the Worker as people make them, through its own fetch handler, and teams to make them with.

import { exports } from "cloudflare:workers";
import * as z from "zod";

export const ORIGIN = "https://sluice.test";
export const ADMIN_TOKEN = "test-admin-token-of-at-least-32-bytes";

const fields = z.record(z.string(), z.unknown());

export interface CallOptions {
  key?: string;
  /** Sent as JSON, or as it is when it is text. */
  body?: unknown;
  headers?: Record<string, string>;
}

export async function call(
  method: string,
  path: string,
  { key, body, headers = {} }: CallOptions = {},
): Promise<Response> {
  return exports.default.fetch(requestOf(method, path, { ...(key ? { key } : {}), body, headers }));
}

export function requestOf(method: string, path: string, { key, body, headers = {} }: CallOptions): Request {
  const all = new Headers(key === undefined ? {} : { Authorization: `Bearer ${key}` });
  if (body !== undefined) all.set("Content-Type", "application/json");
  for (const [name, value] of Object.entries(headers)) all.set(name, value);
  const init: RequestInit = { method, headers: all, redirect: "manual" };
  if (body !== undefined) init.body = typeof body === "string" ? body : JSON.stringify(body);
  return new Request(new URL(path, ORIGIN), init);
}

/** The JSON object that an answer carries. */
export async function json(response: Response): Promise<Record<string, unknown>> {
  return fields.parse(await response.json());
}

let made = 0;

/** Makes a team with its first admin key, as the operator does. Ids are unique in a test file. */
export async function newTeam(
  plan?: unknown,
  more: { manages_connections?: boolean } = {},
): Promise<{ team: string; key: string; keyId: string }> {
  const team = `team-${++made}-${crypto.randomUUID().slice(0, 8)}`;
  const body = { id: team, ...(plan === undefined ? {} : { plan }), ...more };
  const response = await call("POST", "/v1/admin/teams", { key: ADMIN_TOKEN, body });
  if (response.status !== 201) throw new Error(`no team: ${response.status} ${await response.text()}`);
  const { key } = z.object({ key: z.object({ id: z.string(), secret: z.string() }) }).parse(await response.json());
  return { team, key: key.secret, keyId: key.id };
}

/** Makes another key of a team. */
export async function newKey(adminKey: string, body: Record<string, unknown>): Promise<{ id: string; secret: string }> {
  const response = await call("POST", "/v1/keys", { key: adminKey, body });
  return z.object({ id: z.string(), secret: z.string() }).parse(await response.json());
}

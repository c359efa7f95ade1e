// Calls on the Worker under test as people make them, through its own fetch handler.

import { exports } from "cloudflare:workers";
import * as z from "zod";
import { BASE } from "./env.ts";
import type { RequestObject } from "./request-object.ts";

const worker = (exports as unknown as { default: { fetch(request: Request): Promise<Response> } }).default;
const fields = z.record(z.string(), z.unknown());

export interface CallOptions {
  key?: string;
  /** Sent as JSON, or as it is when it is text or bytes. */
  body?: unknown;
  headers?: HeadersInit;
}

export interface Answer<T = RequestObject> {
  status: number;
  headers: Headers;
  body: T;
}

export function call(method: string, path: string, options: CallOptions = {}): Promise<Response> {
  return worker.fetch(requestOf(method, path, options));
}

/** A call, and the JSON that it was answered with. */
export async function ask<T = RequestObject>(method: string, path: string, options?: CallOptions): Promise<Answer<T>> {
  const answer = await call(method, path, options);
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, body: (text === "" ? null : JSON.parse(text)) as T };
}

export function requestOf(method: string, path: string, { key, body, headers = {} }: CallOptions): Request {
  const all = new Headers(key === undefined || key === "" ? {} : { Authorization: `Bearer ${key}` });
  const isJson = typeof body === "string" || isPlain(body);
  if (isJson) all.set("Content-Type", "application/json");
  for (const [name, value] of new Headers(headers)) all.set(name, value);
  const init: RequestInit = { method, headers: all, redirect: "manual" };
  if (body !== undefined) init.body = isPlain(body) ? JSON.stringify(body) : (body as BodyInit);
  return new Request(new URL(path, BASE), init);
}

/** Whether a body is a value that JSON tells, and no text or bytes. */
function isPlain(body: unknown): boolean {
  if (body === undefined || typeof body === "string") return false;
  if (typeof body !== "object" || body === null || Array.isArray(body)) return true;
  return Object.getPrototypeOf(body) === Object.prototype;
}

/** The JSON object that an answer carries. */
export async function json(response: Response): Promise<Record<string, unknown>> {
  return fields.parse(await response.json());
}

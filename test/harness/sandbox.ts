// Calls on the sandbox as its tests make them: through its own fetch handler, with the default key, on a stopped clock.

import { exports } from "cloudflare:workers";
import * as z from "zod";

export const ORIGIN = "https://sandbox.test";
export const KEY = "sandbox-maton-key";
/** Where the clock stands after `freshWorld`. */
export const START = Date.UTC(2026, 0, 1);

const worker = (exports as unknown as { default: { fetch(request: Request): Promise<Response> } }).default;

/** One call. `body` is sent as JSON, or as it is if it is a string. */
export async function call(method: string, path: string, body?: unknown, headers: HeadersInit = {}): Promise<Response> {
  const all = new Headers({ authorization: `Bearer ${KEY}`, "content-type": "application/json" });
  for (const [name, value] of new Headers(headers)) all.set(name, value);
  const init: RequestInit = { method, headers: all, redirect: "manual" };
  if (body !== undefined) init.body = typeof body === "string" ? body : JSON.stringify(body);
  return await worker.fetch(new Request(new URL(path, ORIGIN), init));
}

export async function json(response: Response): Promise<Record<string, unknown>> {
  return z.record(z.string(), z.unknown()).parse(await response.json());
}

/** A world without past: clock stopped at START, webhooks held, no pace. Then the settings that a test wants. */
export async function freshWorld(settings: Record<string, unknown> = {}): Promise<void> {
  await (await call("POST", "/_sandbox/reset")).text();
  await (await call("POST", "/_sandbox/clock", { now: START })).text();
  await set({ webhooks: "hold", rps: 1_000_000, ...settings });
}

export async function set(settings: Record<string, unknown>): Promise<void> {
  const answer = await call("PATCH", "/_sandbox/settings", settings);
  if (answer.status !== 200) throw new Error(await answer.text());
  await answer.text();
}

export async function advance(ms: number): Promise<void> {
  await (await call("POST", "/_sandbox/clock", { advance_ms: ms })).text();
}

export const FLUX = "fal-ai/flux/schnell";
/** More than any default model takes from submit to end, less than any result is kept. */
export const LONG_ENOUGH_MS = 5_000;

const submitSchema = z.looseObject({
  request_id: z.string(),
  response_url: z.string(),
  status_url: z.string(),
  cancel_url: z.string(),
});

export interface Submitted {
  id: string;
  /** Paths on the gateway. */
  result: string;
  status: string;
  cancel: string;
}

/** Paths of a request as a gateway client calls them: fal's URL with its origin swapped. */
export async function submitted(answer: Response): Promise<Submitted> {
  const body = submitSchema.parse(await answer.json());
  const path = (url: string) => url.replace("https://queue.fal.run", "/fal-ai");
  return {
    id: body.request_id,
    result: path(body.response_url),
    status: path(body.status_url),
    cancel: path(body.cancel_url),
  };
}

export async function submit(
  input: Record<string, unknown> = { prompt: "a tiny cute cat" },
  options: { model?: string; query?: string; headers?: HeadersInit } = {},
): Promise<Submitted> {
  const path = `/fal-ai/${options.model ?? FLUX}${options.query ?? ""}`;
  return await submitted(await call("POST", path, input, options.headers));
}

/** Submits with a magic word and moves the clock past the end. */
export async function finished(input: Record<string, unknown>, model = FLUX, query = ""): Promise<Submitted> {
  const request = await submit(input, { model, query });
  await advance(LONG_ENOUGH_MS);
  return request;
}

const outboxSchema = z.object({
  deliveries: z.array(
    z.object({
      id: z.string(),
      due_at: z.number(),
      request_id: z.string(),
      url: z.string(),
      headers: z.record(z.string(), z.string()),
      body: z.string(),
    }),
  ),
});
export type Delivery = z.infer<typeof outboxSchema>["deliveries"][number];

export async function outbox(query = ""): Promise<Delivery[]> {
  const answer = await call("GET", `/_sandbox/outbox${query}`);
  return outboxSchema.parse(await answer.json()).deliveries;
}

/** The URL of the first picture in a result. */
export async function firstImageUrl(request: Submitted): Promise<string> {
  const schema = z.looseObject({ images: z.array(z.looseObject({ url: z.string() })).min(1) });
  const body = schema.parse(await (await call("GET", request.result)).json());
  const [image] = body.images;
  if (!image) throw new Error("no image");
  return image.url;
}

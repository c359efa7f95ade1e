// A receiver on Hono (Cloudflare Workers, Bun, Node): verifies the signature and handles the event.
// npm i hono standardwebhooks · WEBHOOK_SECRET=whsec_…

import { Hono } from "hono";
import { Webhook } from "standardwebhooks";

type Variables = { WEBHOOK_SECRET: string };
type Event = { type: string; timestamp: string; data: { id: string; status: string } };

/** Your handler. An event can be delivered twice: store its `id` with the result of the work to ignore duplicates. */
export type OnEvent = (id: string, event: Event) => Promise<void>;

export function receiver(onEvent: OnEvent): Hono<{ Bindings: Variables }> {
  const app = new Hono<{ Bindings: Variables }>();
  app.post("/hook", async (context) => {
    // The raw text is what was signed: never `await context.req.json()` first.
    const body = await context.req.text();
    let event: Event;
    try {
      event = new Webhook(context.env.WEBHOOK_SECRET).verify(body, context.req.header()) as Event;
    } catch {
      return context.text("Invalid signature.", 401);
    }
    await onEvent(context.req.header("webhook-id") ?? "", event);
    return context.body(null, 204);
  });
  return app;
}

const handled = new Set<string>();
export default receiver(async (id, { type, data }) => {
  if (handled.has(id)) return;
  handled.add(id);
  console.log(`${type}: ${data.id} is ${data.status}`);
});

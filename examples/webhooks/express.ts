// A receiver for Express. The body must reach it raw: mount it before express.json().
//   app.post("/hook", express.raw({ type: "application/json" }), receiver(onEvent));
// npm i express standardwebhooks · WEBHOOK_SECRET=whsec_…

import type { IncomingMessage, ServerResponse } from "node:http";
import { Webhook } from "standardwebhooks";

type Event = { type: string; timestamp: string; data: { id: string; status: string } };

/** Your handler. An event can be delivered twice: store its `id` with the result of the work to ignore duplicates. */
export type OnEvent = (id: string, event: Event) => Promise<void>;

export function receiver(onEvent: OnEvent) {
  return async (request: IncomingMessage & { body: Uint8Array }, response: ServerResponse): Promise<void> => {
    let event: Event;
    try {
      const body = new TextDecoder().decode(request.body);
      const headers = request.headers as Record<string, string>;
      event = new Webhook(process.env.WEBHOOK_SECRET ?? "").verify(body, headers) as Event;
    } catch {
      response.writeHead(401).end("Invalid signature.");
      return;
    }
    await onEvent(String(request.headers["webhook-id"]), event);
    response.writeHead(204).end();
  };
}

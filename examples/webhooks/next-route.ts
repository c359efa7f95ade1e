// A receiver as a Next.js route handler: app/api/hook/route.ts.
// npm i standardwebhooks · WEBHOOK_SECRET=whsec_… in .env.local

import { Webhook } from "standardwebhooks";

type Event = { type: string; timestamp: string; data: { id: string; status: string } };

const handled = new Set<string>();

export async function POST(request: Request): Promise<Response> {
  // The raw text is what was signed: never `await request.json()` first.
  const body = await request.text();
  let event: Event;
  try {
    const secret = process.env.WEBHOOK_SECRET ?? "";
    event = new Webhook(secret).verify(body, Object.fromEntries(request.headers)) as Event;
  } catch {
    return new Response("Invalid signature.", { status: 401 });
  }
  await onEvent(request.headers.get("webhook-id") ?? "", event);
  return new Response(null, { status: 204 });
}

/** An event can be delivered twice: store its `id` with the result of the work, not in memory as here, to ignore duplicates. */
async function onEvent(id: string, { type, data }: Event): Promise<void> {
  if (handled.has(id)) return;
  handled.add(id);
  console.log(`${type}: ${data.id} is ${data.status}`);
}

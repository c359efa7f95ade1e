// `npm run listen -- --forward http://localhost:3000/hook`: forwards the team's events to a local receiver, signed like webhooks, for
// development without a public URL. Each event is posted once, in order; failed reads of the feed are retried, and the last line
// prints how to resume.

import { existsSync, readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { objectText, RawText } from "../src/platform/json.ts";
import { endEvent } from "../src/webhooks/event-body.ts";
import { deliver } from "../src/webhooks/send.ts";
import { receiverFault } from "./receiver-fault.ts";

/** Long-polling time of a feed call, timeout of every call, and delay after a failed one. */
const HOLD_S = 50;
const CALL_TIMEOUT_MS = 90_000;
const PAUSE_MS = 2_000;

const USAGE = `npm run listen -- --forward http://localhost:3000/hook
  --forward URL     receiver of the events (required)
  --url URL         URL of Sluice (default: SLUICE_URL or http://localhost:8787)
  --key KEY         admin key (default: SLUICE_KEY or the demo key of npm start)
  --secret whsec_…  signing secret (default: the team's secret for requests' own webhook_url)
  --types a,b       event types to forward, e.g. request.completed,request.failed (default: all)
  --after CURSOR    start after this event (default: new events only)`;

interface FeedEvent {
  cursor: string;
  id: string;
  type: string;
  timestamp: string;
  data: Record<string, unknown>;
}

const { values } = parseArgs({
  options: {
    forward: { type: "string" },
    url: { type: "string" },
    key: { type: "string" },
    secret: { type: "string" },
    types: { type: "string" },
    after: { type: "string" },
    help: { type: "boolean" },
  },
});
if (values.help) exit(USAGE, 0);
const receiver = URL.parse(values.forward ?? "");
if (receiver === null) exit(`--forward must be a URL.\n\n${USAGE}`, 2);
const base = (values.url ?? process.env.SLUICE_URL ?? "http://localhost:8787").replace(/\/$/, "");
const key = values.key ?? process.env.SLUICE_KEY ?? demoKey();
if (key === null) exit(`No API key: use --key or SLUICE_KEY, or start Sluice with npm start.\n\n${USAGE}`, 2);

const secret = values.secret ?? (await ask<{ secret: string }>("/v1/team/webhook_secret")).secret;
// The receiver is chosen by the user, so any address is allowed. The default port is the scheme's.
const port = receiver.port || (receiver.protocol === "https:" ? "443" : "80");
const guard = { allowHosts: [`${receiver.hostname}:${port}`], ownHosts: [] };
let after = values.after ?? (await ask<{ next_cursor: string }>("/v1/events?after=latest")).next_cursor;

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => exit(`Resume with --after ${after}`, 0));
}
console.log(`Forwarding events of ${base} to ${receiver.origin}${receiver.pathname}`);
console.log(`Signing secret: ${secret}`);
for (;;) {
  const query = new URLSearchParams({ after, wait: String(HOLD_S), ...(values.types ? { types: values.types } : {}) });
  const page = await ask<{ data: FeedEvent[]; next_cursor: string }>(`/v1/events?${query}`);
  for (const event of page.data) {
    await forward(event, receiver);
    after = event.cursor;
  }
  after = page.next_cursor;
}

/** Posts one event and prints the receiver's response. */
async function forward(event: FeedEvent, to: URL): Promise<void> {
  const body = await bodyOf(event);
  const { status, reason, category, ms } = await deliver({
    url: to.href,
    eventId: event.id,
    body,
    secrets: [secret],
    guard,
    now: () => Date.now(),
  });
  const about = typeof event.data.request_id === "string" ? ` ${event.data.request_id.slice(0, 12)}…` : "";
  console.log(`${event.timestamp}  ${event.type}${about}  ->  ${status ?? reason} (${ms} ms)`);
  const why = await receiverFault(to, status, category);
  if (why !== null) console.log(`  ${why}`);
}

/** The body of a delivery: with the current request, if the event has one that still exists. */
async function bodyOf({ type, timestamp, data }: FeedEvent): Promise<string> {
  const text = typeof data.request_id === "string" ? await requestText(data.request_id) : null;
  if (text === null) return objectText({ type, timestamp, data: new RawText(JSON.stringify(data)) });
  const [, outcome] = type.split(".");
  const recovered = outcome === "recovered";
  return endEvent({
    outcome: recovered ? "completed" : (outcome as "completed" | "failed" | "canceled"),
    recovered,
    endedAt: Date.parse(timestamp),
    requestText: text,
    outputOmitted: false,
  });
}

async function requestText(id: string): Promise<string | null> {
  const answer = await call(`/v1/requests/${id}`);
  return answer.ok ? answer.text() : null;
}

/** The JSON response of a call. Network and server errors are retried; a refusal is printed and exits. */
async function ask<T>(path: string): Promise<T> {
  for (;;) {
    const answer = await call(path).catch(() => null);
    if (answer?.ok) return (await answer.json()) as T;
    if (answer !== null && answer.status < 500 && answer.status !== 429) {
      const { detail, hint } = (await answer.json().catch(() => ({}))) as { detail?: string; hint?: string };
      exit(`GET ${path} failed with ${answer.status}: ${[detail, hint].filter(Boolean).join(" ")}`, 1);
    }
    console.error(`Could not read events from ${base} (${answer?.status ?? "no connection"}). Retrying …`);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

function call(path: string): Promise<Response> {
  const headers = { Authorization: `Bearer ${key}` };
  return fetch(`${base}${path}`, { headers, signal: AbortSignal.timeout(CALL_TIMEOUT_MS) });
}

/** The admin key that `npm start` stores in its state folder. */
function demoKey(): string | null {
  const file = `${process.env.STATE_DIR || ".state"}/demo-key`;
  return existsSync(file) ? readFileSync(file, "utf8").trim() : null;
}

function exit(text: string, code: number): never {
  (code === 0 ? console.log : console.error)(text);
  process.exit(code);
}

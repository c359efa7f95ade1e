// `npm run check:clients`: clients of others, the oldest and newest versions that are supported, each against a whole Sluice. Prints
// what each can do and writes it to docs/compatibility.md. Exits 1 when a call fails. The versions are pinned in the folder's own lock.

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { sluiceFetch } from "../../examples/ai-sdk/sluice-fetch.ts";
import { type Sluice, startSluice } from "../harness/sluice.ts";

const MODEL = "fal-ai/flux/schnell";
const PAGE = fileURLToPath(new URL("../../docs/compatibility.md", import.meta.url).href);
const MARKS = ["<!-- check:clients -->", "<!-- /check:clients -->"] as const;
/** Streams are read so often: a client that loses the last event does so now and then. */
const STREAMS = 5;

interface Pictures {
  images: { url: string }[];
}
type Events<T> = AsyncIterable<T> & { done(): Promise<unknown> };
/** What the versions of fal's clients have in common; the older answer with the output itself. */
interface FalClient {
  run(model: string, options: object): Promise<Pictures | { data: Pictures }>;
  subscribe(model: string, options: object): Promise<Pictures | { data: Pictures }>;
  stream(model: string, options: object): Promise<Events<Pictures>>;
  queue: {
    submit(model: string, options: object): Promise<{ request_id: string }>;
    streamStatus?(model: string, options: object): Promise<Events<{ status: string }>>;
  };
  storage: { upload(file: Blob): Promise<string> };
}
type Call = (sluice: Sluice) => Promise<void>;
type Calls = Record<string, Call>;

function expectThat(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

function picturesOf(answer: Pictures | { data: Pictures }): Pictures {
  return "data" in answer ? answer.data : answer;
}

function expectPicture(answer: Pictures | { data: Pictures }, { url }: Sluice): void {
  expectThat(picturesOf(answer).images[0]?.url.startsWith(`${url}/files/`) === true, "no picture of ours");
}

/** fal's clients, through a request middleware as a page's `proxyUrl` works: all versions have it. */
function falCalls(load: (sluice: Sluice) => Promise<FalClient>): Calls {
  const input = { prompt: "a cat" };
  return {
    run: async (sluice) => expectPicture(await (await load(sluice)).run(MODEL, { input }), sluice),
    subscribe: async (sluice) => {
      const seen: string[] = [];
      const onQueueUpdate = ({ status }: { status: string }) => void seen.push(status);
      const options = { input, logs: true, pollInterval: 100, onQueueUpdate };
      expectPicture(await (await load(sluice)).subscribe(MODEL, options), sluice);
      expectThat(seen.at(-1) === "COMPLETED", `its last state was ${seen.at(-1)}`);
    },
    "subscribe (streaming)": async (sluice) => {
      expectPicture(await (await load(sluice)).subscribe(MODEL, { input, mode: "streaming" }), sluice);
    },
    "queue.streamStatus": async (sluice) => {
      const fal = await load(sluice);
      const { streamStatus } = fal.queue;
      if (streamStatus === undefined) return;
      for (let n = 0; n < STREAMS; n++) {
        const { request_id: requestId } = await fal.queue.submit(MODEL, { input });
        let last = "";
        for await (const { status } of await streamStatus(MODEL, { requestId })) last = status;
        expectThat(last === "COMPLETED", `the last event was ${last || "lost"}`);
      }
    },
    stream: async (sluice) => {
      const fal = await load(sluice);
      for (let n = 0; n < STREAMS; n++) {
        const events: Pictures[] = [];
        for await (const event of await fal.stream(MODEL, { input })) events.push(event);
        expectThat(events.length === 1, `${events.length} events`);
      }
    },
    "storage.upload": async (sluice) => {
      const bytes = new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0]);
      const fal = await load(sluice);
      const answer = await fetch(await fal.storage.upload(new File([bytes], "Grüße.png", { type: "image/png" })));
      expectThat(answer.ok && answer.headers.get("content-type") === "image/png", `the file is ${answer.status}`);
    },
  };
}

/** Every call goes to the proxy, with its own target in a header. */
function throughProxy({ url }: Sluice) {
  return async (request: { url: string; headers?: Record<string, string> }) => {
    return { ...request, url: `${url}/fal/proxy`, headers: { ...request.headers, "x-fal-target-url": request.url } };
  };
}

function falClient(name: string): Calls {
  return falCalls(async (sluice) => {
    const { createFalClient } = (await load(name)) as { createFalClient(options: object): FalClient };
    return createFalClient({ credentials: sluice.key, requestMiddleware: throughProxy(sluice) });
  });
}

function serverlessClient(name: string): Calls {
  return falCalls(async (sluice) => {
    const fal = (await load(name)) as FalClient & { config(options: object): void };
    fal.config({ credentials: sluice.key, requestMiddleware: throughProxy(sluice) });
    return fal;
  });
}

/** Files have a public name, as in a deployment: newer versions download nothing from localhost. */
function underPublicName({ url }: Sluice): typeof fetch {
  const publicUrl = "https://sluice.example.com";
  return sluiceFetch(publicUrl, async (input, init) => {
    const asked = input instanceof Request ? input.url : String(input);
    const answer = await fetch(asked.replace(publicUrl, url), init);
    if (!/json/.test(answer.headers.get("content-type") ?? "")) return answer;
    return new Response((await answer.text()).replaceAll(url, publicUrl), answer);
  });
}

/** The provider alone: `ai` above it is tried by the tests. */
function aiSdk(name: string): Calls {
  interface Image {
    doGenerate(options: object): Promise<{ images: unknown[] }>;
  }
  return {
    image: async (sluice) => {
      const { createFal } = (await load(name)) as { createFal(options: object): { image(model: string): Image } };
      const fal = createFal({ apiKey: sluice.key, fetch: underPublicName(sluice) });
      const options = { prompt: "a cat", n: 1, headers: {}, providerOptions: {} };
      const { images } = await fal.image(MODEL).doGenerate(options);
      expectThat(images.length === 1, `${images.length} images`);
    },
  };
}

interface Source {
  addEventListener(type: string, listener: (event: { data: string }) => void): void;
  close(): void;
}

/** A request's events to their end, after which the client has to stay away. */
function eventSource(name: string): Calls {
  return {
    "events of a request": async (sluice) => {
      const module = (await load(name)) as { default?: unknown; EventSource?: unknown };
      const Client = (module.EventSource ?? module.default) as new (url: string, options: object) => Source;
      const id = await sluice.submit({ model: MODEL, input: { prompt: "a cat" } });
      const headers = { Authorization: `Bearer ${sluice.key}` };
      const withKey = (url: string, init: RequestInit) =>
        fetch(url, { ...init, headers: { ...init.headers, ...headers } });
      const source = new Client(`${sluice.url}/v1/requests/${id}/events`, { headers, fetch: withKey });
      try {
        await new Promise<void>((resolve, reject) => {
          const late = setTimeout(() => reject(new Error("no end came")), 60_000);
          source.addEventListener("end", () => {
            clearTimeout(late);
            resolve();
          });
        });
      } finally {
        source.close();
      }
    },
  };
}

function load(name: string): Promise<unknown> {
  return import(name);
}

const CLIENTS: readonly [string, string, Calls][] = [
  ["`@fal-ai/client`", "1.0.2", falClient("fal-client-1-0-2")],
  ["`@fal-ai/client`", "1.2.3", falClient("fal-client-1-2-3")],
  ["`@fal-ai/client`", "1.7.2", falClient("fal-client-1-7-2")],
  ["`@fal-ai/client`", "1.10.1", falClient("fal-client-1-10-1")],
  ["`@fal-ai/serverless-client`", "0.14.2", serverlessClient("serverless-client-0-14")],
  ["`@fal-ai/serverless-client`", "0.15.0", serverlessClient("serverless-client-0-15")],
  ["`@ai-sdk/fal`", "1.0.0", aiSdk("ai-sdk-fal-1")],
  ["`@ai-sdk/fal`", "3.0.41", aiSdk("ai-sdk-fal-3")],
  ["`eventsource`", "2.0.2", eventSource("eventsource-2")],
  ["`eventsource`", "5.1.5", eventSource("eventsource-5")],
];

interface Outcome {
  client: string;
  version: string;
  works: string[];
  fails: string[];
}

async function tryClient([client, version, calls]: (typeof CLIENTS)[number], sluice: Sluice): Promise<Outcome> {
  const outcome: Outcome = { client, version, works: [], fails: [] };
  for (const [name, call] of Object.entries(calls)) {
    try {
      await call(sluice);
      outcome.works.push(name);
    } catch (fault) {
      outcome.fails.push(`${name}: ${fault instanceof Error ? fault.message : String(fault)}`);
    }
  }
  console.log(
    `${client} ${version}: ${outcome.works.join(", ")}${outcome.fails.map((each) => `\n  FAILS ${each}`).join("")}`,
  );
  return outcome;
}

function writeTable(outcomes: readonly Outcome[]): void {
  const rows = outcomes.map(({ client, version, works, fails }) => {
    return `| ${client} | ${version} | ${works.join(", ")} | ${fails.map((each) => each.split(":", 1)[0]).join(", ") || "-"} |`;
  });
  const table = ["| client | version | works | does not |", "|---|---|---|---|", ...rows].join("\n");
  const page = readFileSync(PAGE, "utf8");
  const [before = "", rest = ""] = page.split(MARKS[0]);
  const [, after] = rest.split(MARKS[1]);
  if (after === undefined) throw new Error("docs/compatibility.md has no place for the table");
  writeFileSync(PAGE, `${before}${MARKS[0]}\n\n${table}\n\n${MARKS[1]}${after}`);
}

const sluice = await startSluice();
try {
  const outcomes = await Promise.all(CLIENTS.map((each) => tryClient(each, sluice)));
  writeTable(outcomes);
  const failed = outcomes.filter(({ fails }) => fails.length > 0).length;
  console.log(`${outcomes.length - failed} passed, ${failed} failed`);
  if (failed > 0) process.exitCode = 1;
} finally {
  await sluice.stop();
}
process.exit();

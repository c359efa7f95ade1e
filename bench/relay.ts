// `npm run bench:relay -- --stuck 2000`: how long after its end a request's webhook arrives, before and while thousands of
// deliveries hang on a receiver that never answers. Prints the ratio and writes it to docs/figures.md.

import { createServer, type Server, type ServerResponse } from "node:http";
import { parseArgs } from "node:util";
import { eventually } from "../test/harness/eventually.ts";
import { MODEL } from "../test/harness/model.ts";
import { endChildrenOnSignal, freePorts } from "../test/harness/process.ts";
import { type Sluice, startSluice } from "../test/harness/sluice.ts";
import { provenance, table, writeSection } from "./figures.ts";
import { quantile } from "./numbers.ts";

const { values } = parseArgs({
  options: { stuck: { type: "string", default: "2000" }, probes: { type: "string", default: "100" } },
});
const [stuck, probes] = [Number(values.stuck), Number(values.probes)];
/** So many posts are under way at once while the stuck ones are made. */
const LANES = 20;
const PATIENCE_MS = 300_000;

/** When each request's event arrived, in epoch ms, by request id. */
const arrived = new Map<string, number>();
/** Deliveries that the hanging receiver holds open now, and the most there ever were. */
let [hanging, mostHanging, everHung] = [0, 0, 0];

const [goodPort = 0, hangingPort = 0] = await freePorts(2);
const good = await listening(goodPort, (id, response) => {
  arrived.set(id, Date.now());
  response.writeHead(204).end();
});
const bad = await listening(hangingPort, (_id, response) => {
  [hanging, everHung] = [hanging + 1, everHung + 1];
  mostHanging = Math.max(mostHanging, hanging);
  response.on("close", () => {
    hanging -= 1;
  });
});

endChildrenOnSignal();
let running: Sluice | null = null;
try {
  // What is measured is the relay: the gateway costs nothing here.
  running = await startSluice({
    ...{ RELAY_ALLOW_HOSTS: `localhost:${goodPort},localhost:${hangingPort}` },
    ...{ UPSTREAM_RPS: "1000", UPSTREAM_SLOTS: "10000" },
  });
  await measure(running);
} finally {
  await running?.stop();
  for (const server of [good, bad]) {
    server.closeAllConnections();
    server.close();
  }
}

async function measure(sluice: Sluice): Promise<void> {
  // Neither do the models.
  const quick = { image: 0, video: 0, audio: 0, other: 0 };
  const settings = { rps: 100_000, queue_ms: quick, run_ms: quick };
  await sluice.sandbox("PATCH", "settings", settings);

  const before = await delays(sluice);
  const begunAt = Date.now();
  await inLanes(stuck, () => post(sluice, `http://localhost:${hangingPort}/hook`));
  await eventually(async () => (everHung >= stuck ? true : null), {
    what: "every stuck delivery was tried",
    patienceMs: PATIENCE_MS,
  });
  const stuckInS = (Date.now() - begunAt) / 1000;
  const hangingBefore = hanging;
  const during = await delays(sluice);

  const [median, late] = [ratio(before, during, 0.5), ratio(before, during, 0.95)];
  const ms = (sorted: number[], part: number) => Math.round(quantile(sorted, part));
  const rows = [
    ["nothing is stuck", before.length, ms(before, 0.5), ms(before, 0.95), ms(before, 1)],
    [`${stuck} are stuck`, during.length, ms(during, 0.5), ms(during, 0.95), ms(during, 1)],
    ["**ratio**", "", median.toFixed(2), late.toFixed(2), ""],
  ];
  const result = `${table(["while", "deliveries", "median delay, ms", "95 %, ms", "longest, ms"], rows)}

The delay is the time from a request's \`completed_at\` to its event's arrival at a receiver that answers at once. ${stuck} requests
(ended in ${Math.round(stuckInS)} s) send theirs to a receiver that reads the call and never answers; at most ${mostHanging} hung at once,
${hangingBefore} when the second measurement began, each for the 15 s that an exchange may take, then again after each gap of the schedule.`;
  console.log(`\n${result}`);
  const command = `npm run bench:relay -- --stuck ${stuck} --probes ${probes}`;
  writeSection("Stuck deliveries", `${provenance(command)}\n\n${result}`);
}

/** Delays of deliveries to the good receiver in ms, ascending; one request after the other, so that they do not wait for each other. */
async function delays(sluice: Sluice): Promise<number[]> {
  const found: number[] = [];
  for (let n = 0; n < probes; n++) {
    const id = await post(sluice, `http://localhost:${goodPort}/hook`);
    const arrivedAt = await eventually(async () => arrived.get(id) ?? null, {
      what: "a delivery",
      patienceMs: PATIENCE_MS,
    });
    const { completed_at } = await sluice.read<{ completed_at: string }>(`/v1/requests/${id}`);
    found.push(Math.max(0, arrivedAt - Date.parse(completed_at)));
  }
  return found.toSorted((one, other) => one - other);
}

function post(sluice: Sluice, webhookUrl: string): Promise<string> {
  return sluice.submit({ model: MODEL, input: { prompt: "a cat", image_size: "square" }, webhook_url: webhookUrl });
}

async function inLanes(count: number, act: () => Promise<unknown>): Promise<void> {
  let left = count;
  const lane = async () => {
    while (left-- > 0) await act();
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

/** A delay below a millisecond cannot be told from none. */
function ratio(before: number[], during: number[], part: number): number {
  return Math.max(1, quantile(during, part)) / Math.max(1, quantile(before, part));
}

/** A receiver; `hear` gets the request's id of each event. */
async function listening(on: number, hear: (id: string, response: ServerResponse) => void): Promise<Server> {
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request) text += String(chunk);
    const { data } = JSON.parse(text) as { data: { id: string } };
    hear(data.id, response);
  });
  // The runtime calls "localhost" by IPv6 or IPv4, as it likes.
  await new Promise<void>((done) => server.listen(on, "localhost", done));
  return server;
}

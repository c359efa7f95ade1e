// `npm run demo`: generates an image, a video and speech from end to end on the built-in sandbox. Prints each stage, saves the stored
// files to demo-output/, and exits with code 0 only if all three succeed.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { LaunchProblem, launch } from "./launcher.ts";

const outputDir = fileURLToPath(new URL("../demo-output/", import.meta.url).href);

interface StoredFile {
  url: string;
  status: string;
  content_type: string;
  size: number;
  sha256: string | null;
}
interface RequestObject {
  id: string;
  status: string;
  files: StoredFile[];
  error: { code: string; message: string } | null;
  upstream: { calls: number };
  links: { events: string; timeline: string; self: string };
}
interface Update {
  at: string;
  event: string;
  stage: string;
  queue_position: number | null;
  detail: Record<string, unknown>;
}

const runs = [
  { title: "Image", model: "fal-ai/flux/schnell", input: { prompt: "a tiny cute cat", image_size: "square_hd" } },
  {
    title: "Video",
    model: "fal-ai/minimax/video-01",
    input: { prompt: "A cat playing with a ball in slow motion" },
  },
  { title: "Speech", model: "fal-ai/f5-tts", input: { gen_text: "Hello world, this is a test of text to speech." } },
];

/** The demo always runs on the sandbox, with its own state and ports, so it never spends money. */
const stateDir = mkdtempSync(join(tmpdir(), "sluice-demo-"));
const environment = {
  STATE_DIR: stateDir,
  PORT: process.env.PORT ?? "8797",
  SANDBOX_PORT: process.env.SANDBOX_PORT ?? "8798",
};

try {
  process.exitCode = await demo();
} catch (fault) {
  console.error(fault instanceof LaunchProblem ? fault.message : fault);
  process.exitCode = 1;
} finally {
  rmSync(stateDir, { recursive: true, force: true });
}

async function demo(): Promise<number> {
  const { url, key, stop } = await launch(environment, (line) => console.log(line));
  try {
    mkdirSync(outputDir, { recursive: true });
    for (const run of runs) {
      const ended = await follow(url, key, run);
      if (ended.status !== "COMPLETED") {
        console.error(
          `\n${run.model} ended with status ${ended.status}: ${ended.error?.message ?? "no error message"}`,
        );
        return 1;
      }
      for (const [n, file] of ended.files.entries()) {
        if (!(await download(file, `${run.model.split("/").at(-1)}-${n}`))) return 1;
      }
      await printTimeline(ended, key);
    }
    console.log(
      `\nAll three files are in demo-output/. The demo's state was deleted; run \`npm start\` to make your own calls.`,
    );
    return 0;
  } finally {
    await stop();
  }
}

/** Submits a request and prints its events until it ends. */
async function follow(url: string, key: string, run: (typeof runs)[number]): Promise<RequestObject> {
  console.log(`\n── ${run.title}: ${run.model} ${"─".repeat(Math.max(0, 60 - run.model.length))}`);
  const headers = { Authorization: `Bearer ${key}`, "Content-Type": "application/json" };
  const body = JSON.stringify({ model: run.model, input: run.input });
  const submitted = await fetch(`${url}/v1/requests`, { method: "POST", headers, body });
  if (!submitted.ok) throw new LaunchProblem(`The submit failed: ${await submitted.text()}`);
  const { links, id } = (await submitted.json()) as RequestObject;
  console.log(`   request ${id.slice(0, 12)}…`);
  const events = await fetch(links.events, { headers });
  for await (const { event, data } of serverSentEvents(events)) {
    if (event === "end") return data as RequestObject;
    if (event === "log") console.log(`   │ ${(data as { message: string }).message}`);
    if (event === "update") console.log(`   ${describe(data as Update)}`);
  }
  throw new LaunchProblem("The event stream ended before the request did.");
}

/** A timeline entry as one line. */
function describe({ at, event, stage, queue_position, detail }: Update): string {
  const facts = Object.entries(detail).map(([name, value]) => `${name} ${value}`);
  if (queue_position !== null) facts.push(`position ${queue_position}`);
  return `${at.slice(11, 23)}  ${stage.padEnd(10)} ${event}${facts.length === 0 ? "" : ` (${facts.join(", ")})`}`;
}

async function* serverSentEvents(response: Response): AsyncGenerator<{ event: string; data: unknown }> {
  if (!response.ok || response.body === null)
    throw new LaunchProblem(`The event stream failed with HTTP ${response.status}.`);
  let text = "";
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const block = text.slice(0, end);
      text = text.slice(end + 2);
      const event = /^event: (.*)$/m.exec(block)?.[1];
      const data = /^data: (.*)$/m.exec(block)?.[1];
      if (event !== undefined && data !== undefined) yield { event, data: JSON.parse(data) };
    }
  }
}

/** Downloads a stored file by its URL, without a key, and saves it. */
async function download(file: StoredFile, stem: string): Promise<boolean> {
  const answer = await fetch(file.url);
  const bytes = new Uint8Array(await answer.arrayBuffer());
  if (!answer.ok || bytes.length !== file.size) {
    console.error(`   ${file.url} returned ${answer.status} with ${bytes.length} bytes instead of ${file.size}`);
    return false;
  }
  const name = `${stem}.${file.url.split(".").at(-1)}`;
  writeFileSync(`${outputDir}${name}`, bytes);
  console.log(`   saved     demo-output/${name} (${file.content_type}, ${bytes.length} bytes)`);
  console.log(`   permanent ${file.url}`);
  return true;
}

async function printTimeline(ended: RequestObject, key: string): Promise<void> {
  const answer = await fetch(ended.links.timeline, { headers: { Authorization: `Bearer ${key}` } });
  const { data } = (await answer.json()) as { data: { at: string; event: string }[] };
  const start = Date.parse(data[0]?.at ?? "");
  const steps = data.map((entry) => `${entry.event} +${((Date.parse(entry.at) - start) / 1000).toFixed(2)}s`);
  console.log(`   timeline  ${steps.join(" → ")}`);
  console.log(`   upstream  ${ended.upstream.calls} call${ended.upstream.calls === 1 ? "" : "s"} through the gateway`);
}

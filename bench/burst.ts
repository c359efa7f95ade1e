// `npm run bench:burst -- --shape equal`: 1,000 requests at once on one account of ten calls a second. Prints how many ended per
// second, when each user's last one did, and what it cost of upstream, and writes it to docs/figures.md.

import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { parseArgs } from "node:util";
import { eventually } from "../test/harness/eventually.ts";
import { MODEL } from "../test/harness/model.ts";
import { endChildrenOnSignal } from "../test/harness/process.ts";
import { startSluice } from "../test/harness/sluice.ts";
import { provenance, table, writeSection } from "./figures.ts";

const SHAPES = {
  equal: { title: "Burst, 20 users", sizes: Array<number>(20).fill(50), prompt: "a cat" },
  half: { title: "Burst, one user owns half", sizes: [500, ...Array<number>(10).fill(50)], prompt: "a cat" },
  lost: { title: "Burst, webhooks lost", sizes: Array<number>(20).fill(50), prompt: "a cat sandbox:webhook-lost" },
  // No burst: what a long run costs of upstream where no webhook comes.
  long: {
    title: "Runs of 30 s, webhooks lost",
    sizes: Array<number>(20).fill(1),
    prompt: "a cat sandbox:webhook-lost",
  },
} as const;
const QUEUE_MS = 100;
const PATIENCE_MS = 600_000;
/**
 * Posts under way at a time: enough to keep the one process busy that Sluice is on this machine. More would be answered no
 * sooner, and the answers to its own calls would stand in the line behind them.
 */
const POSTING = 8;

const { values } = parseArgs({
  options: {
    shape: { type: "string", default: "equal" },
    // A smaller burst for a quick look: it is printed, not written down.
    requests: { type: "string", default: "1000" },
    // The burst is the first that the account sees of fal: its webhook user is proved meanwhile.
    fresh: { type: "boolean", default: false },
  },
});
const part = Number(values.requests) / 1_000;
if (!(part > 0 && part <= 1)) {
  console.error("--requests must be a number from 1 to 1000.");
  process.exit(2);
}
if (!Object.hasOwn(SHAPES, values.shape)) {
  console.error(`--shape must be one of ${Object.keys(SHAPES).join(", ")}.`);
  process.exit(2);
}
const { title, prompt, ...shape } = SHAPES[values.shape as keyof typeof SHAPES];
const runMs = values.shape === "long" ? 30_000 : 2_000;
const sizes = shape.sizes.map((count) => Math.max(1, Math.round(count * part)));

interface Calls {
  total: number;
  counts: Record<string, number>;
  rate_limited: number;
  max_per_second: number;
}

interface Ended {
  user: string;
  status: string;
  endS: number;
}

endChildrenOnSignal();

// In memory where there is such a place: each post is a dozen commits, and one disk would be what is measured.
const MEMORY = "/dev/shm";
const stateIn = existsSync(MEMORY) ? MEMORY : tmpdir();
const running = await startSluice({ UPSTREAM_SLOTS: "1000" }, { stateIn, isPaced: true });
try {
  await running.sandbox("PATCH", "settings", { run_ms: { image: runMs }, queue_ms: { image: QUEUE_MS } });
  if (!values.fresh) {
    // The first of an account proves fal's user and costs a call more.
    await post("first", "a cat");
    await eventually(() => noneOpen(), { what: "the first end", patienceMs: PATIENCE_MS });
  }
  const before = await running.sandbox<Calls>("GET", "calls");

  const startedAt = Date.now();
  const wanted = sizes.flatMap((count, n) => Array.from({ length: count }, () => `user-${n}`));
  // Users submit in turn, so that the order of the list favours nobody.
  const posts = wanted.map((user, n) => ({ user, n: n % 50 })).sort((a, b) => a.n - b.n);
  const ids: { id: string; user: string }[] = [];
  const posting = async () => {
    for (let next = posts.shift(); next !== undefined; next = posts.shift()) {
      ids.push({ id: await post(next.user, prompt), user: next.user });
    }
  };
  await Promise.all(Array.from({ length: POSTING }, posting));
  const postedS = (Date.now() - startedAt) / 1_000;
  await eventually(() => noneOpen(), { what: "every end", patienceMs: PATIENCE_MS });
  const calls = await running.sandbox<Calls>("GET", "calls");
  const ended: Ended[] = [];
  for (const { id, user } of ids) {
    const { status, completed_at } = await running.read<{ status: string; completed_at: string }>(`/v1/requests/${id}`);
    ended.push({ user, status, endS: (Date.parse(completed_at) - startedAt) / 1_000 });
  }
  report(ended, postedS, calls.total - before.total, calls);
} finally {
  await running.stop();
}

function report(ended: readonly Ended[], postedS: number, calls: number, seen: Calls): void {
  const lastOf = new Map<string, number>();
  for (const { user, endS } of ended) lastOf.set(user, Math.max(lastOf.get(user) ?? 0, endS));
  const lasts = [...lastOf.values()].sort((a, b) => a - b);
  const small = [...lastOf].filter(([user]) => user !== "user-0").map(([, endS]) => endS);
  const allS = lasts.at(-1) ?? 0;
  const round = (value: number) => Math.round(value * 100) / 100;
  const completed = ended.filter(({ status }) => status === "COMPLETED").length;
  const fairS = (11 * 50 * part) / (10 / 1.05) + (runMs + QUEUE_MS) / 1_000;
  const rows: (string | number)[][] = [
    ["completed", `${completed} of ${ended.length}`],
    ["all were posted after, s", round(postedS)],
    ["all had ended after, s", round(allS)],
    ["ended per second", round(completed / allS)],
    ["slowest user / median user", round(allS / (lasts[Math.floor(lasts.length / 2)] ?? 1))],
    ["upstream calls per request", round(calls / ended.length)],
    [
      "of them",
      Object.entries(seen.counts)
        .map(([kind, count]) => `${kind} ${count}`)
        .join(", "),
    ],
    ["upstream 429", seen.rate_limited],
    ["most upstream calls within a second", seen.max_per_second],
  ];
  if (values.shape === "half") rows.push(["slowest small user / its fair time", round(Math.max(...small) / fairS)]);
  const result = `${table(["figure", "measured"], rows)}

${POSTING} posts under way at a time, state kept ${stateIn === MEMORY ? "in memory" : "on a disk"}.`;
  console.log(result);
  if (part === 1) writeSection(title, `${provenance(`npm run bench:burst -- --shape ${values.shape}`)}\n\n${result}`);
}

async function noneOpen(): Promise<true | null> {
  const { data } = await running.read<{ data: unknown[] }>("/v1/requests?status=open&limit=1");
  return data.length === 0 ? true : null;
}

function post(user: string, text: string): Promise<string> {
  return running.submit({ model: MODEL, input: { prompt: text, image_size: "square" }, user });
}

// Runs the commands of pages against a running Sluice and says which did not answer as the page has it. Each page gets a team of its
// own, since pages set plans that the others do not expect; each command that names a request gets one that has just completed.

import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Running } from "../launcher.ts";
import { type Command, commandsOf, planOf } from "./commands.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url).href);

/** Every page with commands, in the order in which they are read. */
export const PAGES = [
  "README.md",
  "docs/README.md",
  "docs/requests.md",
  "docs/files.md",
  "docs/webhooks.md",
  "docs/clients.md",
  "docs/compatibility.md",
  "docs/access.md",
  "docs/plans.md",
  "docs/limits-and-money.md",
  "docs/usage.md",
  "docs/deletion.md",
  "docs/operate.md",
  "docs/upgrading.md",
  "docs/runbook.md",
] as const;

export interface Outcome {
  command: Command;
  status: number | null;
  /** Why it does not count as a success, or why it was left out; null: it succeeded. */
  fault: string | null;
  skipped: string | null;
}

/** A picture of one pixel, for the commands that upload `cat.png`. */
const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);

/** The status goes to standard error, so that a page may pipe the body; a machine without jq shows the body as it is. */
const PRELUDE = `
curl() { command curl -sS -w '%{stderr}\\nstatus %{http_code}\\n' "$@"; }
command -v jq >/dev/null || jq() { cat; }
`;
const COMMAND_TIMEOUT_MS = 60_000;

export async function runPages(
  sluice: Running,
  pages: readonly string[],
  say: (outcome: Outcome) => void,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const page of pages) {
    const folder = mkdtempSync(join(tmpdir(), "sluice-docs-"));
    writeFileSync(join(folder, "cat.png"), PNG);
    try {
      const reader = new Reader(sluice, folder, await newTeam(sluice, teamOf(page)));
      for (const command of commandsOf(page, readFileSync(`${ROOT}${page}`, "utf8"))) {
        const outcome = await reader.run(command);
        outcomes.push(outcome);
        say(outcome);
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  return outcomes;
}

/** Somebody who reads one page and pastes its commands, with what earlier answers said. */
class Reader {
  readonly #sluice: Running;
  readonly #folder: string;
  readonly #key: string;
  readonly #variables: Record<string, string>;
  readonly #teams = new Set<string>();
  #exports = "";
  #endpoint = "";
  /** Id of a key that a page may freeze or rotate without losing its own. */
  #spareKey = "";

  constructor(sluice: Running, folder: string, key: string) {
    this.#sluice = sluice;
    this.#folder = folder;
    this.#key = key;
    const { url, adminToken } = sluice;
    this.#variables = {
      SLUICE: url,
      SLUICE_URL: url,
      SLUICE_KEY: key,
      KEY: key,
      ADMIN_KEY: key,
      ADMIN_TOKEN: adminToken,
    };
  }

  /** The operator's commands of a page are about one team, which the first of them needs. */
  async #ensureTeam(id: string): Promise<void> {
    if (this.#teams.has(id)) return;
    this.#teams.add(id);
    await newTeam(this.#sluice, id);
  }

  async run(command: Command): Promise<Outcome> {
    const plan = planOf(command);
    if (plan.kind === "skip") return { command, status: null, fault: null, skipped: plan.why };
    if (plan.kind === "export") {
      this.#exports += `${command.text}\n`;
      return { command, status: null, fault: null, skipped: null };
    }
    if (/\$(ID|FILE_URL)\b/.test(command.text)) await this.#picture();
    const [, about] = /\/v1\/admin\/teams\/(acme|studio)\b/.exec(command.text) ?? [];
    if (about !== undefined) await this.#ensureTeam(about);
    if (command.text.includes("key_…") && this.#spareKey === "") this.#spareKey = await this.#newKey();
    const { code, out, err } = await this.#shell(this.#filledIn(command.text));
    const status = Number(/status (\d{3})/.exec(err)?.[1] ?? 0);
    this.#learn(out);
    const isExpected = command.expected === null ? status >= 200 && status < 300 : status === command.expected;
    if (code === 0 && isExpected) return { command, status, fault: null, skipped: null };
    const wanted = command.expected ?? "2xx";
    return { command, status, fault: `${wanted} expected, exit ${code}: ${(out + err).slice(0, 600)}`, skipped: null };
  }

  /** The address of the page is that of the default port, and nobody waits a minute for an event here. */
  #filledIn(text: string): string {
    return text
      .replaceAll("http://localhost:8787", this.#sluice.url)
      .replaceAll("whk_…", this.#endpoint)
      .replaceAll("key_…", this.#spareKey)
      .replace(/(\/v1\/events\?[^"]*)wait=\d+/, "$1wait=1");
  }

  #learn(out: string): void {
    this.#endpoint = /"id":\s*"(whk_[A-Za-z0-9]+)"/.exec(out)?.[1] ?? this.#endpoint;
    const upload = /"upload_url":\s*"([^"]+)"/.exec(out)?.[1];
    if (upload !== undefined) this.#variables.UPLOAD_URL = upload;
  }

  async #picture(): Promise<void> {
    const body = {
      model: "fal-ai/flux/schnell",
      input: { prompt: "a tiny cute cat" },
      user: "anna",
      tags: { client: "acme" },
    };
    const answer = await post(`${this.#sluice.url}/v1/requests?wait=30`, this.#key, body);
    const { id, files } = answer as { id: string; files: { url: string }[] };
    Object.assign(this.#variables, { ID: id, FILE_URL: files[0]?.url ?? "" });
  }

  async #newKey(): Promise<string> {
    const made = await post(`${this.#sluice.url}/v1/keys`, this.#key, { name: "spare", scopes: ["run", "read"] });
    return (made as { id: string }).id;
  }

  #shell(text: string): Promise<{ code: number | null; out: string; err: string }> {
    return new Promise((resolve) => {
      const child = spawn("bash", ["-c", `${PRELUDE}${this.#exports}${text}`], {
        cwd: this.#folder,
        env: { PATH: process.env.PATH, HOME: this.#folder, ...this.#variables },
        stdio: ["ignore", "pipe", "pipe"],
        timeout: COMMAND_TIMEOUT_MS,
      });
      let [out, err] = ["", ""];
      child.stdout.setEncoding("utf8").on("data", (data: string) => {
        out += data;
      });
      child.stderr.setEncoding("utf8").on("data", (data: string) => {
        err += data;
      });
      child.once("close", (code) => resolve({ code, out, err }));
    });
  }
}

function teamOf(page: string): string {
  return page
    .toLowerCase()
    .replace(/\.md$/, "")
    .replaceAll(/[^a-z0-9]+/g, "-")
    .slice(0, 32);
}

async function newTeam({ url, adminToken }: Running, id: string): Promise<string> {
  const made = (await post(`${url}/v1/admin/teams`, adminToken, { id })) as { key: { secret: string } };
  return made.key.secret;
}

async function post(url: string, key: string, body: unknown): Promise<unknown> {
  const headers = { Authorization: `Bearer ${key}`, "Content-Type": "application/json" };
  const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`POST ${new URL(url).pathname} answered ${answer.status}: ${await answer.text()}`);
  return answer.json();
}

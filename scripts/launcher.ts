// Starts Sluice locally: validates the variables with the Worker's own schema, stores generated secrets in STATE_DIR, starts the sandbox
// if no Maton account is configured, and waits until both are ready. Used by start, demo and the kill tests.

import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseConfig, VARIABLE_NAMES } from "../src/platform/config.ts";
import { writeLocalConfig } from "./local-config.ts";
import { lockState } from "./state-lock.ts";

const root = fileURLToPath(new URL("..", import.meta.url).href);
const READY_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 5_000;

export interface Running {
  url: string;
  /** Null when a Maton account is configured and no sandbox runs. */
  sandboxUrl: string | null;
  /** An admin key of the team "demo". */
  key: string;
  adminToken: string;
  /** Resolves with a message when a process exits unexpectedly. */
  ended: Promise<string>;
  stop(): Promise<void>;
}

export class LaunchProblem extends Error {}

type Variables = Record<string, string | undefined>;

/**
 * Starts all processes; throws LaunchProblem with a message for the terminal on failure. `entry`: an entry point instead of
 * wrangler.toml's, for measurements that wrap the Worker.
 */
export async function launch(environment: Variables, say: (line: string) => void, entry?: string): Promise<Running> {
  const port = portOf(environment, "PORT", 8787);
  const sandboxPort = portOf(environment, "SANDBOX_PORT", 8788);
  const stateDir = resolve(root, environment.STATE_DIR || ".state");
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const unlock = await lockState(stateDir);
  if (unlock === null) {
    throw new LaunchProblem(
      `Sluice is running already with the state in ${stateDir}. Stop it, or set STATE_DIR to another folder.`,
    );
  }
  try {
    return await launchLocked({ environment, port, sandboxPort, stateDir, say, entry, unlock });
  } catch (fault) {
    await unlock();
    throw fault;
  }
}

interface Launch {
  environment: Variables;
  port: number;
  sandboxPort: number;
  stateDir: string;
  say: (line: string) => void;
  entry: string | undefined;
  unlock: () => Promise<void>;
}

async function launchLocked(given: Launch): Promise<Running> {
  const { environment, port, sandboxPort, stateDir, say, entry, unlock } = given;
  const kept = keepSecrets(`${stateDir}/secrets.env`);
  const url = `http://localhost:${port}`;
  const needsSandbox = !environment.MATON_API_KEY && !environment.MATON_GATEWAY_URL;
  const sandboxUrl = needsSandbox ? `http://localhost:${sandboxPort}` : null;
  const variables: Variables = {
    ...kept,
    ...(sandboxUrl === null ? {} : sandboxVariables(sandboxUrl, url)),
    ...named(environment),
  };
  const checked = parseConfig(variables);
  if (!checked.ok) {
    const lines = checked.problems.map(({ name, message }) => `  ${name} ${message}`);
    throw new LaunchProblem(`Invalid environment variables:\n${lines.join("\n")}`);
  }
  writePrivate(`${stateDir}/worker.env`, variables);
  writePrivate(`${stateDir}/sandbox.env`, { SANDBOX_API_KEY: variables.MATON_API_KEY });

  const processes: Process[] = [];
  if (sandboxUrl !== null) {
    say("Starting the sandbox (simulates Maton, fal.ai and its CDN) …");
    processes.push(new Process("The sandbox", "sandbox/wrangler.toml", sandboxPort, stateDir, "sandbox"));
  }
  say("Starting Sluice …");
  processes.push(new Process("Sluice", writeLocalConfig(), port, stateDir, "worker", entry));
  const stop = async (): Promise<void> => {
    await Promise.all(processes.map((each) => each.stop()));
    await unlock();
  };
  const ended = Promise.race(processes.map((each) => each.ended));
  try {
    for (const each of processes) await each.ready();
    const key = await demoKey(url, variables.ADMIN_TOKEN ?? "", `${stateDir}/demo-key`);
    return { url, sandboxUrl, key, adminToken: variables.ADMIN_TOKEN ?? "", ended, stop };
  } catch (fault) {
    await stop();
    throw fault;
  }
}

function portOf(environment: Variables, name: string, fallback: number): number {
  const text = environment[name];
  if (!text) return fallback;
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new LaunchProblem(`${name} must be a port number, not "${text}".`);
  return port;
}

/** The environment variables that Sluice reads. */
function named(environment: Variables): Variables {
  return Object.fromEntries(VARIABLE_NAMES.flatMap((name) => (environment[name] ? [[name, environment[name]]] : [])));
}

function sandboxVariables(sandboxUrl: string, url: string): Variables {
  return {
    MATON_API_KEY: "sandbox-maton-key",
    MATON_GATEWAY_URL: sandboxUrl,
    MATON_CONTROL_URL: sandboxUrl,
    FAL_JWKS_URL: `${sandboxUrl}/.well-known/jwks.json`,
    FAL_MEDIA_HOSTS: sandboxUrl,
    PUBLIC_URL: url,
    TURNSTILE_VERIFY_URL: `${sandboxUrl}/turnstile/v0/siteverify`,
  };
}

/** Missing secrets are generated once and stored, so that file URLs stay valid across restarts. */
function keepSecrets(file: string): { SIGNING_KEY: string; ADMIN_TOKEN: string } {
  const known = existsSync(file) ? readVariables(file) : {};
  const kept = {
    SIGNING_KEY: known.SIGNING_KEY ?? randomBytes(32).toString("hex"),
    ADMIN_TOKEN: known.ADMIN_TOKEN ?? randomBytes(32).toString("hex"),
  };
  writePrivate(file, kept);
  return kept;
}

function readVariables(file: string): Variables {
  const lines = readFileSync(file, "utf8").split("\n");
  return Object.fromEntries(
    lines.flatMap((line) => {
      const match = /^([A-Z_]+)="(.*)"$/.exec(line);
      return match?.[1] && match[2] !== undefined ? [[match[1], match[2]]] : [];
    }),
  );
}

/** wrangler's loader interprets quotes, backslashes and dollars, which would change a secret silently. */
function writePrivate(file: string, variables: Variables): void {
  const lines = Object.entries(variables).flatMap(([name, value]) => {
    if (value === undefined) return [];
    if (/["'`\\$\s]/.test(value))
      throw new LaunchProblem(`${name} must not contain quotes, backslashes, dollar signs or spaces.`);
    return [`${name}="${value}"`];
  });
  writeFileSync(file, `${lines.join("\n")}\n`, { mode: 0o600 });
  chmodSync(file, 0o600);
}

/** The admin key of the team "demo": created at the first start, then read from the state folder. */
async function demoKey(url: string, adminToken: string, file: string): Promise<string> {
  if (existsSync(file)) {
    const key = readFileSync(file, "utf8").trim();
    const me = await fetch(`${url}/v1/me`, { headers: { Authorization: `Bearer ${key}` } });
    if (me.ok) return key;
  }
  for (const id of ["demo", `demo-${randomBytes(3).toString("hex")}`]) {
    const answer = await fetch(`${url}/v1/admin/teams`, {
      method: "POST",
      headers: { Authorization: `Bearer ${adminToken}`, "Content-Type": "application/json" },
      body: JSON.stringify({ id, name: "Demo", manages_connections: true }),
    });
    if (answer.status === 409) continue;
    const body = (await answer.json()) as { key?: { secret: string }; detail?: string };
    if (!answer.ok || !body.key)
      throw new LaunchProblem(`The demo team could not be created: ${body.detail ?? answer.status}`);
    writeFileSync(file, `${body.key.secret}\n`, { mode: 0o600 });
    return body.key.secret;
  }
  throw new LaunchProblem("The demo team could not be created: its ids are taken.");
}

/** One `wrangler dev` process. Its output is buffered and shown only on failure. */
class Process {
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;
  readonly #port: number;
  readonly #name: string;
  #output = "";
  #stopping = false;

  constructor(name: string, config: string, port: number, stateDir: string, part: string, entry?: string) {
    this.#name = name;
    this.#port = port;
    this.#child = spawn(
      `${root}node_modules/.bin/wrangler`,
      [
        ...(entry === undefined ? ["dev"] : ["dev", entry]),
        "--config",
        config,
        "--ip",
        "127.0.0.1",
        "--port",
        String(port),
        "--inspector-port",
        "0",
        "--persist-to",
        `${stateDir}/${part}`,
        "--env-file",
        `${stateDir}/${part}.env`,
        "--show-interactive-dev-session=false",
        "--log-level",
        "log",
      ],
      {
        cwd: root,
        stdio: ["ignore", "pipe", "pipe"],
        detached: process.platform !== "win32",
        env: {
          ...process.env,
          CLOUDFLARE_CF_FETCH_ENABLED: "false",
          WRANGLER_SEND_METRICS: "false",
          WRANGLER_LOG_PATH: `${stateDir}/wrangler-logs`,
        },
      },
    );
    this.#child.stdout?.on("data", (data) => this.#keep(data));
    this.#child.stderr?.on("data", (data) => this.#keep(data));
    this.ended = new Promise((done) => {
      this.#child.on("exit", (code) => {
        if (!this.#stopping) done(`${name} exited unexpectedly with code ${code}.\n${this.#output.slice(-4_000)}`);
      });
    });
  }

  #keep(data: unknown): void {
    this.#output = (this.#output + String(data)).slice(-20_000);
  }

  /** Waits until it is ready; reports a port that is in use. */
  async ready(): Promise<void> {
    const giveUpAt = Date.now() + READY_TIMEOUT_MS;
    for (;;) {
      if (/Address already in use/i.test(this.#output)) {
        throw new LaunchProblem(`Port ${this.#port} is in use. Set PORT or SANDBOX_PORT to another.`);
      }
      if (/Ready on/.test(this.#output)) return;
      const early = await Promise.race([this.ended, new Promise<null>((wake) => setTimeout(() => wake(null), 100))]);
      if (early !== null) throw new LaunchProblem(early);
      if (Date.now() > giveUpAt) throw new LaunchProblem(`${this.#name} did not start.\n${this.#output.slice(-4_000)}`);
    }
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#stopping = true;
    const gone = new Promise((done) => this.#child.once("exit", done));
    this.#signal("SIGTERM");
    const timer = setTimeout(() => this.#signal("SIGKILL"), STOP_TIMEOUT_MS);
    await gone;
    clearTimeout(timer);
  }

  /** Signals the whole process group, so that wrangler's workerd is stopped too. */
  #signal(signal: NodeJS.Signals): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(process.platform === "win32" ? pid : -pid, signal);
    } catch {
      this.#child.kill(signal);
    }
  }
}

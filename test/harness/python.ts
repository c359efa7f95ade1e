// Runs the Python scripts of test/clients/python against whole processes: the scripts' lines as values, and an https front
// before Sluice, because fal's Python client speaks nothing else.

import { spawn } from "node:child_process";
import { request as forward, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer } from "node:https";
import { fileURLToPath } from "node:url";
import { localCertificate } from "./certificate.ts";

const scripts = fileURLToPath(new URL("../process/clients/python/", import.meta.url).href);

/** What each scene of a script saw, and how many HTTP calls it made where it counts them, by name. */
export type Scenes = Map<string, { saw: unknown; calls?: number }>;

/** Runs all scenes of a script, or these; rejects with what it wrote to stderr when it fails. */
export function runScenes(script: string, variables: Record<string, string>, scenes: string[] = []): Promise<Scenes> {
  return new Promise((resolve, reject) => {
    const python = spawn("python3", [`${scripts}${script}`, ...scenes], {
      env: { PATH: process.env.PATH, PYTHONDONTWRITEBYTECODE: "1", ...variables },
    });
    let output = "";
    let errors = "";
    python.stdout.on("data", (data) => {
      output += data;
    });
    python.stderr.on("data", (data) => {
      errors += data;
    });
    python.on("error", () => reject(new Error("python3 is not on this machine; .ci/run installs it")));
    python.on("close", (code) => {
      if (code !== 0) return reject(new Error(`${script} ended with ${code} after:\n${output}\n${errors}`));
      const lines = output
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as { scene: string; saw: unknown; calls?: number });
      resolve(new Map(lines.map(({ scene, ...rest }) => [scene, rest])));
    });
  });
}

/** https on `port`, passed on to http on `target`, bodies as streams. `certificate` is what a client has to trust. */
export async function httpsFront(
  port: number,
  target: number,
): Promise<{ certificate: string; close: () => Promise<void> }> {
  const { key, certificate } = localCertificate(Date.now());
  const server = createServer({ key, cert: certificate }, (request, response) => passOn(request, response, target));
  await new Promise<void>((done) => server.listen(port, "127.0.0.1", done));
  const close = async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  };
  return { certificate, close };
}

function passOn(request: IncomingMessage, response: ServerResponse, port: number): void {
  const { method, url, headers } = request;
  const passed = forward({ host: "localhost", port, method, path: url, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  passed.on("error", () => response.destroy());
  response.on("close", () => passed.destroy());
  request.pipe(passed);
}

// `npm start`: Sluice on this machine, with the sandbox behind it unless a Maton account is given.

import { LaunchProblem, launch, type Running } from "./launcher.ts";

let running: Running;
try {
  running = await launch(process.env, (line) => console.log(line));
} catch (fault) {
  console.error(fault instanceof LaunchProblem ? fault.message : fault);
  process.exit(1);
}

const { url, key, sandboxUrl } = running;
const bearer = `-H "Authorization: Bearer ${key}"`;
console.log(`
Sluice    ${url}
Upstream  ${sandboxUrl === null ? "your Maton account" : `the sandbox at ${sandboxUrl} (no account, no cost)`}
Key       ${key}

Paste these:

curl "${url}/v1/requests" ${bearer} -H "Content-Type: application/json" -H "Prefer: wait=30" -d '{"model":"fal-ai/flux/schnell","input":{"prompt":"a tiny cute cat"}}'
curl "${url}/v1/requests?limit=5" ${bearer}
curl "${url}/v1/models" ${bearer}

Stop with Ctrl-C.`);

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    void running.stop().then(() => process.exit(0));
  });
}

// Whoever stops npm by a signal stops npm's shell, which tells nobody: without this the ports would stay taken.
if (process.env.npm_lifecycle_event === "start") {
  const shell = process.ppid;
  setInterval(() => {
    if (process.ppid !== shell) void running.stop().then(() => process.exit(0));
  }, 500).unref();
}
console.error(await running.ended);
await running.stop();
process.exit(1);

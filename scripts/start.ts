// `npm start`: runs Sluice locally, with the sandbox as upstream unless a Maton account is configured.

import { LaunchProblem, launch, type Running } from "./launcher.ts";

let running: Running;
try {
  running = await launch(process.env, (line) => console.log(line));
} catch (fault) {
  console.error(fault instanceof LaunchProblem ? fault.message : fault);
  process.exit(1);
}

const { url, key, adminToken, sandboxUrl } = running;
const bearer = '-H "Authorization: Bearer $SLUICE_KEY"';
/** Every variable that the commands of README and docs use. The demo key has every scope, so it plays all parts. */
const variables = { SLUICE: url, SLUICE_URL: url, SLUICE_KEY: key, KEY: key, ADMIN_KEY: key, ADMIN_TOKEN: adminToken };
const exported = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
console.log(`
Sluice    ${url}
Console   ${url}/console/ (sign in with the key below)
Upstream  ${sandboxUrl === null ? "your Maton account" : `the sandbox at ${sandboxUrl} (no account, no cost)`}
Key       ${key}

Paste this line into another terminal; the commands below and in the docs use it (ADMIN_TOKEN is the operator's secret):

export ${exported.join(" ")}

Try:

curl "$SLUICE/v1/requests" ${bearer} -H "Content-Type: application/json" -H "Prefer: wait=30" -d '{"model":"fal-ai/flux/schnell","input":{"prompt":"a tiny cute cat"}}'
curl "$SLUICE/v1/requests?limit=5" ${bearer}
curl "$SLUICE/v1/models" ${bearer}

Press Ctrl-C to stop.`);

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    void running.stop().then(() => process.exit(0));
  });
}

// A signal to npm ends its shell without forwarding the signal; without this check the ports would stay in use.
if (process.env.npm_lifecycle_event === "start") {
  const shell = process.ppid;
  setInterval(() => {
    if (process.ppid !== shell) void running.stop().then(() => process.exit(0));
  }, 500).unref();
}
console.error(await running.ended);
await running.stop();
process.exit(1);

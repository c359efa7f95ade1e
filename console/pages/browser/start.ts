// The start page's script: the deployment's own address in the samples, and whether it is configured.

import "../start.css";
import { fillAddress } from "../address.ts";

interface Health {
  configuration: { ok: boolean; problems?: { name: string; message: string }[] };
}

fillAddress();
void showHealth();

async function showHealth(): Promise<void> {
  try {
    const { configuration } = (await (await fetch("/healthz")).json()) as Health;
    if (configuration.ok) return show("ok", "Configured and running.");
    const problems = (configuration.problems ?? []).map(({ name, message }) => `${name} ${message}`).join("; ");
    show("bad", `Not configured yet: ${problems}. Set them with wrangler secret put, or as variables.`);
  } catch {
    show("bad", "The Worker does not respond.");
  }
}

function show(state: "ok" | "bad", text: string): void {
  const health = document.getElementById("health");
  if (health === null) return;
  health.textContent = text;
  health.dataset.state = state;
}

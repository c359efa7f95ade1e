// Says on every screen that upstream is paused, since when and what that means. /healthz is public and costs no call to upstream.

import { useEffect, useState } from "preact/hooks";
import { callApi } from "../api/client.ts";
import type { Health } from "../api/types.ts";
import { Icon } from "../parts/icon.tsx";
import { Time } from "../parts/time.tsx";

const REFRESH_MS = 15_000;

const REASONS: Record<NonNullable<Health["upstream"]["why"]>, string> = {
  locked: "the fal account is locked",
  key_refused: "the gateway refuses the key",
  failing: "upstream keeps failing",
  rate_limited: "upstream limits the rate",
};

export function UpstreamNote() {
  const [health, setHealth] = useState<Health | null>(null);
  useEffect(() => {
    const read = async () => {
      if (document.hidden) return;
      const answer = await callApi<Health>("GET", "/healthz");
      if (answer.ok) setHealth(answer.data);
    };
    void read();
    const timer = setInterval(() => void read(), REFRESH_MS);
    return () => clearInterval(timer);
  }, []);
  if (health === null) return null;
  if (!health.configuration.ok) {
    const names = health.configuration.problems.map(({ name }) => name).join(", ");
    return <Note tone="bad">The deployment is not configured: {names}. Start says how to mend it.</Note>;
  }
  const { state, why, since } = health.upstream;
  if (state !== "paused") return null;
  return (
    <Note tone="wait">
      Upstream is paused{since === null ? "" : " since "}
      {since === null ? null : <Time at={since} />}
      {why === null ? "" : `: ${REASONS[why]}`}. Requests wait without charge and go on by themselves.
    </Note>
  );
}

function Note({ tone, children }: { tone: "bad" | "wait"; children: preact.ComponentChildren }) {
  return (
    <p class={`band ${tone}`}>
      <Icon name="triangle-alert" />
      <span>{children}</span>
    </p>
  );
}

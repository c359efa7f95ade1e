// What the operator starts by hand: a sweep of the bucket, a test event to the operator webhook.

import { useState } from "preact/hooks";
import { callApi } from "../../api/client.ts";
import type { Problem } from "../../api/problem.ts";
import type { Overview, Sweep, WebhookTest } from "../../api/types.ts";
import { bytesText, countText } from "../../parts/format.ts";
import { ProblemNote } from "../../parts/states.tsx";
import { Time } from "../../parts/time.tsx";
import { announce } from "../../shell/announce.ts";

/** `storage`: what the last finished sweep found; null before the overview is read. */
export function Upkeep({ storage }: { storage: Overview["storage"] | null }) {
  const [said, setSaid] = useState<string | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const run = async <T,>(path: string, saying: (answer: T) => string) => {
    const answer = await callApi<T>("POST", path);
    setProblem(answer.ok ? null : answer.problem);
    const text = answer.ok ? saying(answer.data) : null;
    setSaid(text);
    if (text !== null) announce(text);
  };
  const sweep = () =>
    run<Sweep>("/v1/admin/sweep", ({ status, listed }) =>
      status === "running"
        ? `A sweep is running: ${countText(listed)} objects looked at so far.`
        : "The sweep has ended.",
    );
  const test = () =>
    run<WebhookTest>("/v1/admin/webhook_test", ({ delivered, status, reason }) =>
      delivered
        ? `The webhook took the test event with ${status ?? "no status"}.`
        : `The webhook did not take it: ${reason}.`,
    );
  return (
    <section class="card" aria-labelledby="upkeep">
      <header>
        <h2 id="upkeep">Upkeep</h2>
        <div class="actions">
          <button type="button" class="button" onClick={() => void sweep()}>
            Sweep the bucket
          </button>
          <button type="button" class="button" onClick={() => void test()}>
            Test the webhook
          </button>
        </div>
      </header>
      <p class="card-body soft">{said ?? <LastSweep storage={storage} />}</p>
      {problem === null ? null : <ProblemNote problem={problem} />}
    </section>
  );
}

function LastSweep({ storage }: { storage: Overview["storage"] | null }) {
  if (storage === null || storage.as_of === null) return <>No sweep has finished yet; one starts every day.</>;
  return (
    <>
      Last sweep <Time at={storage.as_of} relative />: {countText(storage.objects ?? 0)} objects
      {storage.bytes === null ? "" : `, ${bytesText(storage.bytes)}`}, {countText(storage.orphans ?? 0)} orphans
      deleted.
    </>
  );
}

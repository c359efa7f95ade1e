// Sends again what a filter finds: a job of the API, followed to its end, which can be stopped.

import { useEffect, useState } from "preact/hooks";
import { callApi } from "../../api/client.ts";
import type { Replay } from "../../api/types.ts";
import { Confirm } from "../../parts/confirm.tsx";
import { plural } from "../../parts/format.ts";
import { announce } from "../../shell/announce.ts";

const REREAD_MS = 2_000;

interface Filters {
  state?: string;
  type?: string;
  endpoint?: string;
  request?: string;
  from?: string;
  to?: string;
}

export function ReplayMany({ filters, onDone }: { filters: Filters; onDone: () => Promise<void> }) {
  const [isOpen, setOpen] = useState(false);
  const [job, setJob] = useState<Replay | null>(null);
  const isRunning = job?.state === "running";
  const jobId = job?.id;
  useEffect(() => {
    if (!isRunning || jobId === undefined) return;
    const timer = setInterval(async () => {
      const answer = await callApi<Replay>("GET", `/v1/deliveries/replay/${jobId}`);
      if (!answer.ok) return;
      setJob(answer.data);
      if (answer.data.state !== "running") {
        announce(`${plural(answer.data.replayed, "delivery", "deliveries")} replayed`);
        void onDone();
      }
    }, REREAD_MS);
    return () => clearInterval(timer);
  }, [isRunning, jobId, onDone]);
  // A replay is by endpoint, event, state and time; a list narrowed by request would promise less than is sent.
  if (filters.request !== undefined) return null;
  const { state = "undelivered", type, endpoint, from, to } = filters;
  const filter = Object.fromEntries(
    Object.entries({ state, type, endpoint, from, to }).filter(([, value]) => value !== undefined),
  );
  return (
    <>
      {job === null ? null : (
        <span class="soft number" role="status">
          {job.state === "running" ? "Replaying: " : job.state === "canceled" ? "Stopped: " : "Replayed: "}
          {job.replayed}
          {job.expired + job.refused > 0 ? `, ${job.expired + job.refused} not possible` : ""}
        </span>
      )}
      {isRunning && job !== null ? (
        <button
          type="button"
          class="button"
          onClick={async () => {
            const answer = await callApi<Replay>("POST", `/v1/deliveries/replay/${job.id}/cancel`);
            if (answer.ok) setJob(answer.data);
          }}
        >
          Stop
        </button>
      ) : (
        <button type="button" class="button" onClick={() => setOpen(true)}>
          Replay {state}
        </button>
      )}
      {isOpen ? (
        <Confirm<Replay>
          title={`Replay ${state} deliveries`}
          verb="Replay"
          run={() => callApi<Replay>("POST", "/v1/deliveries/replay", { body: { filter } })}
          onClose={() => setOpen(false)}
          onDone={(data) => {
            setOpen(false);
            setJob(data);
          }}
        >
          <p>
            Every {state} delivery that the filter finds, on later pages too, is sent again with the same event id, at
            ten a second.
          </p>
          <p class="soft">
            Receivers that have seen an id may leave it. Payloads older than 30 days are no longer kept.
          </p>
        </Confirm>
      ) : null}
    </>
  );
}

// What a reader must know first: why it failed and who, why it waits, what is uncertain, what was charged.

import type { RequestObject } from "../../api/types.ts";
import { plural } from "../../parts/format.ts";
import { Note } from "../../parts/note.tsx";
import { Time } from "../../parts/time.tsx";

/** Whose failure a code is. */
const PARTIES: Record<string, string> = {
  invalid_input: "The input",
  content_refused: "The model's content check",
  input_unreachable: "An input file",
  upstream_locked: "The fal account",
  upstream_paused: "Upstream",
  upstream_refused: "fal",
  upstream_failed: "The model at fal",
  upstream_timeout: "fal",
  submit_uncertain: "The connection to fal",
  result_lost: "fal",
  storage_failed: "Storage",
  connection_missing: "The gateway",
  internal: "Sluice",
};

const CHARGED: Record<"true" | "false" | "unknown", string> = {
  true: "It was charged.",
  false: "It was not charged.",
  unknown: "Whether fal charged it is not known.",
};

const PAUSES = {
  locked: "the fal account is locked",
  key_refused: "the gateway refuses the key",
  failing: "upstream keeps failing",
  rate_limited: "upstream limits the rate",
} as const;

export function StoryNote({ request }: { request: RequestObject }) {
  const { error, waiting, stage } = request;
  if (error !== null) {
    const { code, message, charged, retryable } = error;
    return (
      <Note tone="bad" icon="circle-x" title={`${PARTIES[code] ?? "The request"} failed: ${message}`}>
        <code>{code}</code> {CHARGED[`${charged}`]}{" "}
        {retryable ? "The same request may succeed later." : "The same request would fail again."}
      </Note>
    );
  }
  if (stage === "uncertain") {
    return (
      <Note tone="unsure" icon="circle-help" title="fal's answer to the submit was lost">
        fal may run it. Sluice looks for proof and never submits it twice; until then the estimate stays reserved.
      </Note>
    );
  }
  if (waiting !== null) return <WaitingNote waiting={waiting} position={request.queue_position} />;
  if (stage === "queued" && request.queue_position !== null) {
    return (
      <Note tone="wait" icon="clock" title={`In fal's queue, ${plural(request.queue_position, "request")} ahead`}>
        Sluice asks fal about it, and hears of its end by webhook.
      </Note>
    );
  }
  const failed = request.files.filter((file) => file.status === "failed");
  if (failed.length > 0) {
    return (
      <Note
        tone="wait"
        icon="triangle-alert"
        title={`${plural(failed.length, "file")} of ${request.files.length} could not be stored`}
      >
        {failed[0]?.error?.message ?? "The source did not give it."} The request is complete; copy the file again below.
      </Note>
    );
  }
  return null;
}

function WaitingNote({
  waiting,
  position,
}: {
  waiting: NonNullable<RequestObject["waiting"]>;
  position: number | null;
}) {
  const place = position === null ? "" : ` Place ${position} in the queue.`;
  const starts =
    waiting.starts_at === null ? null : (
      <>
        {" "}
        Expected to start at <Time at={waiting.starts_at} />.
      </>
    );
  switch (waiting.reason) {
    case "pace":
      return (
        <Note tone="wait" icon="clock" title="Waiting here for its turn: calls to the gateway are paced">
          {place}
          {starts} Waiting is free.
        </Note>
      );
    case "slot":
      return (
        <Note
          tone="wait"
          icon="clock"
          title="Waiting here for a slot: as many requests run at fal as the account may have"
        >
          {place}
          {starts} Waiting is free.
        </Note>
      );
    case "upstream_paused":
      return (
        <Note
          tone="wait"
          icon="clock"
          title={`Waiting here: ${waiting.why === null ? "upstream is paused" : PAUSES[waiting.why]}`}
        >
          {waiting.since === null ? null : (
            <>
              Since <Time at={waiting.since} />.{" "}
            </>
          )}
          It goes on by itself. Waiting is free.
        </Note>
      );
  }
}

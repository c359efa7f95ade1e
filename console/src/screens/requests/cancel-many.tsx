// Cancels every open request that the filter finds, page by page, and says what became of them.

import { useState } from "preact/hooks";
import { type Answer, callApi } from "../../api/client.ts";
import { Confirm } from "../../parts/confirm.tsx";
import { plural } from "../../parts/format.ts";
import { who } from "../../session/me.ts";
import { may } from "../../session/permissions.ts";
import { announce } from "../../shell/announce.ts";
import type { Filters } from "./filters.ts";

interface Canceled {
  canceled: string[];
  requested: string[];
  already_ended: string[];
  next_cursor: string | null;
}

interface Total {
  canceled: number;
  requested: number;
}

export function CancelMany({ filters, onDone }: { filters: Filters; onDone: () => Promise<void> }) {
  const [isOpen, setOpen] = useState(false);
  // The API cancels by model, user and tag alone; a list narrowed by more would promise less than is canceled.
  const { from, to, key, error, cost_min: cost, attention } = filters;
  const isNarrower = [from, to, key, error, cost, attention].some((value) => value !== undefined);
  const isExact = !isNarrower && filters.status === "open";
  if (!isExact || !may(who.value, "run")) return null;
  const { model, user, tag } = filters;
  const filter = Object.fromEntries(Object.entries({ model, user, tag }).filter(([, value]) => value !== undefined));
  const about = Object.entries(filter).map(([name, value]) => `${name} ${value}`);
  return (
    <>
      <button type="button" class="button" onClick={() => setOpen(true)}>
        Cancel all open
      </button>
      {isOpen ? (
        <Confirm<Total>
          title="Cancel open requests"
          verb="Cancel them"
          isDanger
          run={() => cancelAll(filter)}
          onClose={() => setOpen(false)}
          onDone={({ canceled, requested }) => {
            setOpen(false);
            announce(`${plural(canceled, "request")} canceled, ${requested} asked for`);
            void onDone();
          }}
        >
          <p>
            {about.length === 0 ? "Every open request" : `Every open request with ${about.join(", ")}`} is canceled, on
            later pages too.
          </p>
          <p class="soft">
            Requests that wait here are free. A run that fal has begun may still finish and be charged.
          </p>
        </Confirm>
      ) : null}
    </>
  );
}

async function cancelAll(filter: Record<string, string | undefined>): Promise<Answer<Total>> {
  const total: Total = { canceled: 0, requested: 0 };
  let cursor: string | null = null;
  do {
    const body: unknown = { filter, ...(cursor === null ? {} : { cursor }) };
    const answer: Answer<Canceled> = await callApi<Canceled>("POST", "/v1/requests/cancel", { body });
    if (!answer.ok) return answer;
    total.canceled += answer.data.canceled.length;
    total.requested += answer.data.requested.length;
    cursor = answer.data.next_cursor;
  } while (cursor !== null);
  return { ok: true, data: total, headers: new Headers() };
}

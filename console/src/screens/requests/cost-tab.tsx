// What it was estimated at, what was charged, and how that is known. An admin settles a charge that nobody could know.

import { useState } from "preact/hooks";
import { callApi } from "../../api/client.ts";
import type { Problem } from "../../api/problem.ts";
import type { RequestObject } from "../../api/types.ts";
import { moneyText } from "../../parts/format.ts";
import { ProblemNote } from "../../parts/states.tsx";
import { who } from "../../session/me.ts";
import { may } from "../../session/permissions.ts";
import { announce } from "../../shell/announce.ts";
import { isEnded } from "./follow.ts";

const SOURCES: Record<RequestObject["cost"]["source"], string> = {
  units: "fal's own count of billed units, times the price of the team's table.",
  measured: "Measured from the output (images, megapixels, seconds, characters), times the price of the team's table.",
  reserved: "The amount that was reserved at the submit: nothing more exact is known.",
  unknown: "Not known: fal did not say, and the price or the amount is unknown.",
};

export function CostTab({ request, replace }: { request: RequestObject; replace: (data: RequestObject) => void }) {
  const { cost, error } = request;
  return (
    <div class="stack">
      <dl class="facts card pad">
        <div>
          <dt>Estimated at most</dt>
          <dd class="number big">{moneyText(cost.estimated)}</dd>
        </div>
        <div>
          <dt>Charged</dt>
          <dd class="number big">{isEnded(request) ? moneyText(cost.charged) : "not yet"}</dd>
        </div>
        <div class="wide">
          <dt>How it is known</dt>
          <dd>{isEnded(request) ? SOURCES[cost.source] : "The estimate is reserved until the request ends."}</dd>
        </div>
      </dl>
      {error?.charged === "unknown" && may(who.value, "admin") ? <Settle id={request.id} replace={replace} /> : null}
    </div>
  );
}

function Settle({ id, replace }: { id: string; replace: (data: RequestObject) => void }) {
  const [usd, setUsd] = useState("");
  const [problem, setProblem] = useState<Problem | null>(null);
  const settle = async (body: { charged: boolean; usd?: string }) => {
    const answer = await callApi<RequestObject>("POST", `/v1/requests/${id}/settle`, { body });
    setProblem(answer.ok ? null : answer.problem);
    if (!answer.ok) return;
    announce("The charge is settled");
    replace(answer.data);
  };
  return (
    <form
      class="card pad stack"
      onSubmit={(event) => {
        event.preventDefault();
        void settle({ charged: true, ...(usd === "" ? {} : { usd }) });
      }}
    >
      <div class="text">
        <h2>Settle the charge</h2>
        <p class="soft">
          Until then the reserved amount counts towards the limits. fal's billing page shows whether the request was
          billed.
        </p>
      </div>
      <label class="field short">
        <span>Billed amount in USD</span>
        <input
          inputMode="decimal"
          placeholder="the reserved amount"
          value={usd}
          onInput={(event) => setUsd(event.currentTarget.value)}
        />
      </label>
      {problem === null ? null : <ProblemNote problem={problem} />}
      <div class="actions">
        <button type="submit" class="button">
          It was charged
        </button>
        <button type="button" class="button" onClick={() => void settle({ charged: false })}>
          It was not charged
        </button>
      </div>
    </form>
  );
}

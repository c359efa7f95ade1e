// Plans: what is allowed, and which one the team uses.

import { useState } from "preact/hooks";
import { useLocation } from "preact-iso";
import { callApi } from "../../api/client.ts";
import type { Problem } from "../../api/problem.ts";
import { useResource } from "../../api/resource.ts";
import type { PageOf, Plan, Team } from "../../api/types.ts";
import { Confirm } from "../../parts/confirm.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { Field } from "../../parts/field.tsx";
import { moneyText } from "../../parts/format.ts";
import { Loaded, ProblemNote } from "../../parts/states.tsx";
import { Badge } from "../../parts/status.tsx";
import { announce } from "../../shell/announce.ts";
import { Page } from "../../shell/page.tsx";
import { BEGINNINGS, type PlanLimit, type PresetName } from "./presets.ts";
import { limitWords } from "./words.ts";

const SHOWN_LIMITS = 3;

export default function Plans() {
  const plans = useResource<PageOf<Plan>>("/v1/plans");
  const team = useResource<Team>("/v1/team");
  const [isCreating, setCreating] = useState(false);
  const [chosen, setChosen] = useState<string | null>(null);
  return (
    <Page
      title="Plans"
      lead="A plan says what may run and how much. Keys, tokens and claims name one; without one the team's plan holds."
      actions={
        <button type="button" class="button primary" onClick={() => setCreating(true)}>
          Create a plan
        </button>
      }
    >
      <section class="card table-card" aria-label="Plans">
        <Loaded resource={plans} rows={3}>
          {({ data }) => (
            <table class="cards">
              <thead>
                <tr>
                  <th scope="col">Plan</th>
                  <th scope="col">Limits</th>
                  <th scope="col">Models</th>
                  <th scope="col">Unknown price</th>
                  <th scope="col" class="end">
                    <span class="hidden-text">Use</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {data.map((plan) => (
                  <tr key={plan.name} class="linked">
                    <td class="fit">
                      <a data-row-link href={`/console/plans/${plan.name}`}>
                        {plan.name}
                      </a>
                    </td>
                    <td class="wide">
                      <LimitTags limits={plan.limits} />
                    </td>
                    <td class="soft narrow">
                      {plan.models.allow.includes("**") && plan.models.deny.length === 0
                        ? "all"
                        : plan.models.allow.join(", ")}
                    </td>
                    <td class="fit soft" data-label="unknown price">
                      {unknownWord(plan)}
                    </td>
                    <td class="fit end">
                      {team.data?.plan === plan.name ? (
                        <Badge tone="ok">The team's</Badge>
                      ) : (
                        <button type="button" class="button quiet above" onClick={() => setChosen(plan.name)}>
                          Use for the team
                        </button>
                      )}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
        </Loaded>
      </section>
      {isCreating ? (
        <CreatePlan taken={(plans.data?.data ?? []).map(({ name }) => name)} onClose={() => setCreating(false)} />
      ) : null}
      {chosen === null ? null : (
        <Confirm<Team>
          title={`Use ${chosen} for the team`}
          verb="Use it"
          run={() => callApi<Team>("PATCH", "/v1/team", { body: { plan: chosen } })}
          onClose={() => setChosen(null)}
          onDone={(data) => {
            setChosen(null);
            team.replace(data);
            announce(`The team uses ${data.plan}`);
          }}
        >
          <p>
            From the next submit it holds for every key and user without a plan of their own. Open requests keep their
            terms.
          </p>
        </Confirm>
      )}
    </Page>
  );
}

function unknownWord({ unknown_price, assumed_cost }: Plan): string {
  if (unknown_price === "refuse") return "refused";
  return assumed_cost === null ? "allowed" : `counts ${moneyText(assumed_cost)}`;
}

function LimitTags({ limits, shown = SHOWN_LIMITS }: { limits: readonly PlanLimit[]; shown?: number }) {
  if (limits.length === 0) return <span class="soft">no limits</span>;
  const rest = limits.length - shown;
  return (
    <span class="tags">
      {limits.slice(0, shown).map((limit) => (
        <span key={limit.name} class="tag plain">
          {limitWords(limit)}
        </span>
      ))}
      {rest > 0 ? <span class="tag plain">+{rest}</span> : null}
    </span>
  );
}

function CreatePlan({ taken, onClose }: { taken: readonly string[]; onClose: () => void }) {
  const { route } = useLocation();
  const [from, setFrom] = useState<PresetName | "">(BEGINNINGS[0]?.name ?? "");
  const [name, setName] = useState("");
  const [problem, setProblem] = useState<Problem | null>(null);
  const [isRunning, setRunning] = useState(false);
  const wanted = name === "" ? from : name;
  const fault = taken.includes(wanted)
    ? `A plan "${wanted}" exists. Name this one otherwise.`
    : /^[a-z0-9][a-z0-9_-]{0,63}$/.test(wanted)
      ? undefined
      : "Letters a-z, digits, _ and -.";
  const limits = BEGINNINGS.find((each) => each.name === from)?.limits ?? [];
  const create = async (event: Event) => {
    event.preventDefault();
    if (fault !== undefined) return;
    setRunning(true);
    const body = { name: wanted, ...(from === "" ? {} : { from }) };
    const answer = await callApi<Plan>("POST", "/v1/plans", { body });
    setRunning(false);
    if (answer.ok) route(`/console/plans/${wanted}`);
    else setProblem(answer.problem);
  };
  return (
    <Dialog title="Create a plan" onClose={onClose}>
      <form class="stack" onSubmit={create}>
        <fieldset class="field">
          <legend>Begin with</legend>
          <div class="choices">
            {BEGINNINGS.map(({ name: value, title, purpose }) => (
              <label key={value} class="choice">
                <input type="radio" name="from" checked={from === value} onChange={() => setFrom(value)} />
                <span>
                  <b>{title}</b>
                  <span class="soft">{purpose}</span>
                </span>
              </label>
            ))}
            <label class="choice">
              <input type="radio" name="from" checked={from === ""} onChange={() => setFrom("")} />
              <span>
                <b>Nothing</b>
                <span class="soft">Every model, no limits.</span>
              </span>
            </label>
          </div>
        </fieldset>
        <LimitTags limits={limits} shown={limits.length} />
        <Field label="Name" fault={fault} hint="Keys and claims name it so. Nothing uses it before.">
          <input value={name} placeholder={from} onInput={(event) => setName(event.currentTarget.value)} />
        </Field>
        {problem === null ? null : <ProblemNote problem={problem} />}
        <footer>
          <button type="button" class="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="button primary" disabled={fault !== undefined || isRunning}>
            {isRunning ? "Creating…" : "Create and edit"}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}

// Plans: what is allowed, and which one the team uses.

import { useState } from "preact/hooks";
import { useLocation } from "preact-iso";
import { callApi } from "../../api/client.ts";
import { useResource } from "../../api/resource.ts";
import type { PageOf, Plan, Team } from "../../api/types.ts";
import { Confirm } from "../../parts/confirm.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { Field } from "../../parts/field.tsx";
import { Loaded } from "../../parts/states.tsx";
import { Badge } from "../../parts/status.tsx";
import { announce } from "../../shell/announce.ts";
import { Page } from "../../shell/page.tsx";
import { queryText } from "../../shell/query.ts";
import { PRESETS } from "./presets.ts";
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
                      <LimitTags plan={plan} />
                    </td>
                    <td class="soft narrow">
                      {plan.models.allow.includes("**") && plan.models.deny.length === 0
                        ? "all"
                        : plan.models.allow.join(", ")}
                    </td>
                    <td class="fit soft" data-label="unknown price">
                      {plan.unknown_price === "allow" ? "allowed" : "refused"}
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
          run={() => callApi<Team>("PUT", "/v1/team", { body: { plan: chosen } })}
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

function LimitTags({ plan }: { plan: Plan }) {
  if (plan.limits.length === 0) return <span class="soft">no limits</span>;
  const rest = plan.limits.length - SHOWN_LIMITS;
  return (
    <span class="tags">
      {plan.limits.slice(0, SHOWN_LIMITS).map((limit) => (
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
  const [preset, setPreset] = useState(PRESETS[0]?.name ?? "");
  const [name, setName] = useState("");
  const wanted = name === "" ? preset : name;
  const fault = taken.includes(wanted)
    ? `A plan "${wanted}" exists. Name this one otherwise.`
    : /^[a-z0-9][a-z0-9_-]{0,63}$/.test(wanted)
      ? undefined
      : "Letters a-z, digits, _ and -.";
  return (
    <Dialog title="Create a plan" onClose={onClose}>
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          if (fault === undefined) route(`/console/plans/${wanted}${queryText({ preset })}`);
        }}
      >
        <fieldset class="field">
          <legend>Begin with</legend>
          <div class="choices one">
            {PRESETS.map(({ name: value, title, purpose }) => (
              <label key={value} class="choice">
                <input type="radio" name="preset" checked={preset === value} onChange={() => setPreset(value)} />
                <span>
                  <b>{title}</b>
                  <span class="soft">{purpose}</span>
                </span>
              </label>
            ))}
          </div>
        </fieldset>
        <Field label="Name" fault={fault} hint="Keys and claims name it so.">
          <input value={name} placeholder={preset} onInput={(event) => setName(event.currentTarget.value)} />
        </Field>
        <footer>
          <button type="button" class="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="button primary" disabled={fault !== undefined}>
            Continue
          </button>
        </footer>
      </form>
    </Dialog>
  );
}

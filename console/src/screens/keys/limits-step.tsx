// Which plan limits the new key: the team's, another, or one made for the page with three numbers.

import type { Plan } from "../../api/types.ts";
import { Field } from "../../parts/field.tsx";
import { limitWords } from "../plans/words.ts";
import { boundsKeyMoney, type Draft, NEW_PLAN, planOf } from "./draft.ts";

export function LimitsStep({
  draft,
  change,
  faults,
  plans,
  teamPlan,
}: {
  draft: Draft;
  change: (changes: Partial<Draft>) => void;
  faults: Partial<Record<keyof Draft, string>>;
  plans: readonly Plan[];
  teamPlan: string;
}) {
  const plan = planOf(draft, plans, teamPlan);
  return (
    <div class="stack">
      <div class="fields">
        <Field label="Plan">
          <select value={draft.plan} onChange={(event) => change({ plan: event.currentTarget.value })}>
            {draft.kind === "page" ? <option value={NEW_PLAN}>A new plan for this page</option> : null}
            {draft.kind === "page" ? null : <option value="">The team's ({teamPlan})</option>}
            {plans
              .filter((each) => (draft.kind === "page" ? boundsKeyMoney(each) : each.name !== teamPlan))
              .map(({ name }) => (
                <option key={name} value={name}>
                  {name}
                </option>
              ))}
          </select>
        </Field>
        {draft.plan === NEW_PLAN ? (
          <Field label="Name of the new plan" fault={faults.newPlanName}>
            <input value={draft.newPlanName} onInput={(event) => change({ newPlanName: event.currentTarget.value })} />
          </Field>
        ) : null}
      </div>
      {draft.plan === NEW_PLAN ? (
        <div class="fields three">
          <Field label="Requests per visitor and day" fault={faults.visitorPerDay}>
            <input
              inputMode="numeric"
              value={draft.visitorPerDay}
              onInput={(event) => change({ visitorPerDay: event.currentTarget.value })}
            />
          </Field>
          <Field label="Requests per address and day" fault={faults.addressPerDay}>
            <input
              inputMode="numeric"
              value={draft.addressPerDay}
              onInput={(event) => change({ addressPerDay: event.currentTarget.value })}
            />
          </Field>
          <Field label="USD per day in all" fault={faults.usdPerDay}>
            <input
              inputMode="decimal"
              value={draft.usdPerDay}
              onInput={(event) => change({ usdPerDay: event.currentTarget.value })}
            />
          </Field>
        </div>
      ) : plan === null ? null : (
        <ul class="tags">
          {plan.limits.length === 0 ? <li class="tag plain">no limits</li> : null}
          {plan.limits.map((limit) => (
            <li key={limit.name} class="tag plain">
              {limitWords(limit)}
            </li>
          ))}
        </ul>
      )}
      {draft.kind === "page" ? (
        <div class="fields">
          <Field label="Turnstile site key" hint="Cloudflare's check against scripts. Empty: none.">
            <input
              value={draft.turnstileSite}
              autocomplete="off"
              onInput={(event) => change({ turnstileSite: event.currentTarget.value })}
            />
          </Field>
          <Field label="Turnstile secret" fault={faults.turnstileSecret}>
            <input
              type="password"
              autocomplete="off"
              value={draft.turnstileSecret}
              onInput={(event) => change({ turnstileSecret: event.currentTarget.value })}
            />
          </Field>
        </div>
      ) : null}
    </div>
  );
}

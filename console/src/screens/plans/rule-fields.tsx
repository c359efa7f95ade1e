// The rules of a plan beside its limits: models, inputs, money, how long things are kept.

import { useState } from "preact/hooks";
import { printJson } from "../../api/json.ts";
import { Field } from "../../parts/field.tsx";
import { linesOf } from "../keys/draft.ts";
import type { EditedTerms } from "./editor.tsx";

export function RuleFields({ terms, change }: { terms: EditedTerms; change: (changes: EditedTerms) => void }) {
  const models = terms.models ?? { allow: ["**"], deny: [] };
  const retention = terms.retention ?? { records_days: null, files_days: null, inputs_days: null };
  return (
    <div class="stack">
      <fieldset class="step">
        <legend>Models</legend>
        <div class="fields">
          <Lines
            label="Allowed"
            hint="One a line; * is any part of a name, ** any number of parts."
            lines={models.allow}
            onChange={(allow) => change({ models: { ...models, allow } })}
          />
          <Lines
            label="Except"
            hint="One a line."
            lines={models.deny}
            onChange={(deny) => change({ models: { ...models, deny } })}
          />
        </div>
      </fieldset>
      <fieldset class="step">
        <legend>Inputs</legend>
        <div class="fields">
          <JsonField
            label="Greatest values"
            hint='By path, as {"num_images": 1}.'
            value={terms.input?.max ?? {}}
            onChange={(max) => change({ input: { ...inputOf(terms), max } as EditedTerms["input"] & object })}
          />
          <JsonField
            label="Forced values"
            hint='By path, as {"enable_safety_checker": true}.'
            value={terms.input?.force ?? {}}
            onChange={(force) => change({ input: { ...inputOf(terms), force } as EditedTerms["input"] & object })}
          />
          <Lines
            label="Forbidden fields"
            hint="One a line."
            lines={terms.input?.forbid ?? []}
            onChange={(forbid) => change({ input: { ...inputOf(terms), forbid } })}
          />
          <Lines
            label="Required tags"
            hint="Every request must set them."
            lines={terms.require_tags ?? []}
            onChange={(tags) => change({ require_tags: tags })}
          />
        </div>
      </fieldset>
      <fieldset class="step">
        <legend>Money</legend>
        <div class="fields">
          <Field label="Most that one request may cost" hint="In USD, by its estimate. Empty: no limit.">
            <input
              inputMode="decimal"
              value={terms.max_cost_per_request ?? ""}
              onInput={(event) =>
                change({ max_cost_per_request: event.currentTarget.value === "" ? null : event.currentTarget.value })
              }
            />
          </Field>
          <Field label="Requests of unknown price" hint="Where they are allowed, they count towards no USD limit.">
            <select
              value={terms.unknown_price ?? "allow"}
              onChange={(event) => change({ unknown_price: event.currentTarget.value as "allow" | "refuse" })}
            >
              <option value="allow">are allowed</option>
              <option value="refuse">are refused</option>
            </select>
          </Field>
          <Check
            label="Charge what a model refuses with 422"
            hint="fal may bill it."
            isOn={terms.charge_422 ?? true}
            onChange={(charge_422) => change({ charge_422 })}
          />
          <Check
            label="Exact cost"
            hint="Reads each result a second time for the units that fal billed."
            isOn={terms.exact_cost ?? false}
            onChange={(exact_cost) => change({ exact_cost })}
          />
        </div>
      </fieldset>
      <fieldset class="step">
        <legend>Kept for</legend>
        <div class="fields three">
          <Days
            label="Records"
            days={retention.records_days}
            onChange={(records_days) => change({ retention: { ...retention, records_days } })}
          />
          <Days
            label="Files"
            days={retention.files_days}
            onChange={(files_days) => change({ retention: { ...retention, files_days } })}
          />
          <Days
            label="Inputs"
            days={retention.inputs_days}
            onChange={(inputs_days) => change({ retention: { ...retention, inputs_days } })}
          />
        </div>
      </fieldset>
      <fieldset class="step">
        <legend>Calls</legend>
        <div class="fields">
          <Lines
            label="Page origins"
            hint="One a line. Empty: those of the key."
            lines={terms.origins ?? []}
            onChange={(origins) => change({ origins })}
          />
          <Field label="While upstream is paused, requests" hint="Waiting is free; refusing answers 503.">
            <select
              value={terms.when_paused ?? "hold"}
              onChange={(event) => change({ when_paused: event.currentTarget.value as "hold" | "refuse" })}
            >
              <option value="hold">wait</option>
              <option value="refuse">are refused</option>
            </select>
          </Field>
          <Field label="The same request again within seconds" hint="Gets the request that exists. 0: never.">
            <input
              inputMode="numeric"
              value={String(terms.dedupe_s ?? 0)}
              onInput={(event) => change({ dedupe_s: Number(event.currentTarget.value.replace(/\D/g, "")) })}
            />
          </Field>
          <Field label="webhook_url may be set by" hint="A client's deliveries are signed with a secret of its user.">
            <select
              value={String(terms.webhooks ?? null)}
              onChange={(event) => change({ webhooks: WEBHOOKS[event.currentTarget.value] ?? null })}
            >
              <option value="null">secret keys</option>
              <option value="true">everybody, client tokens and JWTs too</option>
              <option value="false">nobody</option>
            </select>
          </Field>
        </div>
      </fieldset>
    </div>
  );
}

const WEBHOOKS: Record<string, boolean> = { true: true, false: false };

function inputOf(terms: EditedTerms): NonNullable<EditedTerms["input"]> {
  return terms.input ?? { max: {}, force: {}, forbid: [] };
}

function Lines({
  label,
  hint,
  lines,
  onChange,
}: {
  label: string;
  hint: string;
  lines: readonly string[];
  onChange: (lines: string[]) => void;
}) {
  const [text, setText] = useState(lines.join("\n"));
  return (
    <Field label={label} hint={hint}>
      <textarea
        rows={3}
        spellcheck={false}
        value={text}
        onInput={(event) => {
          setText(event.currentTarget.value);
          onChange(linesOf(event.currentTarget.value));
        }}
      />
    </Field>
  );
}

function JsonField({
  label,
  hint,
  value,
  onChange,
}: {
  label: string;
  hint: string;
  value: object;
  onChange: (value: object) => void;
}) {
  const [text, setText] = useState(printJson(value));
  const [isWrong, setWrong] = useState(false);
  return (
    <Field
      label={label}
      hint={hint}
      fault={isWrong ? "This is no JSON object yet; the saved one holds until it is." : undefined}
    >
      <textarea
        rows={3}
        spellcheck={false}
        value={text}
        onInput={(event) => {
          setText(event.currentTarget.value);
          const parsed = objectIn(event.currentTarget.value);
          setWrong(parsed === null);
          if (parsed !== null) onChange(parsed);
        }}
      />
    </Field>
  );
}

function objectIn(text: string): object | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

function Days({
  label,
  days,
  onChange,
}: {
  label: string;
  days: number | null;
  onChange: (days: number | null) => void;
}) {
  return (
    <Field label={label} hint="Days. Empty: for good.">
      <input
        inputMode="numeric"
        value={days === null ? "" : String(days)}
        onInput={(event) => {
          const digits = event.currentTarget.value.replace(/\D/g, "");
          onChange(digits === "" ? null : Number(digits));
        }}
      />
    </Field>
  );
}

function Check({
  label,
  hint,
  isOn,
  onChange,
}: {
  label: string;
  hint?: string;
  isOn: boolean;
  onChange: (isOn: boolean) => void;
}) {
  return (
    <label class="check">
      <input type="checkbox" checked={isOn} onChange={(event) => onChange(event.currentTarget.checked)} />
      <span>
        {label}
        {hint === undefined ? null : <span class="sub-line">{hint}</span>}
      </span>
    </label>
  );
}

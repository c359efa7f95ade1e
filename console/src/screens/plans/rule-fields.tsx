// The rules of a plan beside its limits: models, inputs, money, how long things are kept.

import { Field } from "../../parts/field.tsx";
import { bytesText } from "../../parts/format.ts";
import type { EditedTerms } from "./editor.tsx";
import { Check, Count, JsonField, Lines, Usd } from "./rule-controls.tsx";

export function RuleFields({ terms, change }: { terms: EditedTerms; change: (changes: EditedTerms) => void }) {
  const models = terms.models ?? { allow: ["**"], deny: [] };
  const retention = terms.retention ?? { records_days: null, files_days: null, inputs_days: null };
  const uploads = terms.uploads ?? UPLOADS;
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
          <JsonField
            label="Allowed values of tags"
            hint='By tag, as {"client": ["acme", "globex"]}. Others are refused; a tag that is not named may have any.'
            value={terms.tag_values ?? {}}
            onChange={(values) => change({ tag_values: values as EditedTerms["tag_values"] & object })}
          />
        </div>
      </fieldset>
      <fieldset class="step">
        <legend>Money</legend>
        <div class="fields">
          <Usd
            label="Most that one request may cost"
            hint="In USD, by its estimate. Empty: no limit."
            usd={terms.max_cost_per_request ?? null}
            onChange={(max_cost_per_request) => change({ max_cost_per_request })}
          />
          <Field label="Requests of unknown price" hint={unknownHint(terms)}>
            <select
              value={terms.unknown_price ?? "allow"}
              onChange={(event) => change({ unknown_price: event.currentTarget.value as "allow" | "refuse" })}
            >
              <option value="allow">are allowed</option>
              <option value="refuse">are refused</option>
            </select>
          </Field>
          {terms.unknown_price === "refuse" ? null : (
            <Usd
              label="An unknown price counts as"
              hint="In USD, towards limits. What the request cost stays unknown. Empty: nothing."
              usd={terms.assumed_cost ?? null}
              onChange={(assumed_cost) => change({ assumed_cost })}
            />
          )}
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
          <Count
            label="Records"
            hint={DAYS_HINT}
            count={retention.records_days}
            onChange={(records_days) => change({ retention: { ...retention, records_days } })}
          />
          <Count
            label="Files"
            hint={DAYS_HINT}
            count={retention.files_days}
            onChange={(files_days) => change({ retention: { ...retention, files_days } })}
          />
          <Count
            label="Inputs"
            hint={DAYS_HINT}
            count={retention.inputs_days}
            onChange={(inputs_days) => change({ retention: { ...retention, inputs_days } })}
          />
        </div>
      </fieldset>
      <fieldset class="step">
        <legend>Uploads</legend>
        <div class="fields three">
          <Count
            label="Largest file"
            hint={bytesHint(uploads.max_bytes)}
            count={uploads.max_bytes}
            onChange={(bytes) => change({ uploads: { ...uploads, max_bytes: bytes ?? 0 } })}
          />
          <Count
            label="Largest file of a browser"
            hint={`${bytesHint(uploads.browser_max_bytes)} By client tokens, visitors and users' JWTs.`}
            count={uploads.browser_max_bytes}
            onChange={(bytes) => change({ uploads: { ...uploads, browser_max_bytes: bytes ?? 0 } })}
          />
          <Lines
            label="Content types"
            hint="One a line, as image/*. Empty: all that models take."
            lines={uploads.types ?? []}
            onChange={(types) => change({ uploads: { ...uploads, types: types.length === 0 ? null : types } })}
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
          <Count
            label="The same request again within seconds"
            hint="Gets the request that exists. 0: never."
            count={terms.dedupe_s ?? 0}
            onChange={(seconds) => change({ dedupe_s: seconds ?? 0 })}
          />
          <Count
            label="Seconds that a status call waits for a change"
            hint="For fal's and Maton's clients. 0: they ask again and again."
            count={terms.hold_s ?? 10}
            onChange={(seconds) => change({ hold_s: seconds ?? 0 })}
          />
          <Count
            label="Seconds that the URL of a file works"
            hint="Makes files private. Empty: URLs do not expire."
            count={terms.file_link_s ?? null}
            onChange={(file_link_s) => change({ file_link_s })}
          />
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

const DAYS_HINT = "Days. Empty: for good.";
/** As the API has them where a plan says nothing. */
const UPLOADS = { max_bytes: 1_073_741_824, browser_max_bytes: 10_485_760, types: null };
const WEBHOOKS: Record<string, boolean> = { true: true, false: false };

function inputOf(terms: EditedTerms): NonNullable<EditedTerms["input"]> {
  return terms.input ?? { max: {}, force: {}, forbid: [] };
}

function bytesHint(bytes: number): string {
  return `In bytes: ${bytesText(bytes)}.`;
}

/** What an allowed request of unknown price counts, and for whom it is refused all the same. */
function unknownHint({ unknown_price, assumed_cost }: EditedTerms): string {
  if (unknown_price === "refuse") return "Give models a price to let them run.";
  if (assumed_cost) return "Each counts with what is said beside.";
  return "They count towards no USD limit. Visitors of a publishable key are refused.";
}

// The controls of a plan's rules: lists as lines, objects as JSON, numbers, USD, and what is on or off.

import { useState } from "preact/hooks";
import { printJson } from "../../api/json.ts";
import { Field } from "../../parts/field.tsx";
import { linesOf } from "../../parts/lines.ts";

export function Lines({
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

export function JsonField({
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

/** A whole number; empty is none. */
export function Count({
  label,
  hint,
  count,
  onChange,
}: {
  label: string;
  hint: string;
  count: number | null;
  onChange: (count: number | null) => void;
}) {
  return (
    <Field label={label} hint={hint}>
      <input
        inputMode="numeric"
        value={count === null ? "" : String(count)}
        onInput={(event) => {
          const digits = event.currentTarget.value.replace(/\D/g, "");
          onChange(digits === "" ? null : Number(digits));
        }}
      />
    </Field>
  );
}

export function Check({
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

/** An amount of USD as typed; empty is none. */
export function Usd({
  label,
  hint,
  usd,
  onChange,
}: {
  label: string;
  hint: string;
  usd: string | null;
  onChange: (usd: string | null) => void;
}) {
  return (
    <Field label={label} hint={hint}>
      <input
        inputMode="decimal"
        value={usd ?? ""}
        onInput={(event) => onChange(event.currentTarget.value === "" ? null : event.currentTarget.value)}
      />
    </Field>
  );
}

// One of a few choices, all in sight.

import type { ComponentChildren } from "preact";

export function Segments<V extends string | null>({
  label,
  choices,
  chosen,
  onChoose,
}: {
  label: string;
  choices: readonly { value: V; face: ComponentChildren }[];
  chosen: V;
  onChoose: (value: V) => void;
}) {
  return (
    <fieldset class="segments" aria-label={label}>
      {choices.map(({ value, face }) => (
        <button key={value} type="button" aria-pressed={value === chosen} onClick={() => onChoose(value)}>
          {face}
        </button>
      ))}
    </fieldset>
  );
}

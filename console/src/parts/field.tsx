// A field with its label, a hint, and what is wrong with it; the words belong to the control for readers too.

import { cloneElement, type VNode } from "preact";
import { useId } from "preact/hooks";

export function Field({
  label,
  hint,
  fault,
  children,
}: {
  label: string;
  hint?: string | undefined;
  fault?: string | undefined;
  children: VNode<Record<string, unknown>>;
}) {
  const id = useId();
  const noteId = `${id}-note`;
  const note = fault ?? hint;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {cloneElement(children, {
        id,
        "aria-invalid": fault !== undefined,
        ...(note === undefined ? {} : { "aria-describedby": noteId }),
      })}
      {note === undefined ? null : (
        <p id={noteId} class={fault === undefined ? "field-hint" : "field-fault"}>
          {note}
        </p>
      )}
    </div>
  );
}

// What a change changed: each field with its value before and after, side by side.

import type { AuditChange } from "../api/types.ts";

export function Differences({ changes, of }: { changes: readonly AuditChange[]; of: string }) {
  return (
    <table class="cards differences" aria-label={`Changes of ${of}`}>
      <thead>
        <tr>
          <th scope="col">Field</th>
          <th scope="col">Before</th>
          <th scope="col">After</th>
        </tr>
      </thead>
      <tbody>
        {changes.map((change) => (
          <tr key={change.field}>
            <td>
              <code>{change.field}</code>
            </td>
            <td data-label="before">
              <Value value={change.old} mark="before" />
            </td>
            <td data-label="after">
              <Value value={change.new} mark="after" />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** What is absent did not exist: another thing than an empty text. */
function Value({ value, mark }: { value: AuditChange["old"]; mark: "before" | "after" }) {
  if (value === undefined) return <span class="faint">not there</span>;
  return <code class={`value-${mark}`}>{value === "" ? '""' : String(value)}</code>;
}

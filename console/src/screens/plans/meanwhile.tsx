// Somebody else saved the plan while it was edited here: what they changed, and whose state shall hold.

import { useLoaded } from "../../api/resource.ts";
import { Differences } from "../../parts/differences.tsx";
import { Note } from "../../parts/note.tsx";
import { Loaded } from "../../parts/states.tsx";
import { planDifferences } from "./plan-differences.ts";
import { readPlan, type SavedPlan } from "./saved-plan.ts";

export function Meanwhile({
  saved,
  onTake,
  onKeep,
}: {
  /** What was read before the edit. */
  saved: SavedPlan;
  onTake: (theirs: SavedPlan) => void;
  /** Saves the edit over the version of this tag. */
  onKeep: (tag: string | null) => Promise<void>;
}) {
  const theirs = useLoaded<SavedPlan>(`/v1/plans/${saved.plan.name}`, readPlan);
  return (
    <div class="stack" role="alert">
      <Note tone="wait" icon="triangle-alert" title="Somebody changed it meanwhile">
        Nothing was saved. Reload to go on from theirs, or save yours over it; both stay among the versions.
      </Note>
      <Loaded resource={theirs} rows={2}>
        {(data) => (
          <>
            <section class="card table-card" aria-label="Their changes">
              <Differences changes={planDifferences(saved.plan, data.plan)} of="somebody else" />
            </section>
            <div class="actions">
              <button type="button" class="button" onClick={() => onTake(data)}>
                Reload, without my changes
              </button>
              <button type="button" class="button danger" onClick={() => void onKeep(data.tag)}>
                Save mine over theirs
              </button>
            </div>
          </>
        )}
      </Loaded>
    </div>
  );
}

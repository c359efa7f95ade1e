// The versions of a plan: who wrote which, what each changed, and the way back to one.

import { useState } from "preact/hooks";
import { useResource } from "../../api/resource.ts";
import type { AuditChange, PageOf, PlanVersion } from "../../api/types.ts";
import { Confirm } from "../../parts/confirm.tsx";
import { Differences } from "../../parts/differences.tsx";
import { plural } from "../../parts/format.ts";
import { Empty, Loaded } from "../../parts/states.tsx";
import { Badge } from "../../parts/status.tsx";
import { Time } from "../../parts/time.tsx";
import { useKeyNames } from "../requests/key-names.ts";
import { planDifferences } from "./plan-differences.ts";
import { restorePlan, type SavedPlan } from "./saved-plan.ts";

export function Versions({ saved, onRestored }: { saved: SavedPlan; onRestored: (saved: SavedPlan) => void }) {
  const { name } = saved.plan;
  const versions = useResource<PageOf<PlanVersion>>(`/v1/plans/${name}/versions`);
  const keyNames = useKeyNames();
  const [chosen, setChosen] = useState<PlanVersion | null>(null);
  return (
    <section class="card table-card" aria-label="Versions">
      <Loaded resource={versions} rows={3}>
        {({ data }) =>
          data.length === 0 ? (
            <Empty icon="scroll-text" title="No versions yet">
              Each save keeps the plan as it was, with who saved it.
            </Empty>
          ) : (
            <ul class="versions">
              {data.map((each, n) => {
                const before = data[n + 1];
                const changes = before === undefined ? null : planDifferences(before.plan, each.plan);
                return (
                  <li key={each.version}>
                    <div class="row-between">
                      <span>
                        <b>Version {each.version}</b>{" "}
                        <span class="soft">
                          {each.at === null ? "before versions were kept" : <Time at={each.at} />}
                          {each.actor === null ? "" : ` by ${keyNames.get(each.actor) ?? each.actor}`}
                        </span>
                      </span>
                      {n === 0 ? (
                        <Badge tone="ok">In force</Badge>
                      ) : (
                        <button type="button" class="button quiet" onClick={() => setChosen(each)}>
                          Restore
                        </button>
                      )}
                    </div>
                    <Changed changes={changes} version={each.version} />
                  </li>
                );
              })}
            </ul>
          )
        }
      </Loaded>
      {chosen === null ? null : (
        <Confirm<SavedPlan>
          title={`Restore version ${chosen.version} of ${name}`}
          verb="Restore"
          run={() => restorePlan(saved, chosen.version)}
          onClose={() => setChosen(null)}
          onDone={(restored) => {
            setChosen(null);
            onRestored(restored);
            void versions.reload();
          }}
        >
          <p>It is written again as a new version and holds from the next submit; open requests keep their terms.</p>
          <Restored changes={planDifferences(saved.plan, chosen.plan)} version={chosen.version} />
        </Confirm>
      )}
    </section>
  );
}

/** Null: the oldest that is kept, so there is nothing to compare it with. */
function Changed({ changes, version }: { changes: AuditChange[] | null; version: number }) {
  if (changes === null) return <p class="soft">The oldest that is kept.</p>;
  if (changes.length === 0) return <p class="soft">Nothing differs from the one before.</p>;
  return (
    <details class="fold">
      <summary>{plural(changes.length, "field")} changed</summary>
      <Differences changes={changes} of={`version ${version}`} />
    </details>
  );
}

function Restored({ changes, version }: { changes: AuditChange[]; version: number }) {
  if (changes.length === 0) return <p class="soft">It is the same as what holds now.</p>;
  return <Differences changes={changes} of={`the restored version ${version}`} />;
}

// Changes what may be changed of a key: its name, plan, models, origins and expiry. Who and what it is stays.

import { useState } from "preact/hooks";
import { callApi } from "../../api/client.ts";
import type { Problem } from "../../api/problem.ts";
import { useResource } from "../../api/resource.ts";
import type { Key, PageOf, Plan } from "../../api/types.ts";
import { Dialog } from "../../parts/dialog.tsx";
import { Field } from "../../parts/field.tsx";
import { Note } from "../../parts/note.tsx";
import { ProblemNote } from "../../parts/states.tsx";
import { submitOnCtrlEnter } from "../../parts/submit.ts";
import { boundsKeyMoney } from "./draft.ts";
import { changesOf, type KeyEdit, keyEdit } from "./key-edit.ts";

export function EditKey({
  of,
  tag,
  onClose,
  onSaved,
  onReload,
}: {
  of: Key;
  /** The version that is edited. */
  tag: string | null;
  onClose: () => void;
  onSaved: (key: Key) => void;
  /** Somebody else changed it: read it again, which begins the edit anew. */
  onReload: () => void;
}) {
  const plans = useResource<PageOf<Plan>>("/v1/plans");
  const [edit, setEdit] = useState<KeyEdit>(() => keyEdit(of));
  const [problem, setProblem] = useState<Problem | null>(null);
  const [isRunning, setRunning] = useState(false);
  const isPage = of.kind === "publishable";
  const changes = changesOf(of, edit);
  const put = (field: keyof KeyEdit) => (event: { currentTarget: { value: string } }) =>
    setEdit({ ...edit, [field]: event.currentTarget.value });
  const save = async (event: Event) => {
    event.preventDefault();
    setRunning(true);
    const headers: Record<string, string> = tag === null ? {} : { "If-Match": tag };
    const answer = await callApi<Key>("PATCH", `/v1/keys/${of.id}`, { body: changes, headers });
    setRunning(false);
    if (answer.ok) onSaved(answer.data);
    else setProblem(answer.problem);
  };
  const offered = (plans.data?.data ?? []).filter((plan) => !isPage || boundsKeyMoney(plan));
  const hasOwn = edit.plan === "" || offered.some(({ name }) => name === edit.plan);
  return (
    <Dialog title={`Edit ${of.name}`} onClose={onClose}>
      <form class="stack" onSubmit={save} onKeyDown={submitOnCtrlEnter} noValidate>
        <Field label="Name">
          <input value={edit.name} maxLength={100} onInput={put("name")} />
        </Field>
        <Field label="Plan" hint={isPage ? "Those that limit USD per key or team." : undefined}>
          <select value={edit.plan} onChange={put("plan")}>
            {isPage ? null : <option value="">the team's</option>}
            {hasOwn ? null : <option value={edit.plan}>{edit.plan}</option>}
            {offered.map(({ name }) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </Field>
        <Field label="Models" hint="One a line; * stands for anything. Empty: those of the plan.">
          <textarea rows={2} spellcheck={false} value={edit.models} onInput={put("models")} />
        </Field>
        <Field
          label="Page origins"
          hint={
            isPage ? "One a line, exactly as browsers send them." : "One a line. Empty: any caller that has the key."
          }
        >
          <textarea rows={2} spellcheck={false} value={edit.origins} onInput={put("origins")} />
        </Field>
        <Field label="Expires" hint="At the end of that day, UTC. Empty: never.">
          <input type="date" value={edit.expiresOn} onInput={put("expiresOn")} />
        </Field>
        {problem?.code === "precondition_failed" ? (
          <Note tone="wait" icon="triangle-alert" title="Somebody changed it meanwhile">
            Nothing was saved.{" "}
            <button type="button" class="button" onClick={onReload}>
              Reload
            </button>
          </Note>
        ) : problem === null ? null : (
          <ProblemNote problem={problem} />
        )}
        <footer>
          <button type="button" class="button" onClick={onClose}>
            Cancel
          </button>
          <button
            type="submit"
            class="button primary"
            disabled={isRunning || edit.name.trim() === "" || Object.keys(changes).length === 0}
          >
            {isRunning ? "Saving…" : "Save"}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}

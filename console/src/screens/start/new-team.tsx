// Makes a team with its first admin key, which is shown once.

import { useState } from "preact/hooks";
import { callApi } from "../../api/client.ts";
import type { Problem } from "../../api/problem.ts";
import { Dialog } from "../../parts/dialog.tsx";
import { Field } from "../../parts/field.tsx";
import { ProblemNote } from "../../parts/states.tsx";
import { Secret } from "../keys/secret.tsx";

interface Made {
  team: { id: string };
  key: { secret: string };
}

export function NewTeam() {
  const [isOpen, setOpen] = useState(false);
  const [id, setId] = useState("");
  const [manages, setManages] = useState(false);
  const [made, setMade] = useState<Made | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const create = async (event: Event) => {
    event.preventDefault();
    const answer = await callApi<Made>("POST", "/v1/admin/teams", { body: { id, manages_connections: manages } });
    setProblem(answer.ok ? null : answer.problem);
    if (!answer.ok) return;
    setOpen(false);
    setMade(answer.data);
  };
  return (
    <>
      <button type="button" class="button primary" onClick={() => setOpen(true)}>
        Create a team
      </button>
      {isOpen ? (
        <Dialog title="Create a team" onClose={() => setOpen(false)}>
          <form class="stack" onSubmit={create}>
            <Field label="Team id" hint="1 to 32 of a-z, 0-9 and -. It is in every key, and never changes.">
              <input
                required
                pattern="[a-z0-9\-]{1,32}"
                value={id}
                onInput={(event) => setId(event.currentTarget.value)}
              />
            </Field>
            <label class="check">
              <input type="checkbox" checked={manages} onChange={(event) => setManages(event.currentTarget.checked)} />
              <span>
                Its admins manage the connections to fal <span class="soft">which all teams share</span>
              </span>
            </label>
            {problem === null ? null : <ProblemNote problem={problem} />}
            <footer>
              <button type="button" class="button" onClick={() => setOpen(false)}>
                Cancel
              </button>
              <button type="submit" class="button primary">
                Create
              </button>
            </footer>
          </form>
        </Dialog>
      ) : null}
      {made === null ? null : (
        <Secret title={`First key of ${made.team.id}`} secret={made.key.secret} onClose={() => setMade(null)} />
      )}
    </>
  );
}

// Asks before a change that takes something away: says what it does and what stays, does it, and shows why it was refused.

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { Answer } from "../api/client.ts";
import type { Problem } from "../api/problem.ts";
import { Dialog } from "./dialog.tsx";
import { ProblemNote } from "./states.tsx";

export interface ConfirmProps<T> {
  title: string;
  children: ComponentChildren;
  /** The verb on the button. */
  verb: string;
  isDanger?: boolean;
  /** To be typed before the button works, for what cannot be undone. */
  typeIn?: string;
  run: () => Promise<Answer<T>>;
  onDone: (data: T) => void;
  onClose: () => void;
}

export function Confirm<T>({ title, children, verb, isDanger = false, typeIn, run, onDone, onClose }: ConfirmProps<T>) {
  const [isRunning, setRunning] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [typed, setTyped] = useState("");
  const submit = async (event: Event) => {
    event.preventDefault();
    setRunning(true);
    const answer = await run();
    setRunning(false);
    if (answer.ok) onDone(answer.data);
    else setProblem(answer.problem);
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form class="stack" onSubmit={submit}>
        <div class="text">{children}</div>
        {typeIn === undefined ? null : (
          <label class="field">
            <span>
              Type <code>{typeIn}</code> to confirm
            </span>
            <input value={typed} onInput={(event) => setTyped(event.currentTarget.value)} autocomplete="off" />
          </label>
        )}
        {problem === null ? null : <ProblemNote problem={problem} />}
        <footer>
          <button type="button" class="button" onClick={onClose}>
            Keep
          </button>
          <button
            type="submit"
            class={isDanger ? "button danger" : "button primary"}
            disabled={isRunning || (typeIn !== undefined && typed !== typeIn)}
          >
            {isRunning ? "Working…" : verb}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}

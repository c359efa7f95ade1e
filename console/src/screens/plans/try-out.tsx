// Tries the plan as it stands in the editor, saved or not: on one request that is typed, and on those of the last week. Nothing runs.

import { useState } from "preact/hooks";
import { callApi } from "../../api/client.ts";
import { parseJson } from "../../api/json.ts";
import type { Problem } from "../../api/problem.ts";
import { useResource } from "../../api/resource.ts";
import type { Key, Model, PageOf, PlanReplay, PlanTest } from "../../api/types.ts";
import { now } from "../../parts/clock.ts";
import { Field } from "../../parts/field.tsx";
import { linesOf } from "../../parts/lines.ts";
import { ProblemNote } from "../../parts/states.tsx";
import { submitOnCtrlEnter } from "../../parts/submit.ts";
import type { EditedTerms } from "./editor.tsx";
import { ReplayResult, TestResult } from "./try-out-results.tsx";

const WEEK_MS = 7 * 86_400_000;

/** What the API may be sent as a plan: refusals call it by its name. */
type NamedTerms = EditedTerms & { name: string };

export function TryOut({ terms }: { terms: NamedTerms }) {
  return (
    <div class="stack">
      <OneRequest terms={terms} />
      <PastRequests terms={terms} />
    </div>
  );
}

function OneRequest({ terms }: { terms: NamedTerms }) {
  const models = useResource<PageOf<Model>>("/v1/models");
  const keys = useResource<PageOf<Key>>("/v1/keys");
  const [model, setModel] = useState("fal-ai/flux/schnell");
  const [text, setText] = useState('{ "prompt": "a tiny cute cat" }');
  const [key, setKey] = useState("");
  const [user, setUser] = useState("");
  const [tags, setTags] = useState("");
  const [test, setTest] = useState<PlanTest | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [isRunning, setRunning] = useState(false);
  const input = inputIn(text);
  const working = (keys.data?.data ?? []).filter(({ revoked_at }) => revoked_at === null);
  const isPage = working.some(({ id, kind }) => id === key && kind === "publishable");
  const run = async () => {
    if (input === null) return;
    setRunning(true);
    const request = { model, input, ...(user === "" ? {} : { user }), tags: tagsOf(tags) };
    const body = { plan: terms, request, ...(key === "" ? {} : { key }) };
    const answer = await callApi<PlanTest>("POST", "/v1/plans/test", { body });
    setRunning(false);
    setProblem(answer.ok ? null : answer.problem);
    setTest(answer.ok ? answer.data : null);
  };
  return (
    <form
      class="step stack"
      aria-labelledby="try-one"
      noValidate
      onKeyDown={submitOnCtrlEnter}
      onSubmit={(event) => {
        event.preventDefault();
        void run();
      }}
    >
      <div>
        <h2 id="try-one">One request</h2>
        <p class="soft">Decided as a submit would be, by what is used now. Nothing is sent or reserved.</p>
      </div>
      <div class="fields">
        <Field label="Model">
          <input
            list="try-models"
            spellcheck={false}
            value={model}
            onInput={(event) => setModel(event.currentTarget.value)}
          />
        </Field>
        <Field label="Sent with" hint={isPage ? "By a visitor who is new today." : undefined}>
          <select value={key} onChange={(event) => setKey(event.currentTarget.value)}>
            <option value="">this console's key</option>
            {working.map(({ id, name }) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </select>
        </Field>
        <Field label="User" hint="Empty: none.">
          <input value={user} disabled={isPage} onInput={(event) => setUser(event.currentTarget.value)} />
        </Field>
        <Field label="Tags" hint="As client=acme, one a line.">
          <textarea rows={1} value={tags} onInput={(event) => setTags(event.currentTarget.value)} />
        </Field>
      </div>
      <datalist id="try-models">
        {(models.data?.data ?? []).map(({ id }) => (
          <option key={id} value={id} />
        ))}
      </datalist>
      <Field label="Input" fault={input === null ? "This is no JSON object yet." : undefined}>
        <textarea rows={4} spellcheck={false} value={text} onInput={(event) => setText(event.currentTarget.value)} />
      </Field>
      <div class="actions">
        <button type="submit" class="button primary" disabled={isRunning || input === null || model === ""}>
          {isRunning ? "Trying…" : "Try it"}
        </button>
      </div>
      {problem === null ? null : <ProblemNote problem={problem} />}
      {test === null ? null : <TestResult test={test} />}
    </form>
  );
}

function PastRequests({ terms }: { terms: NamedTerms }) {
  const [replay, setReplay] = useState<PlanReplay | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [isRunning, setRunning] = useState(false);
  const run = async () => {
    setRunning(true);
    const body = { plan: terms, from: new Date(now.value - WEEK_MS).toISOString() };
    const answer = await callApi<PlanReplay>("POST", "/v1/plans/replay", { body });
    setRunning(false);
    setProblem(answer.ok ? null : answer.problem);
    setReplay(answer.ok ? answer.data : null);
  };
  return (
    <section class="step stack" aria-labelledby="try-past">
      <div>
        <h2 id="try-past">The last seven days</h2>
        <p class="soft">
          What this plan would have refused, had all of the team's requests been under it. Counters begin empty.
        </p>
      </div>
      <div class="actions">
        <button type="button" class="button primary" disabled={isRunning} onClick={() => void run()}>
          {isRunning ? "Replaying…" : "Replay the last seven days"}
        </button>
      </div>
      {problem === null ? null : <ProblemNote problem={problem} />}
      {replay === null ? null : <ReplayResult replay={replay} />}
    </section>
  );
}

function inputIn(text: string): object | null {
  try {
    const value = parseJson(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

function tagsOf(text: string): Record<string, string> {
  return Object.fromEntries(
    linesOf(text).map((line) => {
      const [name = "", ...value] = line.split("=");
      return [name, value.join("=")];
    }),
  );
}

// The editor of a plan: its limits as rows, its rules as fields, the whole of it as JSON, its versions, and a place to try it out.
// Nothing holds before it is saved, and nobody's change is overwritten unseen.

import { useEffect, useState } from "preact/hooks";
import { useRoute } from "preact-iso";
import { parseJson, printJson } from "../../api/json.ts";
import type { Problem } from "../../api/problem.ts";
import { useLoaded } from "../../api/resource.ts";
import { CodeBlock } from "../../parts/copy.tsx";
import { Empty, Loaded, ProblemNote } from "../../parts/states.tsx";
import { submitOnCtrlEnter } from "../../parts/submit.ts";
import { Tabs } from "../../parts/tabs.tsx";
import { announce } from "../../shell/announce.ts";
import { useQuery } from "../../shell/navigation.ts";
import { Page } from "../../shell/page.tsx";
import { LimitRows } from "./limit-rows.tsx";
import { Meanwhile } from "./meanwhile.tsx";
import type { PlanTerms } from "./presets.ts";
import { RuleFields } from "./rule-fields.tsx";
import { readPlan, type SavedPlan, writePlan } from "./saved-plan.ts";
import { TryOut } from "./try-out.tsx";
import { Versions } from "./versions.tsx";

const TABS = ["limits", "rules", "json", "try", "versions"] as const;
type TabName = (typeof TABS)[number];
const NOT_FOUND = 404;

/** Terms of a plan as they are edited: what is absent has its default. */
export type EditedTerms = Partial<PlanTerms>;

export default function PlanScreen() {
  const { name = "" } = useRoute().params;
  const saved = useLoaded<SavedPlan>(`/v1/plans/${name}`, readPlan);
  const isUnknown = saved.data === null && saved.problem?.status === NOT_FOUND;
  return (
    <Page
      back={{ href: "/console/plans", label: "Plans" }}
      title={name}
      name={`Plan ${name}`}
      lead="Changes hold from the next submit; open requests keep their terms."
      actions={
        <a class="button quiet" href={`/console/audit?target=${name}`}>
          Who changed it
        </a>
      }
    >
      {isUnknown ? (
        <Empty
          icon="gauge"
          title="No such plan"
          action={
            <a class="button" href="/console/plans">
              Go to Plans
            </a>
          }
        >
          It is not a plan of this team.
        </Empty>
      ) : (
        <Loaded resource={saved}>{(data) => <Editor key={name} saved={data} onSaved={saved.replace} />}</Loaded>
      )}
    </Page>
  );
}

function Editor({ saved, onSaved }: { saved: SavedPlan; onSaved: (saved: SavedPlan) => void }) {
  const { name, ...savedTerms } = saved.plan;
  const [{ tab }, setQuery] = useQuery(["tab"] as const);
  const [terms, setTerms] = useState<EditedTerms>(savedTerms);
  const [text, setText] = useState<string | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [isRunning, setRunning] = useState(false);
  const open: TabName = TABS.find((each) => each === tab) ?? "limits";
  const isChanged = printJson(terms) !== printJson(savedTerms) || text !== null;
  useEffect(() => {
    if (!isChanged) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener("beforeunload", ask);
    return () => removeEventListener("beforeunload", ask);
  }, [isChanged]);
  const parsed = text === null ? terms : termsIn(text);
  const change = (changes: EditedTerms) => setTerms({ ...terms, ...changes });
  const openTab = (next: TabName) => {
    // Text that is no JSON keeps the reader where it can be mended.
    if (text !== null && parsed === null) return;
    if (parsed !== null) setTerms(parsed);
    setText(null);
    setQuery({ tab: next === "limits" ? null : next });
  };
  const take = (data: SavedPlan) => {
    const { name: _name, ...kept } = data.plan;
    setTerms(kept);
    setText(null);
    setProblem(null);
    onSaved(data);
  };
  const save = async (tag: string | null) => {
    if (parsed === null) return;
    setRunning(true);
    const answer = await writePlan(name, parsed, tag);
    setRunning(false);
    setProblem(answer.ok ? null : answer.problem);
    if (!answer.ok) return;
    take(answer.data);
    announce(`${name} is saved and holds from the next submit`);
  };
  const panel = { role: "tabpanel", id: `panel-${open}`, "aria-labelledby": `tab-${open}` } as const;
  const isEditing = open === "limits" || open === "rules" || open === "json";
  return (
    <div class="stack">
      <Tabs
        label="Parts of the plan"
        open={open}
        onOpen={openTab}
        tabs={[
          { name: "limits", label: "Limits", note: String(terms.limits?.length ?? 0) },
          { name: "rules", label: "Rules" },
          { name: "json", label: "JSON" },
          { name: "try", label: "Try it out" },
          { name: "versions", label: "Versions" },
        ]}
      />
      {open === "try" ? (
        <div {...panel}>
          {isChanged ? <p class="soft try-lead">With the changes that are not saved yet.</p> : null}
          <TryOut terms={{ name, ...terms }} />
        </div>
      ) : null}
      {open === "versions" ? (
        <div {...panel}>
          <Versions key={saved.tag} saved={saved} onRestored={take} />
        </div>
      ) : null}
      {isEditing || isChanged ? (
        <form
          class="stack"
          onSubmit={(event) => {
            event.preventDefault();
            void save(saved.tag);
          }}
          onKeyDown={submitOnCtrlEnter}
          noValidate
        >
          {isEditing ? (
            <div {...panel}>
              {open === "limits" ? (
                <LimitRows limits={terms.limits ?? []} change={(limits) => change({ limits })} />
              ) : null}
              {open === "rules" ? <RuleFields terms={terms} change={change} /> : null}
              {open === "json" ? <JsonText name={name} text={text ?? printJson(terms)} onText={setText} /> : null}
            </div>
          ) : null}
          {problem?.code === "precondition_failed" ? (
            <Meanwhile saved={saved} onTake={take} onKeep={save} />
          ) : problem === null ? null : (
            <ProblemNote problem={problem} />
          )}
          <div class="save-bar">
            <button type="submit" class="button primary" disabled={!isChanged || isRunning || parsed === null}>
              Save
            </button>
            {isChanged ? (
              <button
                type="button"
                class="button quiet"
                onClick={() => {
                  setTerms(savedTerms);
                  setText(null);
                  setProblem(null);
                }}
              >
                Discard changes
              </button>
            ) : null}
          </div>
        </form>
      ) : null}
    </div>
  );
}

function JsonText({ name, text, onText }: { name: string; text: string; onText: (text: string) => void }) {
  const isWrong = termsIn(text) === null;
  return (
    <div class="stack tight">
      <label class="field">
        <span>The plan as the API has it</span>
        <textarea
          class="json"
          rows={24}
          spellcheck={false}
          aria-invalid={isWrong}
          value={text}
          onInput={(event) => onText(event.currentTarget.value)}
        />
      </label>
      {isWrong ? (
        <p class="field-fault" role="alert">
          This is no JSON object yet: {faultIn(text)}
        </p>
      ) : null}
      <CodeBlock
        text={`curl -X PATCH "${location.origin}/v1/plans/${name}" -H "Authorization: Bearer $SLUICE_KEY" -H "Content-Type: application/json" -d @changes.json`}
      />
    </div>
  );
}

function termsIn(text: string): EditedTerms | null {
  try {
    const value = parseJson(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as EditedTerms) : null;
  } catch {
    return null;
  }
}

function faultIn(text: string): string {
  try {
    JSON.parse(text);
    return "it is another kind of value.";
  } catch (fault) {
    return fault instanceof Error ? fault.message : "";
  }
}

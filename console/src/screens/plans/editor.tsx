// The editor of a plan: its limits as rows, its rules as fields, and the whole of it as JSON. Nothing holds before it is saved.

import { useEffect, useState } from "preact/hooks";
import { useLocation, useRoute } from "preact-iso";
import { callApi } from "../../api/client.ts";
import { parseJson, printJson } from "../../api/json.ts";
import type { Problem } from "../../api/problem.ts";
import { type Resource, useResource } from "../../api/resource.ts";
import type { PageOf, Plan } from "../../api/types.ts";
import { CodeBlock } from "../../parts/copy.tsx";
import { Empty, Loaded, ProblemNote } from "../../parts/states.tsx";
import { submitOnCtrlEnter } from "../../parts/submit.ts";
import { Tabs } from "../../parts/tabs.tsx";
import { announce } from "../../shell/announce.ts";
import { useQuery } from "../../shell/navigation.ts";
import { Page } from "../../shell/page.tsx";
import { LimitRows } from "./limit-rows.tsx";
import { type PlanTerms, PRESETS } from "./presets.ts";
import { RuleFields } from "./rule-fields.tsx";

const TABS = ["limits", "rules", "json"] as const;
type TabName = (typeof TABS)[number];

/** Terms of a plan as they are edited: what is absent has its default. */
export type EditedTerms = Partial<PlanTerms>;

export default function PlanScreen() {
  const { name = "" } = useRoute().params;
  const [{ preset }] = useQuery(["preset"] as const);
  const plans = useResource<PageOf<Plan>>("/v1/plans");
  const saved = plans.data?.data.find((plan) => plan.name === name) ?? null;
  const beginning = PRESETS.find((each) => each.name === preset)?.terms ?? null;
  return (
    <Page
      back={{ href: "/console/plans", label: "Plans" }}
      title={name}
      name={`Plan ${name}`}
      lead={
        saved === null
          ? "A new plan. It exists once it is saved."
          : "Changes hold from the next submit; open requests keep their terms."
      }
    >
      <Loaded resource={plans}>
        {() => {
          if (saved !== null) {
            const { name: _name, ...terms } = saved;
            return <Editor key={name} name={name} saved={terms} plans={plans} />;
          }
          if (beginning !== null)
            return <Editor key={name} name={name} saved={null} beginning={beginning} plans={plans} />;
          return (
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
          );
        }}
      </Loaded>
    </Page>
  );
}

function Editor({
  name,
  saved,
  beginning,
  plans,
}: {
  name: string;
  saved: PlanTerms | null;
  beginning?: EditedTerms;
  plans: Resource<PageOf<Plan>>;
}) {
  const { path, route } = useLocation();
  const [{ tab }, setQuery] = useQuery(["tab", "preset"] as const);
  const [terms, setTerms] = useState<EditedTerms>(saved ?? beginning ?? {});
  const [text, setText] = useState<string | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [isRunning, setRunning] = useState(false);
  const open: TabName = TABS.find((each) => each === tab) ?? "limits";
  const isChanged = saved === null || printJson(terms) !== printJson(saved) || text !== null;
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
  const save = async (event: Event) => {
    event.preventDefault();
    if (parsed === null) return;
    setRunning(true);
    const answer = await callApi<Plan>("PUT", `/v1/plans/${name}?replace=true`, { body: parsed });
    setRunning(false);
    setProblem(answer.ok ? null : answer.problem);
    if (!answer.ok) return;
    const { name: _name, ...kept } = answer.data;
    setTerms(kept);
    setText(null);
    announce(`${name} is saved and holds from the next submit`);
    await plans.reload();
    route(path, true);
  };
  return (
    <form class="stack" onSubmit={save} onKeyDown={submitOnCtrlEnter} noValidate>
      <Tabs
        label="Parts of the plan"
        open={open}
        onOpen={openTab}
        tabs={[
          { name: "limits", label: "Limits", note: String(terms.limits?.length ?? 0) },
          { name: "rules", label: "Rules" },
          { name: "json", label: "JSON" },
        ]}
      />
      <div role="tabpanel" id={`panel-${open}`} aria-labelledby={`tab-${open}`}>
        {open === "limits" ? <LimitRows limits={terms.limits ?? []} change={(limits) => change({ limits })} /> : null}
        {open === "rules" ? <RuleFields terms={terms} change={change} /> : null}
        {open === "json" ? (
          <div class="stack tight">
            <label class="field">
              <span>The plan as the API has it</span>
              <textarea
                class="json"
                rows={24}
                spellcheck={false}
                aria-invalid={parsed === null}
                value={text ?? printJson(terms)}
                onInput={(event) => setText(event.currentTarget.value)}
              />
            </label>
            {parsed === null ? (
              <p class="field-fault" role="alert">
                This is no JSON object yet: {faultIn(text ?? "")}
              </p>
            ) : null}
            <CodeBlock
              text={`curl -X PUT "${location.origin}/v1/plans/${name}" -H "Authorization: Bearer $SLUICE_KEY" -H "Content-Type: application/json" -d @plan.json`}
            />
          </div>
        ) : null}
      </div>
      {problem === null ? null : <ProblemNote problem={problem} />}
      <div class="save-bar">
        <button type="submit" class="button primary" disabled={!isChanged || isRunning || parsed === null}>
          {saved === null ? "Create the plan" : "Save"}
        </button>
        {isChanged && saved !== null ? (
          <button
            type="button"
            class="button quiet"
            onClick={() => {
              setTerms(saved);
              setText(null);
              setProblem(null);
            }}
          >
            Discard changes
          </button>
        ) : null}
      </div>
    </form>
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

// The wizard of a new key: what kind, what it may, what limits it, and what it can cost at worst, before it exists.

import { useState } from "preact/hooks";
import { useLocation } from "preact-iso";
import { callApi } from "../../api/client.ts";
import type { Problem } from "../../api/problem.ts";
import { useResource } from "../../api/resource.ts";
import type { Key, PageOf, Plan, Team } from "../../api/types.ts";
import { CodeBlock } from "../../parts/copy.tsx";
import { Field } from "../../parts/field.tsx";
import { Icon, type IconName } from "../../parts/icon.tsx";
import { ProblemNote } from "../../parts/states.tsx";
import { Page } from "../../shell/page.tsx";
import { queryText } from "../../shell/query.ts";
import {
  type Draft,
  emptyDraft,
  KINDS,
  type Kind,
  keyBodyOf,
  missingIn,
  NEW_PLAN,
  newPlanBody,
  planOf,
} from "./draft.ts";
import { LimitsStep } from "./limits-step.tsx";
import { SecretField } from "./secret.tsx";
import { pageSnippet, serverSnippet } from "./snippet.ts";
import { worstCaseOf } from "./worst-case.ts";
import { WorstCaseNote } from "./worst-case-note.tsx";

type NewSecret = Key & { secret: string };

const KIND_LOOKS: Record<Kind, { icon: IconName; title: string; text: string }> = {
  server: { icon: "server", title: "Server", text: "For a backend or a script. It may name the user it acts for." },
  member: {
    icon: "user",
    title: "Member",
    text: "For one person: every call acts for them, and they see their own requests.",
  },
  page: {
    icon: "monitor",
    title: "Web page",
    text: "May stand in public. Only pages of its origins use it, each visitor within limits.",
  },
  admin: { icon: "shield", title: "Team admin", text: "Everything, keys and plans too. For people, not for code." },
};

export default function CreateKey() {
  const { query, path, route } = useLocation();
  const asked = KINDS.find((kind) => kind === query.kind);
  const [draft, setDraft] = useState<Draft>(() => emptyDraft(asked ?? "server"));
  const [made, setMade] = useState<NewSecret | null>(null);
  const [isCopied, setCopied] = useState(false);
  const plans = useResource<PageOf<Plan>>("/v1/plans");
  const team = useResource<Team>("/v1/team");
  if (made !== null) return <Done made={made} isCopied={isCopied} onCopied={() => setCopied(true)} />;
  const choose = (kind: Kind) => {
    setDraft({ ...emptyDraft(kind), name: draft.name });
    route(path + queryText({ kind }), true);
  };
  return (
    <Page back={{ href: "/console/keys", label: "Keys" }} title="Create a key">
      <Form
        draft={draft}
        change={(changes) => setDraft({ ...draft, ...changes })}
        choose={choose}
        plans={plans.data?.data ?? []}
        teamPlan={team.data?.plan ?? ""}
        onMade={setMade}
      />
    </Page>
  );
}

interface FormProps {
  draft: Draft;
  change: (changes: Partial<Draft>) => void;
  choose: (kind: Kind) => void;
  plans: readonly Plan[];
  teamPlan: string;
  onMade: (key: NewSecret) => void;
}

function Form({ draft, change, choose, plans, teamPlan, onMade }: FormProps) {
  const [isTried, setTried] = useState(false);
  const [isRunning, setRunning] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const missing = missingIn(draft);
  const faults = isTried ? missing : {};
  const plan = planOf(draft, plans, teamPlan);
  const worst = plan === null ? null : worstCaseOf(plan, draft.kind);
  const create = async (event: Event) => {
    event.preventDefault();
    setTried(true);
    if (Object.keys(missing).length > 0) {
      requestAnimationFrame(() => document.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus());
      return;
    }
    setRunning(true);
    const answer = await createKey(draft);
    setRunning(false);
    if (answer.ok) onMade(answer.data);
    else setProblem(answer.problem);
  };
  return (
    <form class="wizard" onSubmit={create} noValidate>
      <fieldset class="step">
        <legend>Kind</legend>
        <div class="choices">
          {KINDS.map((kind) => (
            <label key={kind} class="choice">
              <input type="radio" name="kind" checked={draft.kind === kind} onChange={() => choose(kind)} />
              <Icon name={KIND_LOOKS[kind].icon} />
              <span>
                <b>{KIND_LOOKS[kind].title}</b>
                <span class="soft">{KIND_LOOKS[kind].text}</span>
              </span>
            </label>
          ))}
        </div>
      </fieldset>
      <fieldset class="step">
        <legend>May do</legend>
        <MayStep draft={draft} change={change} faults={faults} />
      </fieldset>
      <fieldset class="step">
        <legend>Limits</legend>
        <LimitsStep draft={draft} change={change} faults={faults} plans={plans} teamPlan={teamPlan} />
      </fieldset>
      {worst === null ? null : <WorstCaseNote worst={worst} isPage={draft.kind === "page"} />}
      {problem === null ? null : <ProblemNote problem={problem} />}
      <div class="actions">
        <button type="submit" class="button primary large" disabled={isRunning}>
          {isRunning ? "Creating…" : "Create the key"}
        </button>
        <a class="button large quiet" href="/console/keys">
          Cancel
        </a>
      </div>
    </form>
  );
}

/** Creates the plan of a page first: a key whose plan is missing would be refused. A plan of that name is never replaced. */
async function createKey(draft: Draft) {
  if (draft.plan === NEW_PLAN) {
    const made = await callApi<Plan>("POST", "/v1/plans", { body: newPlanBody(draft) });
    if (!made.ok) return made;
  }
  return callApi<NewSecret>("POST", "/v1/keys", { body: keyBodyOf(draft) });
}

type Faults = Partial<Record<keyof Draft, string>>;

function MayStep({
  draft,
  change,
  faults,
}: {
  draft: Draft;
  change: (changes: Partial<Draft>) => void;
  faults: Faults;
}) {
  return (
    <div class="fields">
      <Field label="Name" fault={faults.name} hint="What calls with it, as web-app or nightly-cron.">
        <input value={draft.name} maxLength={100} onInput={(event) => change({ name: event.currentTarget.value })} />
      </Field>
      {draft.kind === "member" ? (
        <Field label="User" fault={faults.user} hint="Your own id of the person. Limits per user count for it.">
          <input value={draft.user} onInput={(event) => change({ user: event.currentTarget.value })} />
        </Field>
      ) : null}
      {draft.kind === "page" ? (
        <Field label="Page origins" fault={faults.origins} hint="One a line, exactly as browsers send them.">
          <textarea
            rows={2}
            placeholder="https://demo.example"
            value={draft.origins}
            onInput={(event) => change({ origins: event.currentTarget.value })}
          />
        </Field>
      ) : null}
      {draft.kind === "server" || draft.kind === "member" ? (
        <fieldset class="field">
          <legend>Scopes</legend>
          <label class="check">
            <input
              type="checkbox"
              checked={draft.mayRun}
              onChange={(event) => change({ mayRun: event.currentTarget.checked })}
            />
            <span>
              run <span class="soft">submits, and reads and cancels what it made</span>
            </span>
          </label>
          <label class="check">
            <input
              type="checkbox"
              checked={draft.mayRead}
              onChange={(event) => change({ mayRead: event.currentTarget.checked })}
            />
            <span>
              read <span class="soft">sees all requests, usage and files</span>
            </span>
          </label>
          <label class="check">
            <input
              type="checkbox"
              checked={draft.mayMint}
              onChange={(event) => change({ mayMint: event.currentTarget.checked })}
            />
            <span>
              mint <span class="soft">creates client tokens, which may no more than the key</span>
            </span>
          </label>
          {faults.mayRun === undefined ? null : <p class="field-fault">{faults.mayRun}</p>}
        </fieldset>
      ) : null}
      {draft.mayMint && (draft.kind === "server" || draft.kind === "member") ? (
        <Field label="Plans for tokens" hint="One a line: plans that its tokens may have, beside the key's own.">
          <textarea
            rows={2}
            placeholder="free"
            value={draft.plans}
            onInput={(event) => change({ plans: event.currentTarget.value })}
          />
        </Field>
      ) : null}
      <Field label="Models" hint="One a line; * stands for anything. Empty: those of the plan.">
        <textarea
          rows={2}
          placeholder="fal-ai/flux/*"
          value={draft.models}
          onInput={(event) => change({ models: event.currentTarget.value })}
        />
      </Field>
      <Field label="Expires" hint="At the end of that day, UTC. Empty: never.">
        <input
          type="date"
          value={draft.expiresOn}
          onInput={(event) => change({ expiresOn: event.currentTarget.value })}
        />
      </Field>
    </div>
  );
}

function Done({ made, isCopied, onCopied }: { made: NewSecret; isCopied: boolean; onCopied: () => void }) {
  const [isAsking, setAsking] = useState(false);
  const { route } = useLocation();
  const isPage = made.kind === "publishable";
  return (
    <Page
      title={`${made.name} is created`}
      lead={
        isPage
          ? "This key may stand in public; it is also in the list."
          : "The secret is shown this once and stored as a digest alone."
      }
    >
      <div class="wizard">
        {isPage ? (
          <CodeBlock text={made.secret} what="key" />
        ) : (
          <SecretField secret={made.secret} onCopied={onCopied} />
        )}
        <div class="stack tight">
          <h2>{isPage ? "On a page of its origins" : "First request"}</h2>
          <CodeBlock text={isPage ? pageSnippet(location.origin, made.secret) : serverSnippet(location.origin)} />
        </div>
        {isAsking && !isCopied ? (
          <p class="field-fault" role="alert">
            Not copied. Leaving now loses the secret; rotate the key to get another.
          </p>
        ) : null}
        <div class="actions">
          <button
            type="button"
            class="button"
            onClick={() => (isPage || isCopied || isAsking ? route(`/console/keys/${made.id}`) : setAsking(true))}
          >
            {isAsking && !isCopied ? "Leave without copying" : "Show the key"}
          </button>
        </div>
      </div>
    </Page>
  );
}

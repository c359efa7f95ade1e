// Whose JWTs the team takes, and why one token is taken or refused.

import { useState } from "preact/hooks";
import { callApi } from "../../api/client.ts";
import type { Problem } from "../../api/problem.ts";
import { useResource } from "../../api/resource.ts";
import type { Issuer, JwtTest, PageOf } from "../../api/types.ts";
import { Confirm } from "../../parts/confirm.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { Field } from "../../parts/field.tsx";
import { plural } from "../../parts/format.ts";
import { Note } from "../../parts/note.tsx";
import { Empty, Loaded, ProblemNote } from "../../parts/states.tsx";
import { submitOnCtrlEnter } from "../../parts/submit.ts";
import { Time } from "../../parts/time.tsx";
import { announce } from "../../shell/announce.ts";

const PRESETS = ["clerk", "supabase", "auth0", "firebase"] as const;

export function IssuersTab() {
  const issuers = useResource<PageOf<Issuer>>("/v1/issuers");
  const [isAdding, setAdding] = useState(false);
  const [removing, setRemoving] = useState<string | null>(null);
  const add = (
    <button type="button" class="button" onClick={() => setAdding(true)}>
      Add an issuer
    </button>
  );
  return (
    <div class="stack">
      <section class="card table-card" aria-labelledby="issuers">
        <header>
          <h2 id="issuers">Issuers</h2>
          {add}
        </header>
        <Loaded resource={issuers} rows={2}>
          {({ data }) =>
            data.length === 0 ? (
              <Empty icon="shield" title="No issuers yet">
                With your sign-in service as an issuer, your users call with their own tokens: each is one user, without
                keys.
              </Empty>
            ) : (
              <table class="cards">
                <thead>
                  <tr>
                    <th scope="col">Name</th>
                    <th scope="col">Issuer</th>
                    <th scope="col">Keys</th>
                    <th scope="col" class="end">
                      Fetched
                    </th>
                    <th scope="col">
                      <span class="hidden-text">Actions</span>
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {data.map((issuer) => (
                    <tr key={issuer.name}>
                      <td class="fit strong">{issuer.name}</td>
                      <td class="cut wide mono">{issuer.issuer}</td>
                      <td class="fit soft">
                        {issuer.key_ids.length === 0 ? "none" : plural(issuer.key_ids.length, "key")}
                      </td>
                      <td class="end soft">
                        {issuer.keys_fetched_at === null ? "not yet" : <Time at={issuer.keys_fetched_at} relative />}
                      </td>
                      <td class="fit end">
                        <button type="button" class="button quiet" onClick={() => setRemoving(issuer.name)}>
                          Remove
                        </button>
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            )
          }
        </Loaded>
      </section>
      <TokenTester />
      {isAdding ? (
        <AddIssuer
          onClose={() => setAdding(false)}
          onDone={() => {
            setAdding(false);
            void issuers.reload();
          }}
        />
      ) : null}
      {removing === null ? null : (
        <Confirm<null>
          title={`Remove ${removing}`}
          verb="Remove"
          isDanger
          run={() => callApi<null>("DELETE", `/v1/issuers/${removing}`)}
          onClose={() => setRemoving(null)}
          onDone={() => {
            setRemoving(null);
            announce("Removed");
            void issuers.reload();
          }}
        >
          <p>
            Its tokens are refused immediately on submits, and within ten seconds on reads. What its users made stays.
          </p>
        </Confirm>
      )}
    </div>
  );
}

function AddIssuer({ onClose, onDone }: { onClose: () => void; onDone: () => void }) {
  const [preset, setPreset] = useState<string>("supabase");
  const [name, setName] = useState("");
  const [issuer, setIssuer] = useState("");
  const [audience, setAudience] = useState("");
  const [jwksUrl, setJwksUrl] = useState("");
  const [planClaim, setPlanClaim] = useState("");
  const [problem, setProblem] = useState<Problem | null>(null);
  const hasAudience = preset === "supabase" || preset === "firebase";
  const submit = async (event: Event) => {
    event.preventDefault();
    const body = {
      issuer,
      ...(preset === "" ? {} : { preset }),
      ...(audience === "" ? {} : { audience: [audience] }),
      ...(jwksUrl === "" ? {} : { jwks_url: jwksUrl }),
      ...(planClaim === "" ? {} : { plan_claim: planClaim }),
    };
    const answer = await callApi<Issuer>("PUT", `/v1/issuers/${name === "" ? preset || "issuer" : name}`, { body });
    if (answer.ok) onDone();
    else setProblem(answer.problem);
  };
  return (
    <Dialog title="Add an issuer" onClose={onClose} wide>
      <form class="stack" onSubmit={submit} onKeyDown={submitOnCtrlEnter}>
        <div class="fields">
          <Field label="Service">
            <select value={preset} onChange={(event) => setPreset(event.currentTarget.value)}>
              {PRESETS.map((each) => (
                <option key={each} value={each}>
                  {each.charAt(0).toUpperCase() + each.slice(1)}
                </option>
              ))}
              <option value="">Another</option>
            </select>
          </Field>
          <Field label="Name" hint="Limits and usage show it.">
            <input
              placeholder={preset || "issuer"}
              value={name}
              onInput={(event) => setName(event.currentTarget.value)}
            />
          </Field>
        </div>
        <Field label="Issuer" hint="The claim iss of its tokens, exactly.">
          <input
            type="url"
            required
            placeholder="https://project.supabase.co/auth/v1"
            value={issuer}
            onInput={(event) => setIssuer(event.currentTarget.value)}
          />
        </Field>
        <div class="fields">
          <Field label="Audience" hint={hasAudience ? "Empty: the service's own." : "The claim aud of its tokens."}>
            <input
              required={!hasAudience}
              value={audience}
              onInput={(event) => setAudience(event.currentTarget.value)}
            />
          </Field>
          <Field label="Claim that names the plan" hint="Empty: the team's plan for all.">
            <input
              placeholder="app_metadata.plan"
              value={planClaim}
              onInput={(event) => setPlanClaim(event.currentTarget.value)}
            />
          </Field>
        </div>
        {preset === "" ? (
          <Field label="Address of its key set">
            <input
              type="url"
              required
              placeholder="https://…/.well-known/jwks.json"
              value={jwksUrl}
              onInput={(event) => setJwksUrl(event.currentTarget.value)}
            />
          </Field>
        ) : null}
        {problem === null ? null : <ProblemNote problem={problem} />}
        <footer>
          <button type="button" class="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="button primary">
            Add
          </button>
        </footer>
      </form>
    </Dialog>
  );
}

function TokenTester() {
  const [token, setToken] = useState("");
  const [answer, setAnswer] = useState<JwtTest | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const test = async (event: Event) => {
    event.preventDefault();
    const tested = await callApi<JwtTest>("POST", "/v1/team/jwt/test", { body: { token: token.trim() } });
    setProblem(tested.ok ? null : tested.problem);
    setAnswer(tested.ok ? tested.data : null);
  };
  return (
    <form class="card pad stack" onSubmit={test} onKeyDown={submitOnCtrlEnter}>
      <div class="text">
        <h2>Test a token</h2>
        <p class="soft">Says who it is, or why it is refused. It counts against no limit and is not kept.</p>
      </div>
      <Field label="Token">
        <textarea
          rows={3}
          spellcheck={false}
          autocomplete="off"
          value={token}
          onInput={(event) => setToken(event.currentTarget.value)}
        />
      </Field>
      <div class="actions">
        <button type="submit" class="button" disabled={token.trim() === ""}>
          Test
        </button>
      </div>
      {problem === null ? null : <ProblemNote problem={problem} />}
      {answer === null ? null : (
        <Note
          tone={answer.accepted ? "ok" : "bad"}
          icon={answer.accepted ? "circle-check" : "circle-x"}
          title={
            answer.accepted
              ? `User ${answer.user ?? ""}, plan ${answer.plan ?? ""}`
              : `Refused: ${(answer.reason ?? "").replaceAll("_", " ")}`
          }
        >
          {answer.explanation}
        </Note>
      )}
    </form>
  );
}

// Sign-in: a true login form, so that password managers keep the key. Checks kind and checksum before anything is sent.

import { useEffect, useState } from "preact/hooks";
import { useLocation } from "preact-iso";
import { callApi } from "../api/client.ts";
import type { Problem } from "../api/problem.ts";
import type { Upstream } from "../api/types.ts";
import { Dialog } from "../parts/dialog.tsx";
import { Mark } from "../parts/mark.tsx";
import { ProblemNote } from "../parts/states.tsx";
import {
  acceptKey,
  acceptOperator,
  dropOperator,
  hasKey,
  isKept,
  signOut,
  tryKey,
  tryOperatorToken,
} from "../session/credential.ts";
import { kindOfKey } from "../session/key-kind.ts";
import { loadMe, me } from "../session/me.ts";

type Fault = { kind: "why"; text: string } | { kind: "problem"; problem: Problem };

/** Signs in with a pasted text. Null when it did. */
async function signInWith(text: string, keep: boolean): Promise<Fault | null> {
  const pasted = await kindOfKey(text);
  if (pasted.kind === "unusable") return { kind: "why", text: pasted.why };
  if (pasted.is === "key") {
    tryKey(text);
    const problem = await loadMe();
    if (problem !== null) return { kind: "problem", problem };
    acceptKey(keep);
    return null;
  }
  tryOperatorToken(text);
  const answer = await callApi<Upstream>("GET", "/v1/admin/upstream");
  if (answer.ok) {
    acceptOperator();
    return null;
  }
  dropOperator();
  return { kind: "problem", problem: answer.problem };
}

export function SignIn({ hasKept }: { hasKept: boolean }) {
  const { path, url, route } = useLocation();
  const [isChecking, setChecking] = useState(hasKept && me.value === null);
  useEffect(() => {
    document.title = "Sign in · Sluice";
    if (isChecking) void loadMe().then(() => setChecking(false));
  }, []);
  const onDone = () => {
    // Whoever followed a link to a screen gets there.
    route(path === "/console/sign-in" ? "/console" : url, true);
  };
  if (isChecking) return <div class="sign-in" aria-busy="true" />;
  return (
    <main class="sign-in">
      <div class="sign-in-box">
        <Mark />
        <h1>Sign in to Sluice</h1>
        <p class="soft">With a secret key of your team, or with ADMIN_TOKEN as the operator.</p>
        <SignInForm onDone={onDone} />
        <p class="sign-in-foot">
          <a href="/docs">API reference</a>
          <span>
            No key? <code>npm start</code> prints one; on a deployment, an admin of your team makes it.
          </span>
        </p>
      </div>
    </main>
  );
}

/** Asks for a key over a screen whose key was refused: the screen and its forms stay. */
export function Reauthenticate({ problem }: { problem: Problem }) {
  return (
    <Dialog title="The key is refused" onClose={signOut} mustAnswer>
      <div class="stack">
        <ProblemNote problem={problem} />
        <p>Sign in again to go on where you are. What you typed is kept.</p>
        <SignInForm onDone={() => undefined} />
        <footer>
          <button type="button" class="button" onClick={signOut}>
            Sign out
          </button>
        </footer>
      </div>
    </Dialog>
  );
}

function SignInForm({ onDone }: { onDone: () => void }) {
  const [text, setText] = useState("");
  const [keep, setKeep] = useState(isKept());
  const [fault, setFault] = useState<Fault | null>(null);
  const [isRunning, setRunning] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    setRunning(true);
    const found = await signInWith(text.trim(), keep);
    setRunning(false);
    setFault(found);
    if (found === null) onDone();
  };
  return (
    <form class="stack" onSubmit={submit}>
      {/* Password managers keep the key under a name. */}
      <span class="hidden-text" aria-hidden="true">
        <input type="text" name="username" autocomplete="username" value="sluice" tabIndex={-1} readOnly />
      </span>
      <label class="field">
        <span>Key</span>
        <input
          type="password"
          name="password"
          autocomplete="current-password"
          required
          spellcheck={false}
          placeholder="sl_sk_…"
          value={text}
          aria-invalid={fault !== null}
          aria-describedby={fault?.kind === "why" ? "key-fault" : undefined}
          onInput={(event) => {
            setText(event.currentTarget.value);
            setFault(null);
          }}
        />
      </label>
      {fault?.kind === "why" ? (
        <p class="field-fault" id="key-fault" role="alert">
          {fault.text}
        </p>
      ) : null}
      {fault?.kind === "problem" ? <ProblemNote problem={fault.problem} /> : null}
      <label class="check">
        <input type="checkbox" checked={keep} onChange={(event) => setKeep(event.currentTarget.checked)} />
        <span>
          Keep in this tab
          <span class="soft"> until it is closed; otherwise a reload asks again</span>
        </span>
      </label>
      <button type="submit" class="button primary large" disabled={isRunning || text.trim() === ""}>
        {isRunning ? "Checking…" : hasKey.value && me.value !== null ? "Sign in again" : "Sign in"}
      </button>
    </form>
  );
}

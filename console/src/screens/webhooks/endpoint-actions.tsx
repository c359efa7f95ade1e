// What can be done with an endpoint: change, test, show or rotate its secret, disable, enable with its backlog, delete.

import { useState } from "preact/hooks";
import { useLocation } from "preact-iso";
import { callApi } from "../../api/client.ts";
import type { Problem } from "../../api/problem.ts";
import { useResource } from "../../api/resource.ts";
import type { Endpoint } from "../../api/types.ts";
import { Confirm } from "../../parts/confirm.tsx";
import { CodeBlock } from "../../parts/copy.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { Icon } from "../../parts/icon.tsx";
import { Menu } from "../../parts/menu.tsx";
import { Loaded, ProblemNote } from "../../parts/states.tsx";
import { Time } from "../../parts/time.tsx";
import { announce } from "../../shell/announce.ts";
import { EndpointForm } from "./endpoint-form.tsx";

interface Secret {
  secret: string;
  previous_valid_until: string | null;
}

type Open = "change" | "secret" | "disable" | "enable" | "delete" | null;

export function EndpointActions({
  endpoint,
  onChange,
  onDeleted,
}: {
  endpoint: Endpoint;
  onChange: (endpoint: Endpoint) => void;
  onDeleted: () => void;
}) {
  const { route } = useLocation();
  const [open, setOpen] = useState<Open>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const close = () => setOpen(null);
  const path = `/v1/webhooks/${endpoint.id}`;
  const done = (words: string) => (changed: Endpoint) => {
    close();
    announce(words);
    onChange(changed);
  };
  const test = async () => {
    const answer = await callApi<{ delivery_id: string }>("POST", `${path}/test`);
    if (answer.ok) route(`/console/deliveries/${answer.data.delivery_id}`);
    else setProblem(answer.problem);
  };
  return (
    <>
      <button type="button" class="button" onClick={test}>
        Send a test
      </button>
      <button type="button" class="button" onClick={() => setOpen("change")}>
        Change
      </button>
      <Menu label="More actions" className="icon-button bordered" button={<Icon name="ellipsis" />}>
        <button type="button" class="menu-item" onClick={() => setOpen("secret")}>
          <Icon name="key-round" />
          Signing secret…
        </button>
        <button
          type="button"
          class="menu-item"
          onClick={() => setOpen(endpoint.status === "enabled" ? "disable" : "enable")}
        >
          <Icon name={endpoint.status === "enabled" ? "circle-slash" : "play"} />
          {endpoint.status === "enabled" ? "Disable…" : "Enable…"}
        </button>
        <button type="button" class="menu-item danger" onClick={() => setOpen("delete")}>
          <Icon name="trash-2" />
          Delete…
        </button>
      </Menu>
      {problem === null ? null : (
        <Dialog title="The test was not sent" onClose={() => setProblem(null)}>
          <div class="stack">
            <ProblemNote problem={problem} />
          </div>
        </Dialog>
      )}
      {open === "change" ? <EndpointForm endpoint={endpoint} onClose={close} onDone={done("Saved")} /> : null}
      {open === "secret" ? <SecretDialog path={path} onClose={close} /> : null}
      {open === "disable" ? (
        <Confirm<Endpoint>
          title="Disable the endpoint"
          verb="Disable"
          run={() => callApi<Endpoint>("POST", `${path}/disable`)}
          onClose={close}
          onDone={done("Disabled")}
        >
          <p>Nothing is sent to it any more. Its events are collected until it is enabled.</p>
        </Confirm>
      ) : null}
      {open === "enable" ? <Enable path={path} onClose={close} onDone={done("Enabled")} /> : null}
      {open === "delete" ? (
        <Confirm<null>
          title="Delete the endpoint"
          verb="Delete"
          isDanger
          run={() => callApi<null>("DELETE", path)}
          onClose={close}
          onDone={() => {
            announce("Deleted");
            onDeleted();
          }}
        >
          <p>Deliveries that wait for it are not sent. The log of its deliveries stays for 30 days.</p>
        </Confirm>
      ) : null}
    </>
  );
}

function Enable({
  path,
  onClose,
  onDone,
}: {
  path: string;
  onClose: () => void;
  onDone: (endpoint: Endpoint) => void;
}) {
  const [backlog, setBacklog] = useState<"send" | "skip">("send");
  return (
    <Confirm<Endpoint>
      title="Enable the endpoint"
      verb="Enable"
      run={() => callApi<Endpoint>("POST", `${path}/enable`, { body: { backlog } })}
      onClose={onClose}
      onDone={onDone}
    >
      <label class="check">
        <input type="radio" name="backlog" checked={backlog === "send"} onChange={() => setBacklog("send")} />
        <span>
          Send what it missed <span class="soft">at ten a second, with the same ids</span>
        </span>
      </label>
      <label class="check">
        <input type="radio" name="backlog" checked={backlog === "skip"} onChange={() => setBacklog("skip")} />
        <span>
          Skip it <span class="soft">it stays in the log and can be replayed</span>
        </span>
      </label>
    </Confirm>
  );
}

function SecretDialog({ path, onClose }: { path: string; onClose: () => void }) {
  const secret = useResource<Secret>(`${path}/secret`);
  const [isRotating, setRotating] = useState(false);
  return (
    <Dialog title="Signing secret" onClose={onClose}>
      <div class="stack">
        <Loaded resource={secret} rows={1}>
          {(data) => (
            <div class="stack tight">
              <CodeBlock text={data.secret} what="secret" />
              {data.previous_valid_until === null ? null : (
                <p class="field-hint">
                  The previous secret signs too, until <Time at={data.previous_valid_until} />.
                </p>
              )}
            </div>
          )}
        </Loaded>
        <footer>
          <button type="button" class="button" onClick={() => setRotating(true)}>
            Rotate…
          </button>
        </footer>
        {isRotating ? (
          <Confirm<Secret>
            title="Rotate the signing secret"
            verb="Rotate"
            run={() => callApi<Secret>("POST", `${path}/rotate`, { body: {} })}
            onClose={() => setRotating(false)}
            onDone={(data) => {
              setRotating(false);
              secret.replace(data);
            }}
          >
            <p>Deliveries are signed with both secrets for 24 hours, so that the receiver can be changed in between.</p>
          </Confirm>
        ) : null}
      </div>
    </Dialog>
  );
}

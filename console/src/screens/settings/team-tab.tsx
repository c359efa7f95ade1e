// The team: what it is, and the switch that stops it.

import { useState } from "preact/hooks";
import { callApi } from "../../api/client.ts";
import { useResource } from "../../api/resource.ts";
import type { Team } from "../../api/types.ts";
import { Confirm } from "../../parts/confirm.tsx";
import { CodeBlock, Id } from "../../parts/copy.tsx";
import { Loaded } from "../../parts/states.tsx";
import { Badge } from "../../parts/status.tsx";
import { Time } from "../../parts/time.tsx";
import { announce } from "../../shell/announce.ts";

interface Secret {
  secret: string;
  previous_valid_until: string | null;
}

export function TeamTab() {
  const team = useResource<Team>("/v1/team");
  const [isAsking, setAsking] = useState(false);
  return (
    <Loaded resource={team} rows={3}>
      {(data) => (
        <div class="stack">
          <dl class="facts card pad">
            <div>
              <dt>Name</dt>
              <dd>{data.name}</dd>
            </div>
            <div>
              <dt>Team id</dt>
              <dd>
                <Id id={data.id} what="team id" />
              </dd>
            </div>
            <div>
              <dt>Plan</dt>
              <dd>
                <a href={`/console/plans/${data.plan}`}>{data.plan}</a>
              </dd>
            </div>
            <div>
              <dt>Created</dt>
              <dd>
                <Time at={data.created_at} />
              </dd>
            </div>
            <div>
              <dt>Connections to fal</dt>
              <dd>{data.manages_connections ? "managed by this team" : "managed by others"}</dd>
            </div>
            <div>
              <dt>State</dt>
              <dd>{data.frozen_at === null ? <Badge tone="ok">Active</Badge> : <Badge tone="wait">Frozen</Badge>}</dd>
            </div>
          </dl>
          <section class="card pad row-between">
            <div class="text">
              <h2>{data.frozen_at === null ? "Freeze the team" : "The team is frozen"}</h2>
              <p class="soft">
                {data.frozen_at === null
                  ? "Every submit is refused except those of admins, at once. Requests that run go on."
                  : "Only admins may submit. Unfreeze it to let keys and users call again."}
              </p>
            </div>
            <button
              type="button"
              class={data.frozen_at === null ? "button danger" : "button primary"}
              onClick={() => setAsking(true)}
            >
              {data.frozen_at === null ? "Freeze…" : "Unfreeze…"}
            </button>
          </section>
          <TeamSecret />
          {isAsking ? (
            <Confirm<Team>
              title={data.frozen_at === null ? "Freeze the team" : "Unfreeze the team"}
              verb={data.frozen_at === null ? "Freeze" : "Unfreeze"}
              isDanger={data.frozen_at === null}
              {...(data.frozen_at === null ? { typeIn: data.id } : {})}
              run={() => callApi<Team>("POST", data.frozen_at === null ? "/v1/team/freeze" : "/v1/team/resume")}
              onClose={() => setAsking(false)}
              onDone={(changed) => {
                setAsking(false);
                team.replace(changed);
                announce(changed.frozen_at === null ? "The team may call again" : "The team is frozen");
              }}
            >
              <p>
                {data.frozen_at === null
                  ? "Every key, token and user of the team is refused at the next submit. Files stay readable, running requests go on and are charged."
                  : "Keys, tokens and users may submit again."}
              </p>
            </Confirm>
          ) : null}
        </div>
      )}
    </Loaded>
  );
}

/** The secret of deliveries to a request's own webhook_url: read on demand. */
function TeamSecret() {
  const [isShown, setShown] = useState(false);
  const secret = useResource<Secret>(isShown ? "/v1/team/webhook_secret" : null);
  const [isRotating, setRotating] = useState(false);
  return (
    <section class="card pad stack">
      <div class="row-between">
        <div class="text">
          <h2>Signing secret of webhook_url</h2>
          <p class="soft">Verifies what arrives at a request's own address. Endpoints have secrets of their own.</p>
        </div>
        <div class="actions">
          {isShown ? (
            <button type="button" class="button" onClick={() => setRotating(true)}>
              Rotate…
            </button>
          ) : (
            <button type="button" class="button" onClick={() => setShown(true)}>
              Show
            </button>
          )}
        </div>
      </div>
      {isShown ? (
        <Loaded resource={secret} rows={1}>
          {(data) => <CodeBlock text={data.secret} what="secret" />}
        </Loaded>
      ) : null}
      {isRotating ? (
        <Confirm<Secret>
          title="Rotate the signing secret"
          verb="Rotate"
          run={() => callApi<Secret>("POST", "/v1/team/webhook_secret/rotate", { body: {} })}
          onClose={() => setRotating(false)}
          onDone={(data) => {
            setRotating(false);
            secret.replace(data);
          }}
        >
          <p>Deliveries are signed with both secrets for 24 hours, so that receivers can be changed in between.</p>
        </Confirm>
      ) : null}
    </section>
  );
}

// The connection to fal: read when this tab opens, never polled, because each read is a call to the gateway.

import { useState } from "preact/hooks";
import { callApi } from "../../api/client.ts";
import type { Problem } from "../../api/problem.ts";
import { useResource } from "../../api/resource.ts";
import type { Connection, PageOf, Team } from "../../api/types.ts";
import { Confirm } from "../../parts/confirm.tsx";
import { Id } from "../../parts/copy.tsx";
import { Empty, Loaded, ProblemNote } from "../../parts/states.tsx";
import { Badge, type Tone } from "../../parts/status.tsx";
import { Time } from "../../parts/time.tsx";
import { announce } from "../../shell/announce.ts";
import { gatewayPage } from "./gateway-page.ts";

const TONES: Record<string, Tone> = { ACTIVE: "ok", PENDING: "wait", FAILED: "bad" };

export function ConnectionsTab() {
  const connections = useResource<PageOf<Connection>>("/v1/connections");
  const team = useResource<Team>("/v1/team");
  const [problem, setProblem] = useState<Problem | null>(null);
  const [removing, setRemoving] = useState<Connection | null>(null);
  const manages = team.data?.manages_connections ?? false;
  const connect = async () => {
    const answer = await callApi<Connection>("POST", "/v1/connections", { body: {} });
    setProblem(answer.ok ? null : answer.problem);
    await connections.reload();
  };
  return (
    <div class="stack">
      <section class="card table-card" aria-labelledby="connections">
        <header>
          <h2 id="connections">Connections to fal at the gateway</h2>
          <span class="actions">
            <button type="button" class="button quiet" onClick={() => void connections.reload()}>
              Read again
            </button>
            {manages ? (
              <button type="button" class="button" onClick={connect}>
                Connect fal
              </button>
            ) : null}
          </span>
        </header>
        <Loaded resource={connections} rows={2}>
          {({ data }) =>
            data.length === 0 ? (
              <Empty icon="box" title="No connection">
                {manages
                  ? "Connect fal, then enter its key on the gateway's page."
                  : "The operator, or a team that manages connections, makes one."}
              </Empty>
            ) : (
              <table class="cards">
                <thead>
                  <tr>
                    <th scope="col">Connection</th>
                    <th scope="col">State</th>
                    <th scope="col">Use</th>
                    <th scope="col" class="end">
                      Changed
                    </th>
                    <th scope="col">
                      <span class="hidden-text">Actions</span>
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {data.map((connection) => (
                    <tr key={connection.id}>
                      <td>
                        <Id id={connection.id} what="connection id" />
                      </td>
                      <td class="fit">
                        <Badge tone={TONES[connection.status] ?? "off"}>
                          {connection.status.charAt(0) + connection.status.slice(1).toLowerCase()}
                        </Badge>
                      </td>
                      <td class="fit soft">{connection.in_use ? "in use" : ""}</td>
                      <td class="end soft">
                        {connection.updated_at === null ? "" : <Time at={connection.updated_at} relative />}
                      </td>
                      <td class="fit end">
                        <Finish connection={connection} />
                        {manages ? (
                          <button type="button" class="button quiet" onClick={() => setRemoving(connection)}>
                            Delete
                          </button>
                        ) : null}
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            )
          }
        </Loaded>
      </section>
      {problem === null ? null : <ProblemNote problem={problem} />}
      {removing === null ? null : (
        <Confirm<null>
          title="Delete the connection"
          verb="Delete"
          isDanger
          typeIn={removing.id.slice(0, 8)}
          run={() => callApi<null>("DELETE", `/v1/connections/${removing.id}`)}
          onClose={() => setRemoving(null)}
          onDone={() => {
            setRemoving(null);
            announce("Deleted");
            void connections.reload();
          }}
        >
          <p>
            {removing.in_use
              ? "It is in use: all teams of the deployment run on it. The next request takes another active connection, or waits for one."
              : "It is not in use. Nothing that runs is touched."}
          </p>
        </Confirm>
      )}
    </div>
  );
}

/** The gateway's page where the fal key is entered: a secret, so it is a link of this one moment and never kept. */
export function Finish({ connection }: { connection: Connection }) {
  const page = connection.status === "PENDING" ? gatewayPage(connection.url) : null;
  if (page === null) return null;
  return (
    <a class="button" href={page} target="_blank" rel="noopener noreferrer">
      Enter the fal key
    </a>
  );
}

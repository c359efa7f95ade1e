// The deployment's teams, as the operator sees them: which there are, and which are frozen.

import { useState } from "preact/hooks";
import { callApi } from "../../api/client.ts";
import type { Problem } from "../../api/problem.ts";
import { useResource } from "../../api/resource.ts";
import type { PageOf, TeamLine } from "../../api/types.ts";
import { Loaded, ProblemNote } from "../../parts/states.tsx";
import { Badge } from "../../parts/status.tsx";
import { Time } from "../../parts/time.tsx";

const PATH = "/v1/admin/teams?limit=100";

export function Teams() {
  const first = useResource<PageOf<TeamLine>>(PATH);
  const [older, setOlder] = useState<PageOf<TeamLine>[]>([]);
  const [problem, setProblem] = useState<Problem | null>(null);
  const more = async (cursor: string) => {
    const answer = await callApi<PageOf<TeamLine>>("GET", `${PATH}&cursor=${cursor}`);
    setProblem(answer.ok ? null : answer.problem);
    if (answer.ok) setOlder([...older, answer.data]);
  };
  return (
    <section class="card table-card" aria-labelledby="teams">
      <header>
        <h2 id="teams">Teams</h2>
      </header>
      <Loaded resource={first} rows={3}>
        {(page) => {
          const pages = [page, ...older];
          const cursor = pages.at(-1)?.next_cursor ?? null;
          const teams = pages.flatMap(({ data }) => data);
          if (teams.length === 0)
            return <p class="card-body soft">None yet. Create one, and hand its key to its admin.</p>;
          return (
            <>
              <table>
                <thead>
                  <tr>
                    <th scope="col">Id</th>
                    <th scope="col">Name</th>
                    <th scope="col">Created</th>
                    <th scope="col">State</th>
                  </tr>
                </thead>
                <tbody>
                  {teams.map(({ id, name, created_at, frozen_at }) => (
                    <tr key={id}>
                      <td class="mono">{id}</td>
                      <td>{name}</td>
                      <td class="fit soft">
                        <Time at={created_at} />
                      </td>
                      <td class="fit">
                        {frozen_at === null ? (
                          <Badge tone="ok" icon="circle-check">
                            Active
                          </Badge>
                        ) : (
                          <Badge tone="wait" icon="snowflake">
                            Frozen
                          </Badge>
                        )}
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
              {problem === null ? null : <ProblemNote problem={problem} />}
              {cursor === null ? null : (
                <p class="card-body">
                  <button type="button" class="button" onClick={() => void more(cursor)}>
                    More teams
                  </button>
                </p>
              )}
            </>
          );
        }}
      </Loaded>
    </section>
  );
}

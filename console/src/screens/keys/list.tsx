// Keys: who may call, with what. Those that work stand first; what no longer works is folded away.

import { useResource } from "../../api/resource.ts";
import type { Key, PageOf } from "../../api/types.ts";
import { now } from "../../parts/clock.ts";
import { Empty, Loaded } from "../../parts/states.tsx";
import { Time } from "../../parts/time.tsx";
import { Page } from "../../shell/page.tsx";
import { KeyStateBadge, kindWord, stateOf } from "./key-state.tsx";

export default function Keys() {
  const keys = useResource<PageOf<Key>>("/v1/keys");
  return (
    <Page
      title="Keys"
      lead="A key says who calls, what it may do, and which plan limits it."
      actions={
        <a class="button primary" href="/console/keys/new">
          Create a key
        </a>
      }
    >
      <Loaded resource={keys}>
        {({ data }) => {
          const isWorking = (key: Key) => ["active", "frozen"].includes(stateOf(key, now.value));
          const working = data.filter(isWorking);
          const over = data.filter((key) => !isWorking(key));
          return (
            <div class="stack">
              <section class="card table-card" aria-label="Keys that work">
                {working.length === 0 ? (
                  <Empty icon="key-round" title="No key works">
                    Create one to let a server, a member or a web page call.
                  </Empty>
                ) : (
                  <KeyTable keys={working} />
                )}
              </section>
              {over.length === 0 ? null : (
                <details class="fold">
                  <summary>Revoked and expired ({over.length})</summary>
                  <section class="card table-card" aria-label="Keys that no longer work">
                    <KeyTable keys={over} />
                  </section>
                </details>
              )}
            </div>
          );
        }}
      </Loaded>
    </Page>
  );
}

function KeyTable({ keys }: { keys: readonly Key[] }) {
  return (
    <table class="cards">
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col">State</th>
          <th scope="col">Kind</th>
          <th scope="col">May</th>
          <th scope="col">Plan</th>
          <th scope="col" class="end">
            Expires
          </th>
          <th scope="col" class="end">
            Last used
          </th>
        </tr>
      </thead>
      <tbody>
        {keys.map((key) => (
          <tr key={key.id} class="linked">
            <td class="cut wide">
              <a data-row-link href={`/console/keys/${key.id}`}>
                {key.name}
              </a>
              <code class="faint key-prefix">
                {key.kind === "secret" ? `${key.prefix}…` : `${key.prefix.slice(0, 18)}…`}
              </code>
            </td>
            <td class="fit">
              <KeyStateBadge state={stateOf(key, now.value)} />
            </td>
            <td class="fit">{key.user === null ? kindWord(key) : `${kindWord(key)} ${key.user}`}</td>
            <td class="fit soft">
              {key.kind === "publishable"
                ? (key.origins ?? []).map((origin) => URL.parse(origin)?.host ?? origin).join(", ")
                : key.scopes.join(", ")}
            </td>
            <td class="fit soft">{key.plan ?? "the team's"}</td>
            <td class="end soft" data-label={key.expires_at === null ? undefined : "expires"}>
              {key.expires_at === null ? "" : <Time at={key.expires_at} relative />}
            </td>
            <td class="end soft" data-label="used">
              {key.last_used_at === null ? "never" : <Time at={key.last_used_at} relative />}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

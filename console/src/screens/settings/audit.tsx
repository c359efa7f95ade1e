// Audit: who changed what, newest first. Secrets and inputs are never in it.

import { useLocation } from "preact-iso";
import { useResource } from "../../api/resource.ts";
import type { AuditEntry, PageOf } from "../../api/types.ts";
import { plural } from "../../parts/format.ts";
import { Empty, Loaded } from "../../parts/states.tsx";
import { Time } from "../../parts/time.tsx";
import { useQuery } from "../../shell/navigation.ts";
import { Page } from "../../shell/page.tsx";
import { queryText } from "../../shell/query.ts";
import { useKeyNames } from "../requests/key-names.ts";

const PAGE_ROWS = 50;

export default function Audit() {
  const { path } = useLocation();
  const [{ cursor }] = useQuery(["cursor"] as const);
  const entries = useResource<PageOf<AuditEntry>>(`/v1/audit${queryText({ cursor, limit: String(PAGE_ROWS) })}`);
  return (
    <Page title="Audit" lead="Every change to the team: keys, plans, prices, webhooks, settings.">
      <section class="card table-card" aria-label="Changes">
        <Loaded resource={entries}>
          {({ data, next_cursor: next }) =>
            data.length === 0 ? (
              <Empty icon="scroll-text" title="Nothing was changed yet">
                Changes by keys and by the operator appear here.
              </Empty>
            ) : (
              <>
                <Entries entries={data} />
                <div class="table-foot">
                  <span>{plural(data.length, "change")} shown</span>
                  <span class="actions">
                    {cursor === undefined ? null : (
                      <a class="button quiet" href={path}>
                        Newest
                      </a>
                    )}
                    {next === null ? null : (
                      <a class="button" href={path + queryText({ cursor: next })}>
                        Older
                      </a>
                    )}
                  </span>
                </div>
              </>
            )
          }
        </Loaded>
      </section>
    </Page>
  );
}

function Entries({ entries }: { entries: readonly AuditEntry[] }) {
  const keyNames = useKeyNames();
  return (
    <table class="cards">
      <thead>
        <tr>
          <th scope="col">When</th>
          <th scope="col">Who</th>
          <th scope="col">What</th>
          <th scope="col">Of</th>
          <th scope="col">Detail</th>
        </tr>
      </thead>
      <tbody>
        {entries.map((entry, n) => (
          <tr key={`${entry.at}-${n}`}>
            <td class="fit soft">
              <Time at={entry.at} />
            </td>
            <td class="fit" title={entry.ip === null ? undefined : `from ${entry.ip}`}>
              {keyNames.get(entry.actor) ?? entry.actor}
            </td>
            <td class="fit">{entry.action.replace(".", " ").replaceAll("_", " ")}</td>
            <td class="fit">
              <Target entry={entry} name={keyNames.get(entry.target ?? "")} />
            </td>
            <td class="detail-cell">
              {Object.entries(entry.detail).map(([name, value]) =>
                value === null || value === "" ? null : (
                  <span key={name} class="detail">
                    <span class="faint">{name.replaceAll("_", " ")}</span>{" "}
                    {typeof value === "object" ? JSON.stringify(value) : String(value)}
                  </span>
                ),
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** What was changed, as a link to its screen. */
function Target({ entry: { action, target }, name }: { entry: AuditEntry; name: string | undefined }) {
  if (target === null) return null;
  const screen = action.startsWith("key.")
    ? "keys"
    : action.startsWith("plan.")
      ? "plans"
      : action.startsWith("webhook") || action.startsWith("endpoint")
        ? "webhooks"
        : null;
  if (screen === null) return <code>{target}</code>;
  return <a href={`/console/${screen}/${target}`}>{name ?? target}</a>;
}

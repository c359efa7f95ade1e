// Audit: who changed what, newest first, with the values before and after. Secrets and inputs are never in it.

import { useLocation } from "preact-iso";
import { useResource } from "../../api/resource.ts";
import type { AuditChange, AuditEntry, PageOf } from "../../api/types.ts";
import { Differences } from "../../parts/differences.tsx";
import { plural } from "../../parts/format.ts";
import { Icon } from "../../parts/icon.tsx";
import { Empty, Loaded } from "../../parts/states.tsx";
import { Time } from "../../parts/time.tsx";
import { useQuery } from "../../shell/navigation.ts";
import { Page } from "../../shell/page.tsx";
import { queryText } from "../../shell/query.ts";
import { useKeyNames } from "../requests/key-names.ts";

const PAGE_ROWS = 50;

export default function Audit() {
  const { path } = useLocation();
  const [{ cursor, target }, change] = useQuery(["cursor", "target"] as const);
  const keyNames = useKeyNames();
  const entries = useResource<PageOf<AuditEntry>>(
    `/v1/audit${queryText({ cursor, target, limit: String(PAGE_ROWS) })}`,
  );
  const filter = (event: Event & { currentTarget: HTMLFormElement }) => {
    event.preventDefault();
    const field = event.currentTarget.elements.namedItem("target");
    const wanted = field instanceof HTMLInputElement ? field.value.trim() : "";
    event.currentTarget.reset();
    if (wanted !== "") change({ target: wanted, cursor: null });
  };
  return (
    <Page title="Audit" lead="Every change to the team: keys, plans, prices, webhooks, settings.">
      <div class="filters">
        <form class="grow filter-field" onSubmit={filter}>
          <label>
            <span class="hidden-text">Filter by what was changed</span>
            <Icon name="search" size={14} />
            <input
              data-filter
              name="target"
              type="text"
              spellcheck={false}
              autocomplete="off"
              placeholder="name of a plan, id of a key, endpoint or user"
            />
          </label>
        </form>
        {target === undefined ? null : (
          <span class="chip">
            of&nbsp;<b>{keyNames.get(target) ?? target}</b>
            <button
              type="button"
              class="icon-button"
              aria-label="Remove the filter"
              onClick={() => change({ target: null, cursor: null })}
            >
              <Icon name="x" size={14} />
            </button>
          </span>
        )}
      </div>
      <section class="card table-card" aria-label="Changes">
        <Loaded resource={entries}>
          {({ data, next_cursor: next }) =>
            data.length === 0 ? (
              <NoEntries target={target} />
            ) : (
              <>
                <Entries entries={data} keyNames={keyNames} />
                <div class="table-foot">
                  <span>{plural(data.length, "change")} shown</span>
                  <span class="actions">
                    {cursor === undefined ? null : (
                      <a class="button quiet" href={path + queryText({ target })}>
                        Newest
                      </a>
                    )}
                    {next === null ? null : (
                      <a class="button" href={path + queryText({ target, cursor: next })}>
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

function NoEntries({ target }: { target: string | undefined }) {
  if (target === undefined) {
    return (
      <Empty icon="scroll-text" title="Nothing was changed yet">
        Changes by keys and by the operator appear here.
      </Empty>
    );
  }
  return (
    <Empty
      icon="search"
      title="No change matches"
      action={
        <a class="button" href="/console/audit">
          Clear the filter
        </a>
      }
    >
      Names and ids match exactly: a plan by its name, a key by its id.
    </Empty>
  );
}

function Entries({ entries, keyNames }: { entries: readonly AuditEntry[]; keyNames: ReadonlyMap<string, string> }) {
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
              <Detail entry={entry} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Detail({ entry }: { entry: AuditEntry }) {
  const { changes, ...rest } = entry.detail;
  const list = isChanges(changes) ? changes : [];
  return (
    <>
      {Object.entries(rest).map(([name, value]) =>
        value === null || value === "" ? null : (
          <span key={name} class="detail">
            <span class="faint">{name.replaceAll("_", " ")}</span>{" "}
            {typeof value === "object" ? JSON.stringify(value) : String(value)}
          </span>
        ),
      )}
      {list.length === 0 ? null : (
        <details class="fold">
          <summary>{list.length === 1 ? list[0]?.field : `${plural(list.length, "field")} changed`}</summary>
          <Differences changes={list} of={`${entry.action} ${entry.target ?? ""}`} />
        </details>
      )}
    </>
  );
}

function isChanges(value: unknown): value is AuditChange[] {
  return Array.isArray(value) && value.every((each) => typeof each === "object" && each !== null && "field" in each);
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

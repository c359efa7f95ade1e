// The limits of a plan as rows: how much, of what, for whom, in which time.

import { Icon } from "../../parts/icon.tsx";
import { Empty } from "../../parts/states.tsx";
import type { PlanLimit } from "./presets.ts";
import { COUNT_WORDS, isCounted, limitWords, PER_WORDS, SCOPE_WORDS, WINDOWS } from "./words.ts";

const SCOPES = Object.keys(SCOPE_WORDS) as (keyof typeof SCOPE_WORDS)[];
const PERS = Object.keys(PER_WORDS) as PlanLimit["per"][];
const COUNTS = Object.keys(COUNT_WORDS) as (keyof typeof COUNT_WORDS)[];
const TAG = "tag:";

export function LimitRows({ limits, change }: { limits: readonly PlanLimit[]; change: (limits: PlanLimit[]) => void }) {
  const add = () => {
    const taken = new Set(limits.map(({ name }) => name));
    let number = limits.length + 1;
    while (taken.has(`limit-${number}`)) number += 1;
    change([...limits, { name: `limit-${number}`, scope: "user", per: "request", limit: 10, window: "day" }]);
  };
  const put = (n: number, limit: PlanLimit) => change(limits.map((each, at) => (at === n ? limit : each)));
  return (
    <div class="stack">
      {limits.length === 0 ? (
        <Empty icon="gauge" title="No limits">
          Whoever has this plan may run as much as upstream takes.
        </Empty>
      ) : (
        <ul class="limit-rows">
          {limits.map((limit, n) => (
            <li key={n} class="card limit-row">
              <LimitRow limit={limit} put={(changed) => put(n, changed)} />
              <button
                type="button"
                class="icon-button"
                aria-label={`Remove ${limit.name}`}
                onClick={() => change(limits.filter((_, at) => at !== n))}
              >
                <Icon name="trash-2" />
              </button>
              <p class="field-hint limit-words">{limitWords(limit)}</p>
            </li>
          ))}
        </ul>
      )}
      <div class="actions">
        <button type="button" class="button" onClick={add}>
          <Icon name="plus" size={14} />
          Add a limit
        </button>
      </div>
    </div>
  );
}

function LimitRow({ limit, put }: { limit: PlanLimit; put: (limit: PlanLimit) => void }) {
  const isTag = limit.scope.startsWith(TAG);
  return (
    <>
      <label class="field">
        <span>Name</span>
        <input value={limit.name} onInput={(event) => put({ ...limit, name: event.currentTarget.value })} />
      </label>
      <label class="field">
        <span>At most</span>
        <input
          inputMode="decimal"
          value={String(limit.limit)}
          onInput={(event) => put(withAmount(limit, event.currentTarget.value))}
        />
      </label>
      <label class="field">
        <span>Of</span>
        <select
          value={limit.per}
          onChange={(event) => put(withPer(limit, event.currentTarget.value as PlanLimit["per"]))}
        >
          {PERS.map((per) => (
            <option key={per} value={per}>
              {PER_WORDS[per]}
            </option>
          ))}
        </select>
      </label>
      <label class="field">
        <span>For each</span>
        <select
          value={isTag ? TAG : limit.scope}
          onChange={(event) =>
            put({
              ...limit,
              scope: (event.currentTarget.value === TAG
                ? "tag:client"
                : event.currentTarget.value) as PlanLimit["scope"],
            })
          }
        >
          {SCOPES.map((scope) => (
            <option key={scope} value={scope}>
              {SCOPE_WORDS[scope]}
            </option>
          ))}
          <option value={TAG}>value of a tag</option>
        </select>
      </label>
      {isTag ? (
        <label class="field">
          <span>Tag</span>
          <input
            value={limit.scope.slice(TAG.length)}
            onInput={(event) => put({ ...limit, scope: `${TAG}${event.currentTarget.value}` })}
          />
        </label>
      ) : null}
      {limit.window === undefined ? null : (
        <label class="field">
          <span>In a</span>
          <select
            value={limit.window}
            onChange={(event) => put({ ...limit, window: event.currentTarget.value } as PlanLimit)}
          >
            {WINDOWS.map((window) => (
              <option key={window} value={window}>
                {window}
              </option>
            ))}
          </select>
        </label>
      )}
      {isCounted(limit.per) ? (
        <label class="field">
          <span>Counting</span>
          <select value={countOf(limit) ?? ""} onChange={(event) => put(withCount(limit, event.currentTarget.value))}>
            <option value="">by who calls</option>
            {COUNTS.map((count) => (
              <option key={count} value={count}>
                {COUNT_WORDS[count]}
              </option>
            ))}
          </select>
        </label>
      ) : null}
    </>
  );
}

function countOf(limit: PlanLimit): string | undefined {
  return "count" in limit ? limit.count : undefined;
}

function withCount(limit: PlanLimit, count: string): PlanLimit {
  const { count: _before, ...rest } = { count: undefined, ...limit };
  return (count === "" ? rest : { ...rest, count }) as PlanLimit;
}

/** USD are text as typed; whole numbers are numbers; what is neither goes to the API as typed, which names the fault. */
function withAmount(limit: PlanLimit, text: string): PlanLimit {
  const amount = limit.per === "usd" || !/^\d+$/.test(text) ? text : Number(text);
  return { ...limit, limit: amount } as PlanLimit;
}

function withPer(limit: PlanLimit, per: PlanLimit["per"]): PlanLimit {
  const { window = "day", ...rest } = isCounted(per) ? limit : withCount(limit, "");
  const amount = per === "usd" ? String(limit.limit) : Number(limit.limit);
  return { ...rest, per, limit: amount, ...(per === "concurrent" ? {} : { window }) } as PlanLimit;
}

// The filters above the list: status, time, and a field that reads models, users, tags and ids.

import { useState } from "preact/hooks";
import { useLocation } from "preact-iso";
import { now } from "../../parts/clock.ts";
import { timeText } from "../../parts/format.ts";
import { Icon } from "../../parts/icon.tsx";
import { Segments } from "../../parts/segments.tsx";
import { announce } from "../../shell/announce.ts";
import { CHIP_NAMES, CHIP_WORDS, type FilterName, type Filters, readTyped, STATUSES } from "./filters.ts";

type Change = (changes: Partial<Record<FilterName, string | null>>) => void;

const HOUR_MS = 3_600_000;
const SPANS = [
  ["Last hour", HOUR_MS],
  ["Last 24 hours", 24 * HOUR_MS],
  ["Last 7 days", 7 * 24 * HOUR_MS],
  ["Last 30 days", 30 * 24 * HOUR_MS],
] as const;

export function FilterBar({ filters, change }: { filters: Filters; change: Change }) {
  const { route } = useLocation();
  const [text, setText] = useState("");
  const submit = (event: Event) => {
    event.preventDefault();
    const typed = readTyped(text);
    setText("");
    if (typed.kind === "open") route(`/console/requests/${typed.id}`);
    if (typed.kind === "filter") {
      change({ [typed.name]: typed.value, cursor: null });
      announce(`Filtered by ${typed.name} ${typed.value}`);
    }
  };
  const chips = CHIP_NAMES.filter((name) => filters[name] !== undefined);
  return (
    <div class="stack tight">
      <div class="filters">
        <Segments
          label="Status"
          chosen={filters.status ?? null}
          onChoose={(status) => change({ status, cursor: null })}
          choices={[null, ...STATUSES].map((value) => ({ value, face: value === null ? "All" : capital(value) }))}
        />
        <form class="grow filter-field" onSubmit={submit}>
          <label>
            <span class="hidden-text">Filter by model, user, key, tag, error or cost, or open an id</span>
            <Icon name="search" size={14} />
            <input
              data-filter
              type="text"
              spellcheck={false}
              autocomplete="off"
              placeholder="model, user:ada, tag:client=acme, cost>=0.5, or an id"
              value={text}
              onInput={(event) => setText(event.currentTarget.value)}
            />
          </label>
        </form>
        <button
          type="button"
          class="button"
          aria-pressed={filters.attention === "1"}
          onClick={() => change({ attention: filters.attention === "1" ? null : "1", cursor: null })}
        >
          Needs attention
        </button>
        <label>
          <span class="hidden-text">Time</span>
          <select
            value=""
            onChange={(event) => {
              const ms = Number(event.currentTarget.value);
              event.currentTarget.value = "";
              change({ from: new Date(Date.now() - ms).toISOString(), to: null, cursor: null });
            }}
          >
            <option value="" disabled hidden>
              Time
            </option>
            {SPANS.map(([word, ms]) => (
              <option key={ms} value={ms}>
                {word}
              </option>
            ))}
          </select>
        </label>
      </div>
      {chips.length === 0 ? null : (
        <div class="filters">
          {chips.map((name) => (
            <span key={name} class="chip">
              {CHIP_WORDS[name]}&nbsp;<b>{shownValue(name, filters[name] ?? "")}</b>
              <button
                type="button"
                class="icon-button"
                aria-label={`Remove filter ${CHIP_WORDS[name]}`}
                onClick={() => change({ [name]: null, cursor: null })}
              >
                <Icon name="x" size={14} />
              </button>
            </span>
          ))}
          <button
            type="button"
            class="button quiet"
            onClick={() => change({ ...Object.fromEntries(CHIP_NAMES.map((name) => [name, null])), cursor: null })}
          >
            Clear
          </button>
        </div>
      )}
    </div>
  );
}

function shownValue(name: (typeof CHIP_NAMES)[number], value: string): string {
  return name === "from" || name === "to" ? timeText(value, now.value) : value;
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

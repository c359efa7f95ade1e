// What a plan says of a request, and what it would have refused of past ones.

import { printJson } from "../../api/json.ts";
import type { PlanReplay, PlanTest } from "../../api/types.ts";
import { CodeBlock, Id } from "../../parts/copy.tsx";
import { countText, moneyText, plural } from "../../parts/format.ts";
import { Note } from "../../parts/note.tsx";
import { Badge } from "../../parts/status.tsx";
import { Time } from "../../parts/time.tsx";
import { amountWords, scopeWord } from "./words.ts";

export function TestResult({ test }: { test: PlanTest }) {
  const { refusal, limits, input, forced } = test;
  return (
    <div class="stack" role="status">
      {refusal === null ? (
        <Note tone="ok" icon="circle-check" title="It would run">
          Its estimate is {moneyText(test.estimated)}.
        </Note>
      ) : (
        <Note tone="bad" icon="ban" title={`It would be refused: ${refusal.status} ${refusal.code}`}>
          {refusal.detail} <span class="soft">{refusal.hint}</span>
        </Note>
      )}
      {limits.length === 0 ? null : (
        <table class="cards" aria-label="Limits that apply">
          <thead>
            <tr>
              <th scope="col">Limit</th>
              <th scope="col">Counts for each</th>
              <th scope="col" class="end">
                Left now
              </th>
              <th scope="col" class="end">
                <span class="hidden-text">Says</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {limits.map((limit) => (
              <tr key={limit.name}>
                <td>{limit.name}</td>
                <td class="soft" data-label="for each">
                  {scopeWord(limit.scope)}
                  {limit.window === null ? "" : ` and ${limit.window}`}
                </td>
                <td class="end" data-label="left">
                  {amountWords(limit.per, limit.remaining)} of {amountWords(limit.per, limit.limit)}
                </td>
                <td class="fit end">
                  {limit.exceeded ? <Badge tone="bad">Refuses it</Badge> : <Badge tone="ok">Has room</Badge>}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {input === null ? null : (
        <div class="stack tight">
          <h3>The input as the model would get it</h3>
          <CodeBlock text={printJson(input)} what="input" />
          {forced.length === 0 ? null : <p class="soft">The plan sets: {forced.join(", ")}.</p>}
        </div>
      )}
    </div>
  );
}

export function ReplayResult({ replay }: { replay: PlanReplay }) {
  const { requests, refused, by_limit: byLimit, by_rule: byRule, not_replayed: left } = replay;
  const reasons = [
    ...byLimit.map(({ limit, requests: count }) => ({ name: limit, kind: "limit", count })),
    ...byRule.map(({ rule, requests: count }) => ({ name: rule, kind: "rule", count })),
  ];
  return (
    <div class="stack" role="status">
      <Note
        tone={refused === 0 ? "ok" : "wait"}
        icon={refused === 0 ? "circle-check" : "triangle-alert"}
        title={
          requests === 0
            ? "There were no requests in this time"
            : `${refused === 0 ? "None" : countText(refused)} of ${plural(requests, "request")} would have been refused`
        }
      >
        {refused === 0 ? undefined : `Those refused were charged ${moneyText(replay.refused_usd)}.`}
      </Note>
      {reasons.length === 0 ? null : (
        <table class="cards" aria-label="Refused by">
          <thead>
            <tr>
              <th scope="col">Refused by</th>
              <th scope="col" class="end">
                Requests
              </th>
            </tr>
          </thead>
          <tbody>
            {reasons.map(({ name, kind, count }) => (
              <tr key={`${kind} ${name}`}>
                <td>
                  {name} <span class="faint">{kind}</span>
                </td>
                <td class="end" data-label="requests">
                  {countText(count)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {replay.first_refused.length === 0 ? null : (
        <details class="fold">
          <summary>The first {countText(replay.first_refused.length)} refused</summary>
          <table class="cards" aria-label="First refused">
            <tbody>
              {replay.first_refused.map(({ id, created_at, by }) => (
                <tr key={id}>
                  <td class="fit">
                    <Id id={id} href={`/console/requests/${id}`} what="request id" />
                  </td>
                  <td class="soft">{by.join(", ")}</td>
                  <td class="end soft">
                    <Time at={created_at} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </details>
      )}
      {replay.looked_to === null ? null : (
        <p class="soft">
          There are more requests than were looked at; the last one is of <Time at={replay.looked_to} />.
        </p>
      )}
      {left.length === 0 ? null : (
        <p class="soft">Not replayed, because the list of requests does not keep what they count: {left.join(", ")}.</p>
      )}
    </div>
  );
}

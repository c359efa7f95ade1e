// At which share of a USD limit the team is told, and what it was told lately.

import { useEffect, useState } from "preact/hooks";
import { callApi } from "../../api/client.ts";
import type { Problem } from "../../api/problem.ts";
import { useResource } from "../../api/resource.ts";
import type { Alerts } from "../../api/types.ts";
import { Field } from "../../parts/field.tsx";
import { moneyText } from "../../parts/format.ts";
import { Loaded, ProblemNote } from "../../parts/states.tsx";
import { Time } from "../../parts/time.tsx";
import { announce } from "../../shell/announce.ts";
import { scopeWord } from "../plans/words.ts";

export function AlertsTab() {
  const alerts = useResource<Alerts>("/v1/team/alerts");
  const [text, setText] = useState("");
  const [problem, setProblem] = useState<Problem | null>(null);
  const { data } = alerts;
  useEffect(() => {
    if (data !== null) setText(data.usd_percents.join(", "));
  }, [data]);
  const percents = text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .map(Number);
  const isWrong =
    percents.some((percent) => !Number.isInteger(percent) || percent < 1 || percent > 100) || percents.length > 5;
  const save = async (event: Event) => {
    event.preventDefault();
    const answer = await callApi<Alerts>("PUT", "/v1/team/alerts", { body: { usd_percents: percents } });
    setProblem(answer.ok ? null : answer.problem);
    if (!answer.ok) return;
    announce("Saved");
    alerts.replace(answer.data);
  };
  return (
    <Loaded resource={alerts} rows={3}>
      {({ latest }) => (
        <div class="stack">
          <form class="card pad stack" onSubmit={save}>
            <Field
              label="Alert at these percentages of every USD limit"
              hint="Up to five, with commas. Each is an event limit.reached to the endpoints. Empty: no alerts."
              fault={isWrong ? "Whole numbers from 1 to 100, at most five." : undefined}
            >
              <input
                class="short"
                value={text}
                placeholder="80, 100"
                onInput={(event) => setText(event.currentTarget.value)}
              />
            </Field>
            {problem === null ? null : <ProblemNote problem={problem} />}
            <div class="actions">
              <button type="submit" class="button" disabled={isWrong}>
                Save
              </button>
            </div>
          </form>
          <section class="card table-card" aria-labelledby="latest-alerts">
            <header>
              <h2 id="latest-alerts">Latest alerts</h2>
            </header>
            {latest.length === 0 ? (
              <p class="card-body soft">None yet.</p>
            ) : (
              <table class="cards">
                <thead>
                  <tr>
                    <th scope="col">When</th>
                    <th scope="col">Limit</th>
                    <th scope="col">Of</th>
                    <th scope="col" class="end">
                      Reached
                    </th>
                    <th scope="col" class="end">
                      Used
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {latest.map((alert) => (
                    <tr key={alert.id}>
                      <td class="fit soft">
                        <Time at={alert.at} />
                      </td>
                      <td>{alert.limit_name}</td>
                      <td class="soft">
                        {scopeWord(alert.scope)} {alert.subject === "team" ? "" : alert.subject}
                      </td>
                      <td class="end">{alert.percent} %</td>
                      <td class="end">
                        {moneyText(alert.used_usd)} of {moneyText(alert.limit_usd)}
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            )}
          </section>
        </div>
      )}
    </Loaded>
  );
}

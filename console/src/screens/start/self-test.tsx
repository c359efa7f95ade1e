// The deployment's self-test: each check as it comes, what is wrong, and how to mend it.

import { useEffect, useRef, useState } from "preact/hooks";
import { postStream } from "../../api/client.ts";
import { readEvents } from "../../api/event-stream.ts";
import type { Problem } from "../../api/problem.ts";
import type { CheckReport } from "../../api/types.ts";
import { Icon, type IconName } from "../../parts/icon.tsx";
import { ProblemNote } from "../../parts/states.tsx";
import { announce } from "../../shell/announce.ts";

const TITLES: Record<CheckReport["id"], string> = {
  config: "Configuration",
  example_values: "Secrets",
  maton_key: "Maton's key",
  connection: "Connection to fal",
  upstream: "Calls to fal",
  jwks: "fal's webhook keys",
  r2: "Bucket",
  file_url: "Addresses of files",
  webhook_loop: "Address for webhooks",
  webhooks_arrive: "Arrival of webhooks",
  sweep: "Daily sweep",
  operator_webhook: "Operator webhook",
};

const LOOKS: Record<CheckReport["state"], readonly [looks: string, IconName, word: string]> = {
  ok: ["done", "circle-check", "Fine"],
  warn: ["warn", "circle-alert", "Warning"],
  fail: ["fault", "circle-x", "At fault"],
  skipped: ["todo", "circle-dashed", "Skipped"],
};

/** `path`: the route that runs the checks, for a team's admin or the operator. */
export function SelfTest({ path }: { path: "/v1/team/doctor" | "/v1/admin/doctor" }) {
  const [reports, setReports] = useState<readonly CheckReport[]>([]);
  const [isRunning, setRunning] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const aborter = useRef(new AbortController());
  useEffect(() => () => aborter.current.abort(), []);
  const run = async () => {
    setRunning(true);
    setProblem(null);
    const stream = await postStream(path, aborter.current.signal);
    if (stream.ok) {
      const seen: CheckReport[] = [];
      for await (const { event, data } of readEvents(stream.data)) {
        if (event !== "check") continue;
        seen.push(JSON.parse(data) as CheckReport);
        setReports([...seen]);
      }
      announce(summaryOf(seen));
    } else setProblem(stream.problem);
    setRunning(false);
  };
  return (
    <section class="card" aria-labelledby="self-test">
      <header>
        <h2 id="self-test">Self-test</h2>
        <button type="button" class="button" disabled={isRunning} onClick={() => void run()}>
          {isRunning ? "Checking" : reports.length > 0 ? "Run again" : "Run the self-test"}
        </button>
      </header>
      {problem === null ? null : <ProblemNote problem={problem} />}
      {reports.length === 0 ? (
        <p class="card-body soft">
          {isRunning
            ? "Asking Maton, the bucket, and the deployment's own addresses."
            : "Asks Maton, writes and reads a small file, and calls the deployment at its own addresses. It costs nothing."}
        </p>
      ) : (
        <>
          <p class="card-body small soft">{isRunning ? "Checking." : summaryOf(reports)}</p>
          <ol class="checks">
            {reports.map((report) => (
              <Row key={report.id} report={report} />
            ))}
          </ol>
        </>
      )}
    </section>
  );
}

function Row({ report: { id, state, message, fix, ms } }: { report: CheckReport }) {
  const [looks, icon, word] = LOOKS[state];
  return (
    <li class={`check-row ${looks}`}>
      <Icon name={icon} />
      <div>
        <p class="check-title">
          <span class="hidden-text">{word}: </span>
          {TITLES[id]}
        </p>
        <p>{message}</p>
        {fix === null ? null : <p class="fix">{fix}</p>}
      </div>
      <span class="faint small number">{ms} ms</span>
    </li>
  );
}

function summaryOf(reports: readonly CheckReport[]): string {
  const count = (state: CheckReport["state"]) => reports.filter((each) => each.state === state).length;
  const [faults, warnings] = [count("fail"), count("warn")];
  if (faults + warnings === 0) return "Everything that was looked at is fine.";
  const parts = [
    faults === 0 ? null : `${faults} ${faults === 1 ? "check is" : "checks are"} at fault`,
    warnings === 0 ? null : `${warnings} ${warnings === 1 ? "warning" : "warnings"}`,
  ];
  return `${parts.filter((part) => part !== null).join(", ")}.`;
}

// One delivery: every attempt with its answer and what came next, the body that was sent, and the way to send it now.

import { useEffect, useState } from "preact/hooks";
import { useRoute } from "preact-iso";
import { callApi } from "../../api/client.ts";
import type { Problem } from "../../api/problem.ts";
import { useResource } from "../../api/resource.ts";
import type { DeliveryDetail } from "../../api/types.ts";
import { now } from "../../parts/clock.ts";
import { CodeBlock, Id } from "../../parts/copy.tsx";
import { durationText, fullTime, shortId, timeText } from "../../parts/format.ts";
import { Loaded, ProblemNote } from "../../parts/states.tsx";
import { DeliveryBadge } from "../../parts/status.tsx";
import { Time } from "../../parts/time.tsx";
import { announce } from "../../shell/announce.ts";
import { Page } from "../../shell/page.tsx";
import { laidOut } from "../requests/laid-out.ts";

/** While an attempt is under way or near. */
const REREAD_MS = 3_000;

export default function DeliveryScreen() {
  const { id = "" } = useRoute().params;
  const delivery = useResource<DeliveryDetail>(`/v1/deliveries/${id}`);
  const [problem, setProblem] = useState<Problem | null>(null);
  const { data, reload } = delivery;
  const isUnderWay =
    data !== null && (data.state === "pending" || data.state === "failing") && data.next_attempt_at === null;
  useEffect(() => {
    if (!isUnderWay) return;
    const timer = setInterval(() => {
      if (!document.hidden) void reload();
    }, REREAD_MS);
    return () => clearInterval(timer);
  }, [isUnderWay, reload]);
  const replay = async () => {
    const answer = await callApi<DeliveryDetail>("POST", `/v1/deliveries/${id}/replay`);
    setProblem(answer.ok ? null : answer.problem);
    if (!answer.ok) return;
    announce("It is being sent");
    delivery.replace(answer.data);
    setTimeout(() => void reload(), REREAD_MS / 2);
  };
  return (
    <Page
      back={{ href: "/console/deliveries", label: "Deliveries" }}
      title={
        <>
          <span class="mono-title">{shortId(id)}</span>
          {data === null ? null : <DeliveryBadge state={data.state} />}
        </>
      }
      name={`Delivery ${shortId(id)}`}
      actions={
        data === null ? undefined : (
          <>
            {isUnderWay ? <span class="soft">An attempt is under way</span> : null}
            <button
              type="button"
              class="button primary"
              disabled={isUnderWay}
              title={isUnderWay ? "An attempt is under way" : ""}
              onClick={replay}
            >
              Replay now
            </button>
          </>
        )
      }
    >
      {problem === null ? null : <ProblemNote problem={problem} />}
      <Loaded resource={delivery}>{(shown) => <Body delivery={shown} />}</Loaded>
    </Page>
  );
}

function Body({ delivery }: { delivery: DeliveryDetail }) {
  const { log, sent } = delivery;
  return (
    <div class="stack">
      <dl class="facts card pad">
        <div>
          <dt>Event</dt>
          <dd>{delivery.event_type}</dd>
        </div>
        <div>
          <dt>To</dt>
          <dd>
            {delivery.endpoint === null ? (
              "the request's webhook_url"
            ) : (
              <Id id={delivery.endpoint} href={`/console/webhooks/${delivery.endpoint}`} what="endpoint id" />
            )}
          </dd>
        </div>
        <div>
          <dt>Request</dt>
          <dd>
            {delivery.request === null ? (
              "none"
            ) : (
              <Id id={delivery.request} href={`/console/requests/${delivery.request}`} what="request id" />
            )}
          </dd>
        </div>
        <div>
          <dt>Event id (webhook-id)</dt>
          <dd>
            <Id id={delivery.event_id} what="event id" />
          </dd>
        </div>
        <div>
          <dt>Next attempt</dt>
          <dd>
            {delivery.next_attempt_at === null ? (
              "none planned"
            ) : (
              <>
                <Time at={delivery.next_attempt_at} relative /> ({timeText(delivery.next_attempt_at, now.value)})
              </>
            )}
          </dd>
        </div>
      </dl>
      <section class="card table-card" aria-labelledby="attempts">
        <header>
          <h2 id="attempts">Attempts</h2>
        </header>
        {log.length === 0 ? <p class="card-body soft">None has ended yet.</p> : <Attempts log={log} />}
      </section>
      <section class="stack tight">
        <h2>Body that is sent</h2>
        {sent === null ? (
          <p class="soft">Not kept: nothing was sent yet, or it was more than 30 days ago.</p>
        ) : (
          <>
            <CodeBlock text={laidOut(sent.body)} what="body" />
            {sent.end === "cut" ? <p class="field-hint">The beginning; the rest is not kept.</p> : null}
          </>
        )}
      </section>
    </div>
  );
}

function Attempts({ log }: { log: DeliveryDetail["log"] }) {
  return (
    <table class="cards">
      <thead>
        <tr>
          <th scope="col">#</th>
          <th scope="col">When</th>
          <th scope="col" class="end">
            Took
          </th>
          <th scope="col">Answer</th>
          <th scope="col">Why</th>
          <th scope="col">Next</th>
        </tr>
      </thead>
      <tbody>
        {log.map((attempt, n) => (
          <tr key={`${attempt.at}-${n}`}>
            <td class="fit num">
              {n + 1}
              {attempt.replay ? <span class="tag replay-tag">replay</span> : null}
            </td>
            <td class="fit num">
              <time dateTime={attempt.at} title={fullTime(attempt.at)}>
                {timeText(attempt.at, now.value)}
              </time>
            </td>
            <td class="fit end">{durationText(attempt.duration_ms)}</td>
            <td class="cut wide">
              {attempt.status ?? "none"}
              {attempt.response === null || attempt.response.body === "" ? null : (
                <code class="faint answer-text">{attempt.response.body}</code>
              )}
            </td>
            <td>
              {attempt.reason}
              {attempt.location === null ? null : <span class="sub-line">to {attempt.location}</span>}
            </td>
            <td class="soft">
              {attempt.next.at === null ? null : (
                <>
                  <Time at={attempt.next.at} />{" "}
                </>
              )}
              {attempt.next.why}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

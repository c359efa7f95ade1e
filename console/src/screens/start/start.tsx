// Start: is it set up, what is next, and what is left of the limits.

import type { ComponentChildren } from "preact";
import { useResource } from "../../api/resource.ts";
import type { Connection, Health, Key, PageOf, RequestSummary, Usage } from "../../api/types.ts";
import { now } from "../../parts/clock.ts";
import { CodeBlock } from "../../parts/copy.tsx";
import { countText, moneyText } from "../../parts/format.ts";
import { Icon, type IconName } from "../../parts/icon.tsx";
import { Note } from "../../parts/note.tsx";
import { me, who } from "../../session/me.ts";
import { may } from "../../session/permissions.ts";
import { Page } from "../../shell/page.tsx";
import { serverSnippet } from "../keys/snippet.ts";
import { Finish } from "../settings/connections-tab.tsx";
import { dayText } from "../usage/days.ts";
import { LimitMeters } from "./limit-meters.tsx";
import { SelfTest } from "./self-test.tsx";

export default function Start() {
  const caller = me.value;
  const isAdmin = may(who.value, "admin");
  const mayRead = may(who.value, "read");
  const health = useResource<Health>("/healthz");
  const keys = useResource<PageOf<Key>>(isAdmin ? "/v1/keys" : null);
  const requests = useResource<PageOf<RequestSummary>>(mayRead ? "/v1/requests?limit=1" : null);
  const connections = useResource<PageOf<Connection>>(isAdmin ? "/v1/connections" : null);
  const today = dayText(now.value);
  const usage = useResource<Usage>(mayRead ? `/v1/usage?from=${today}&to=${today}&group_by=` : null);
  if (caller === null) return null;
  const madeKeys =
    keys.data?.data.filter(({ kind, scopes }) => kind === "publishable" || !scopes.includes("admin")) ?? [];
  const hasRequest = (requests.data?.data.length ?? 0) > 0;
  const active = connections.data?.data.find(({ status }) => status === "ACTIVE");
  const pending = connections.data?.data.find(({ status }) => status === "PENDING");
  const configuration = health.data?.configuration;
  return (
    <Page
      title={`Welcome, ${caller.team.name}`}
      name="Start"
      lead={leadOf(caller.key.name, caller.key.scopes, caller.user)}
    >
      <div class="start">
        <div class="stack">
          <section class="card" aria-labelledby="set-up">
            <header>
              <h2 id="set-up">Set up</h2>
              <button
                type="button"
                class="button quiet"
                onClick={() =>
                  void Promise.all([health.reload(), connections.reload(), keys.reload(), requests.reload()])
                }
              >
                Check again
              </button>
            </header>
            <ol class="checks">
              <Check
                state={configuration === undefined ? "wait" : configuration.ok ? "done" : "fault"}
                title={configuration?.ok === false ? "The configuration is incomplete" : "Configuration complete"}
              >
                {configuration?.ok === false
                  ? configuration.problems.map(({ name, message }) => (
                      <p key={name}>
                        <code>{name}</code> {message}. Set it with <code>wrangler secret put {name}</code>.
                      </p>
                    ))
                  : null}
              </Check>
              {isAdmin ? (
                <Check
                  state={
                    connections.problem !== null
                      ? "fault"
                      : connections.data === null
                        ? "wait"
                        : active === undefined
                          ? "todo"
                          : "done"
                  }
                  title={
                    active !== undefined
                      ? "fal is connected"
                      : connections.data === null && connections.problem === null
                        ? "Looking for fal's connection"
                        : "Connect fal"
                  }
                  action={
                    connections.data === null || active !== undefined ? null : pending === undefined ? (
                      <a class="button" href="/console/settings/connections">
                        Connect fal
                      </a>
                    ) : (
                      <Finish connection={pending} />
                    )
                  }
                >
                  {connections.problem === null ? null : <p>{connections.problem.detail}</p>}
                </Check>
              ) : null}
              {isAdmin ? (
                <Check
                  state={keys.data === null ? "wait" : madeKeys.length > 0 ? "done" : "todo"}
                  title={
                    madeKeys.length > 0
                      ? `${countText(madeKeys.length)} ${madeKeys.length === 1 ? "key" : "keys"} for code`
                      : "Make a key for your code"
                  }
                  action={
                    madeKeys.length > 0 ? null : (
                      <a class="button" href="/console/keys/new">
                        Create a key
                      </a>
                    )
                  }
                >
                  {madeKeys.length > 0 ? null : (
                    <p>The key you signed in with manages the team. Code gets one that can only run and read.</p>
                  )}
                </Check>
              ) : null}
              {mayRead ? (
                <Check
                  state={requests.data === null ? "wait" : hasRequest ? "done" : "todo"}
                  title={hasRequest ? "First request made" : "Make the first request"}
                  action={
                    hasRequest ? (
                      <a class="button quiet" href="/console/requests">
                        See requests
                      </a>
                    ) : null
                  }
                >
                  {hasRequest ? null : <CodeBlock text={serverSnippet(location.origin)} />}
                </Check>
              ) : null}
            </ol>
          </section>
          {isAdmin ? <SelfTest path="/v1/team/doctor" /> : null}
          {mayRead ? null : (
            <Note tone="wait" icon="shield" title="This key does not look at requests">
              {isAdmin
                ? "It manages the team. For requests and usage, sign in with a key that has read."
                : "It has the scope run alone: it submits, and reads nothing here. The console needs read or admin."}
            </Note>
          )}
          <section class="card" aria-labelledby="limits">
            <header>
              <h2 id="limits">Limits of plan {caller.plan.name}</h2>
              {isAdmin ? (
                <a class="button quiet" href={`/console/plans/${caller.plan.name}`}>
                  Open the plan
                </a>
              ) : null}
            </header>
            <LimitMeters limits={caller.limits} />
          </section>
        </div>
        <Now health={health.data} usage={usage.data} mayRead={mayRead} />
      </div>
    </Page>
  );
}

function leadOf(key: string, scopes: readonly string[], user: string | null): string {
  const bound = user === null ? "" : `, for user ${user}`;
  return `Signed in with ${key}${bound}: ${scopes.join(", ")}.`;
}

type CheckState = "done" | "todo" | "fault" | "wait";

const CHECK_LOOKS: Record<CheckState, readonly [IconName, string]> = {
  done: ["circle-check", "Done"],
  todo: ["circle-dashed", "To do"],
  fault: ["circle-x", "At fault"],
  wait: ["loader", "Checking"],
};

function Check({
  state,
  title,
  children,
  action,
}: {
  state: CheckState;
  title: string;
  children?: ComponentChildren;
  action?: ComponentChildren;
}) {
  const [icon, word] = CHECK_LOOKS[state];
  return (
    <li class={`check-row ${state}`}>
      <Icon name={icon} />
      <div>
        <p class="check-title">
          <span class="hidden-text">{word}: </span>
          {title}
        </p>
        {state === "wait" ? null : children}
      </div>
      {state === "wait" ? null : action}
    </li>
  );
}

function Now({ health, usage, mayRead }: { health: Health | null; usage: Usage | null; mayRead: boolean }) {
  const upstream = health?.upstream;
  const today = usage?.data[0];
  const rows: [string, string][] = [
    ["Upstream", upstream === undefined ? "–" : upstream.state],
    ["Waiting calls", upstream?.pace == null ? "–" : countText(upstream.pace.waiting)],
    ["Slots at fal", upstream?.slots == null ? "–" : `${upstream.slots.used} of ${upstream.slots.limit}`],
    ...(mayRead
      ? ([
          ["Requests today", countText(today?.requests ?? 0)],
          ["Charged today", moneyText(today?.charged_usd ?? "0")],
          ["Failed today", countText(today?.failed ?? 0)],
        ] satisfies [string, string][])
      : []),
  ];
  return (
    <section class="card" aria-labelledby="now">
      <header>
        <h2 id="now">Now</h2>
        <span class="faint small">today is UTC</span>
      </header>
      <dl class="now">
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd class="number">{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

// One request: what happened to it, who failed, what it cost. The head and the picture answer that; tabs have the rest.

import { useLocation, useRoute } from "preact-iso";
import type { RequestObject } from "../../api/types.ts";
import { now } from "../../parts/clock.ts";
import { Id } from "../../parts/copy.tsx";
import { durationText, moneyText, shortId } from "../../parts/format.ts";
import { Loaded } from "../../parts/states.tsx";
import { StageBadge, stageWord } from "../../parts/status.tsx";
import { type Tab, Tabs } from "../../parts/tabs.tsx";
import { Tags } from "../../parts/tags.tsx";
import { Time } from "../../parts/time.tsx";
import { useQuery } from "../../shell/navigation.ts";
import { Page } from "../../shell/page.tsx";
import { queryText } from "../../shell/query.ts";
import { RequestActions } from "./actions.tsx";
import { CostTab } from "./cost-tab.tsx";
import { DeliveriesTab } from "./deliveries-tab.tsx";
import { EventsTab } from "./events-tab.tsx";
import { type Followed, isEnded, useFollowed } from "./follow.ts";
import { InputTab } from "./input-tab.tsx";
import { useKeyNames } from "./key-names.ts";
import { neighboursOf } from "./neighbours.ts";
import { RawTab } from "./raw-tab.tsx";
import { ResultTab } from "./result-tab.tsx";
import { StoryNote } from "./story-note.tsx";
import { TimelineFigure } from "./timeline-figure.tsx";

const TABS = ["result", "input", "events", "cost", "deliveries", "raw"] as const;
type TabName = (typeof TABS)[number];

export default function Request() {
  const { id = "" } = useRoute().params;
  const followed = useFollowed(id);
  const { request } = followed;
  const { listUrl } = neighboursOf(id);
  const stage = request.data === null ? "" : ` ${stageWord(request.data.stage).toLowerCase()}`;
  return (
    <Page
      back={{ href: listUrl, label: "Requests" }}
      title={
        <>
          <span class="mono-title">{shortId(id)}</span>
          {request.data === null ? null : <StageBadge stage={request.data.stage} />}
        </>
      }
      name={`${shortId(id)}${stage}`}
      actions={
        <>
          <Neighbours id={id} />
          {request.data === null ? null : <RequestActions request={request.data} followed={followed} />}
        </>
      }
    >
      <Loaded resource={request}>{(data) => <Body request={data} followed={followed} />}</Loaded>
    </Page>
  );
}

function Body({ request, followed }: { request: RequestObject; followed: Followed }) {
  const [{ tab }, setQuery] = useQuery(["tab"] as const);
  const open = TABS.find((name) => name === tab) ?? "result";
  const lines = followed.timeline.data?.data ?? [];
  const failedFiles = request.files.filter(({ status }) => status === "failed").length;
  const tabs: Tab<TabName>[] = [
    { name: "result", label: "Result", note: failedFiles > 0 ? `${failedFiles} failed` : undefined },
    { name: "input", label: "Input" },
    { name: "events", label: "Events" },
    { name: "cost", label: "Cost" },
    { name: "deliveries", label: "Deliveries" },
    { name: "raw", label: "Raw" },
  ];
  return (
    <div class="stack">
      <Facts request={request} />
      <StoryNote request={request} />
      <TimelineFigure request={request} lines={lines} />
      <div class="stack">
        <Tabs
          label="Parts of the request"
          tabs={tabs}
          open={open}
          onOpen={(name) => setQuery({ tab: name === "result" ? null : name })}
        />
        <div role="tabpanel" id={`panel-${open}`} aria-labelledby={`tab-${open}`}>
          <OpenTab name={open} request={request} followed={followed} />
        </div>
      </div>
    </div>
  );
}

function OpenTab({ name, request, followed }: { name: TabName; request: RequestObject; followed: Followed }) {
  switch (name) {
    case "result":
      return <ResultTab request={request} onChange={followed.request.reload} />;
    case "input":
      return <InputTab id={request.id} />;
    case "events":
      return <EventsTab timeline={followed.timeline} />;
    case "cost":
      return <CostTab request={request} replace={followed.request.replace} />;
    case "deliveries":
      return <DeliveriesTab request={request} />;
    case "raw":
      return <RawTab request={request} />;
  }
}

function Facts({ request }: { request: RequestObject }) {
  const keyName = useKeyNames().get(request.key_id);
  const { created_at: created, completed_at: completed, cost, typical_duration: typical } = request;
  const took = created === null ? null : (completed === null ? now.value : Date.parse(completed)) - Date.parse(created);
  return (
    <dl class="facts card pad">
      <div>
        <dt>Model</dt>
        <dd>
          <a href={`/console/requests${queryText({ model: request.model })}`}>{request.model}</a>
        </dd>
      </div>
      <div>
        <dt>{isEnded(request) ? "Took" : "Open for"}</dt>
        <dd class="number">
          {took === null ? "unknown" : durationText(took)}
          {typical === null ? null : (
            <span class="faint">
              {" "}
              typical {durationText(typical.p50_s * 1_000)}–{durationText(typical.p95_s * 1_000)}
            </span>
          )}
        </dd>
      </div>
      <div>
        <dt>{isEnded(request) ? "Charged" : "Estimated"}</dt>
        <dd class="number">{moneyText(isEnded(request) ? cost.charged : cost.estimated)}</dd>
      </div>
      <div>
        <dt>Created</dt>
        <dd>{created === null ? "unknown" : <Time at={created} />}</dd>
      </div>
      <div>
        <dt>User</dt>
        <dd>
          {request.user === null ? (
            <span class="faint">none</span>
          ) : (
            <a href={`/console/requests${queryText({ user: request.user })}`}>{request.user}</a>
          )}
        </dd>
      </div>
      <div>
        <dt>Key</dt>
        <dd>{keyName ?? <code>{shortId(request.key_id)}</code>}</dd>
      </div>
      <div>
        <dt>Request id</dt>
        <dd>
          <Id id={request.id} what="request id" />
        </dd>
      </div>
      {request.upstream.request_id === null ? null : (
        <div>
          <dt>Id at fal</dt>
          <dd>
            <Id id={request.upstream.request_id} what="id at fal" />
          </dd>
        </div>
      )}
      {Object.keys(request.tags).length === 0 ? null : (
        <div>
          <dt>Tags</dt>
          <dd>
            <Tags tags={request.tags} />
          </dd>
        </div>
      )}
    </dl>
  );
}

function Neighbours({ id }: { id: string }) {
  const { query } = useLocation();
  const { at, of, previous, next } = neighboursOf(id);
  if (at === -1) return null;
  const to = (other: string) => `/console/requests/${other}${queryText({ tab: query.tab })}`;
  return (
    <nav class="neighbours" aria-label="Requests of the list">
      <Step to={previous === undefined ? null : to(previous)} label="Previous request" sign="‹" />
      <span class="number">
        {at + 1} of {of}
      </span>
      <Step to={next === undefined ? null : to(next)} label="Next request" sign="›" />
    </nav>
  );
}

function Step({ to, label, sign }: { to: string | null; label: string; sign: string }) {
  if (to === null) return <span class="icon-button off">{sign}</span>;
  return (
    <a class="icon-button" href={to} aria-label={label}>
      {sign}
    </a>
  );
}

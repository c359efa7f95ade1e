// One key: what it may, what it spent lately, and the ways to stop or renew it.

import { useState } from "preact/hooks";
import { useRoute } from "preact-iso";
import { type Answer, callApi } from "../../api/client.ts";
import { useLoaded } from "../../api/resource.ts";
import type { Key, KeyWithUsage } from "../../api/types.ts";
import { now } from "../../parts/clock.ts";
import { Confirm } from "../../parts/confirm.tsx";
import { CodeBlock, CopyButton, Id } from "../../parts/copy.tsx";
import { countText, moneyText } from "../../parts/format.ts";
import { Empty, Loaded } from "../../parts/states.tsx";
import { Tags } from "../../parts/tags.tsx";
import { Time } from "../../parts/time.tsx";
import { announce } from "../../shell/announce.ts";
import { Page } from "../../shell/page.tsx";
import { queryText } from "../../shell/query.ts";
import { shortDay } from "../usage/days.ts";
import { EditKey } from "./edit-key.tsx";
import { KeyStateBadge, kindWord, stateOf } from "./key-state.tsx";
import { Secret } from "./secret.tsx";
import { pageSnippet } from "./snippet.ts";

const NOT_FOUND = 404;

/** A key, and the ETag of its settings. */
interface SavedKey {
  key: KeyWithUsage;
  tag: string | null;
}

async function readKey(path: string, signal: AbortSignal): Promise<Answer<SavedKey>> {
  const answer = await callApi<KeyWithUsage>("GET", path, { signal });
  return answer.ok ? { ...answer, data: { key: answer.data, tag: answer.headers.get("ETag") } } : answer;
}

export default function KeyScreen() {
  const { id = "" } = useRoute().params;
  const saved = useLoaded<SavedKey>(`/v1/keys/${id}`, readKey);
  const key = saved.data?.key ?? null;
  const isUnknown = key === null && saved.problem?.status === NOT_FOUND;
  return (
    <Page
      back={{ href: "/console/keys", label: "Keys" }}
      title={
        key === null ? (
          "Key"
        ) : (
          <>
            {key.name}
            <KeyStateBadge state={stateOf(key, now.value)} />
          </>
        )
      }
      name={key?.name ?? "Key"}
      actions={
        saved.data === null ? undefined : (
          <>
            <a class="button quiet" href={`/console/audit${queryText({ target: id })}`}>
              Who changed it
            </a>
            {saved.data.key.revoked_at === null ? <KeyActions saved={saved.data} onChange={saved.reload} /> : null}
          </>
        )
      }
    >
      {isUnknown ? (
        <Empty icon="key-round" title="No such key">
          It is not a key of this team.
        </Empty>
      ) : (
        <Loaded resource={saved}>{(data) => <Body of={data.key} />}</Loaded>
      )}
    </Page>
  );
}

function Body({ of }: { of: KeyWithUsage }) {
  const { usage } = of;
  return (
    <div class="stack">
      <dl class="facts card pad">
        <Fact name="Kind">{of.user === null ? kindWord(of) : `${kindWord(of)}, acts for ${of.user}`}</Fact>
        <Fact name="Scopes">{of.scopes.length === 0 ? "exchange for a token" : of.scopes.join(", ")}</Fact>
        {of.issuer_users.length === 0 ? null : <Fact name="Users of issuers">{of.issuer_users.join(", ")}</Fact>}
        {Object.keys(of.tags).length === 0 ? null : (
          <Fact name="Tags of its requests">
            <Tags tags={of.tags} />
          </Fact>
        )}
        <Fact name="Plan">{of.plan === null ? "the team's" : <a href={`/console/plans/${of.plan}`}>{of.plan}</a>}</Fact>
        {of.plans.length === 0 ? null : <Fact name="Plans for tokens">{of.plans.join(", ")}</Fact>}
        <Fact name="Models">{of.models === null ? "those of the plan" : of.models.join(", ")}</Fact>
        <Fact name="Origins">{of.origins === null ? "any" : of.origins.join(", ")}</Fact>
        {of.turnstile === null ? null : <Fact name="Turnstile">{of.turnstile.site_key}</Fact>}
        <Fact name="Created">
          <Time at={of.created_at} />
        </Fact>
        <Fact name="Last used">{of.last_used_at === null ? "never" : <Time at={of.last_used_at} relative />}</Fact>
        <Fact name="Expires">{of.expires_at === null ? "never" : <Time at={of.expires_at} />}</Fact>
        <Fact name="Key id">
          <Id id={of.id} what="key id" />
        </Fact>
        <Fact name={of.kind === "publishable" ? "Key" : "Begins with"}>
          <span class="id">
            <code>{of.prefix}</code>
            {of.kind === "publishable" ? <CopyButton text={of.prefix} what="key" /> : null}
          </span>
        </Fact>
      </dl>
      <section class="card" aria-labelledby="spent">
        <header>
          <h2 id="spent">
            {shortDay(usage.from)} to {shortDay(usage.to)}
          </h2>
          <a class="button quiet" href={`/console/requests${queryText({ key: of.id })}`}>
            Its requests
          </a>
        </header>
        <div class="card-body">
          <dl class="facts six">
            <Fact name="Charged" value={moneyText(usage.charged_usd)} />
            <Fact name="Estimated for these" value={moneyText(usage.estimated_usd)} />
            <Fact name="Requests" value={countText(usage.requests)} />
            <Fact name="Completed" value={countText(usage.completed)} />
            <Fact name="Failed" value={countText(usage.failed)} />
            <Fact name="Charge unknown" value={countText(usage.unknown_cost)} />
          </dl>
        </div>
      </section>
      {of.kind === "publishable" ? (
        <section class="stack tight">
          <h2>On a page</h2>
          <CodeBlock text={pageSnippet(location.origin, of.prefix)} what="page" />
        </section>
      ) : null}
    </div>
  );
}

/** `value` is a figure, and large. */
function Fact({ name, value, children }: { name: string; value?: string; children?: preact.ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      {value === undefined ? <dd>{children}</dd> : <dd class="big number">{value}</dd>}
    </div>
  );
}

type Open = "edit" | "rotate" | "freeze" | "revoke" | null;

function KeyActions({ saved, onChange }: { saved: SavedKey; onChange: () => Promise<void> }) {
  const { key: of, tag } = saved;
  const [open, setOpen] = useState<Open>(null);
  const [secret, setSecret] = useState<string | null>(null);
  const close = () => setOpen(null);
  const done = (words: string) => {
    close();
    announce(words);
    void onChange();
  };
  const isFrozen = of.frozen_at !== null;
  return (
    <>
      <button type="button" class="button" onClick={() => setOpen("edit")}>
        Edit
      </button>
      {of.kind === "secret" ? (
        <button type="button" class="button" onClick={() => setOpen("rotate")}>
          Rotate
        </button>
      ) : null}
      <button type="button" class="button" onClick={() => setOpen("freeze")}>
        {isFrozen ? "Unfreeze" : "Freeze"}
      </button>
      <button type="button" class="button danger" onClick={() => setOpen("revoke")}>
        Revoke
      </button>
      {open === "edit" ? (
        <EditKey
          of={of}
          tag={tag}
          onClose={close}
          onSaved={(key) => done(`${key.name} is saved`)}
          onReload={() => done("The key is read again")}
        />
      ) : null}
      {open === "rotate" ? (
        <Confirm<{ secret: string }>
          title={`Rotate ${of.name}`}
          verb="Rotate"
          run={() => callApi("POST", `/v1/keys/${of.id}/rotate`, { body: {} })}
          onClose={close}
          onDone={(data) => {
            setSecret(data.secret);
            done("The key has a new secret");
          }}
        >
          <p>
            The key gets a new secret, shown once. The old one works for 24 hours more, so that servers can be changed.
          </p>
          <p class="soft">Id, limits, plan and history stay. After a leak, revoke the key instead.</p>
        </Confirm>
      ) : null}
      {open === "freeze" ? (
        <Confirm<Key>
          title={isFrozen ? `Unfreeze ${of.name}` : `Freeze ${of.name}`}
          verb={isFrozen ? "Unfreeze" : "Freeze"}
          run={() => callApi<Key>("POST", `/v1/keys/${of.id}/${isFrozen ? "resume" : "freeze"}`)}
          onClose={close}
          onDone={() => done(isFrozen ? "The key works again" : "The key is frozen")}
        >
          <p>
            {isFrozen
              ? "Calls with this key are taken again."
              : "Calls with this key are refused from now on, reads within ten seconds. Open requests go on."}
          </p>
        </Confirm>
      ) : null}
      {open === "revoke" ? (
        <Confirm<null>
          title={`Revoke ${of.name}`}
          verb="Revoke"
          isDanger
          run={() => callApi<null>("DELETE", `/v1/keys/${of.id}`)}
          onClose={close}
          onDone={() => done("The key is revoked")}
        >
          <p>The key stops working for good. Open requests go on; what it made and cost stays.</p>
          {of.last_used_at === null ? (
            <p class="soft">It was never used.</p>
          ) : (
            <p class="soft">
              It was last used <Time at={of.last_used_at} relative />.
            </p>
          )}
        </Confirm>
      ) : null}
      {secret === null ? null : (
        <Secret title={`New secret of ${of.name}`} secret={secret} onClose={() => setSecret(null)} />
      )}
    </>
  );
}

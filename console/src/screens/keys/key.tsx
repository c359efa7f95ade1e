// One key: what it may, what it spent lately, and the ways to stop or renew it.

import { useState } from "preact/hooks";
import { useRoute } from "preact-iso";
import { callApi } from "../../api/client.ts";
import { useResource } from "../../api/resource.ts";
import type { Key, PageOf, Usage } from "../../api/types.ts";
import { now } from "../../parts/clock.ts";
import { Confirm } from "../../parts/confirm.tsx";
import { CodeBlock, CopyButton, Id } from "../../parts/copy.tsx";
import { countText, moneyText } from "../../parts/format.ts";
import { Empty, Loaded } from "../../parts/states.tsx";
import { Time } from "../../parts/time.tsx";
import { announce } from "../../shell/announce.ts";
import { Page } from "../../shell/page.tsx";
import { queryText } from "../../shell/query.ts";
import { daysBefore, dayText } from "../usage/days.ts";
import { KeyStateBadge, kindWord, stateOf } from "./key-state.tsx";
import { Secret } from "./secret.tsx";
import { pageSnippet } from "./snippet.ts";

const SPEND_DAYS = 30;

export default function KeyScreen() {
  const { id = "" } = useRoute().params;
  const keys = useResource<PageOf<Key>>("/v1/keys");
  const key = keys.data?.data.find((each) => each.id === id) ?? null;
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
      actions={key === null || key.revoked_at !== null ? undefined : <KeyActions of={key} onChange={keys.reload} />}
    >
      <Loaded resource={keys}>
        {() =>
          key === null ? (
            <Empty icon="key-round" title="No such key">
              It is not a key of this team.
            </Empty>
          ) : (
            <Body of={key} />
          )
        }
      </Loaded>
    </Page>
  );
}

function Body({ of }: { of: Key }) {
  const today = dayText(now.value);
  const query = { key: of.id, from: daysBefore(today, SPEND_DAYS - 1), to: today, group_by: "" };
  const usage = useResource<Usage>(`/v1/usage?${new URLSearchParams(query)}`);
  const sums = usage.data?.data[0];
  return (
    <div class="stack">
      <dl class="facts card pad">
        <Fact name="Kind">{of.user === null ? kindWord(of) : `${kindWord(of)}, acts for ${of.user}`}</Fact>
        <Fact name="Scopes">{of.scopes.length === 0 ? "exchange for a token" : of.scopes.join(", ")}</Fact>
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
          <h2 id="spent">Last {SPEND_DAYS} days</h2>
          <a class="button quiet" href={`/console/usage${queryText({ by: "key" })}`}>
            Usage by key
          </a>
        </header>
        <div class="card-body">
          <Loaded resource={usage} rows={1}>
            {() => (
              <dl class="facts">
                <Fact name="Charged">
                  <span class="big number">{moneyText(sums?.charged_usd ?? "0")}</span>
                </Fact>
                <Fact name="Requests">
                  <span class="big number">{countText(sums?.requests ?? 0)}</span>
                </Fact>
                <Fact name="Failed">
                  <span class="big number">{countText(sums?.failed ?? 0)}</span>
                </Fact>
                <Fact name="Charge unknown">
                  <span class="big number">{countText(sums?.unknown_cost ?? 0)}</span>
                </Fact>
              </dl>
            )}
          </Loaded>
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

function Fact({ name, children }: { name: string; children: preact.ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

type Open = "rotate" | "freeze" | "revoke" | null;

function KeyActions({ of, onChange }: { of: Key; onChange: () => Promise<void> }) {
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

// The reference page: a list of calls, an introduction, every call, events, objects, errors and headers. Readable without its script,
// which filters, copies, and fills in the deployment's address.

import type { VNode } from "preact";
import { CallArticle } from "./call.tsx";
import type { Group, Reference } from "./document.ts";
import { type Described, FieldList } from "./field-list.tsx";
import { fieldsOf } from "./fields.ts";
import { Intro } from "./intro.tsx";
import { type Assets, Bar, htmlPage } from "./shell.tsx";
import { Json, Words } from "./words.tsx";

/** Shown where they are used, or of no use to a reader of fields. */
const NO_OBJECTS = ["ErrorCode", "CallbackAnswer", "Submit"];
/** Objects that only callers send. Others that they send too have a second form, whose name ends with `Input`. */
const SENT = ["PlanTerms", "UploadedParts"];
/** An error of more than this share of the calls is listed once, for all. */
const USUAL_SHARE = 0.6;

const LANGUAGES = [
  { id: "curl", title: "curl" },
  { id: "fetch", title: "fetch" },
  { id: "python", title: "Python" },
];

const LAST = [
  { anchor: "events", title: "Events" },
  { anchor: "objects", title: "Objects" },
  { anchor: "errors", title: "Errors" },
  { anchor: "headers", title: "Headers" },
];

export function docsPage(reference: Reference, assets: Assets): string {
  const { groups, schemas } = reference;
  const objects = reference.objects.filter(
    ({ name, schema }) => !NO_OBJECTS.includes(name) && fieldsOf(schema).length > 0,
  );
  const described: Described = new Set(objects.map(({ name }) => name));
  const usual = usualErrors(groups);
  return htmlPage({
    name: "docs",
    title: "API reference · Sluice",
    description: "Every call of the Sluice API with its fields, errors, headers and recorded examples.",
    assets,
    children: (
      <>
        <a class="skip" href="#content">
          Skip to the reference
        </a>
        <Bar here="docs">
          <button type="button" class="open-list" popovertarget="list">
            Contents
          </button>
          <fieldset class="languages">
            <legend class="hidden">Language of the samples</legend>
            {LANGUAGES.map(({ id, title }, n) => (
              <label key={id}>
                <input type="radio" name="language" id={`in-${id}`} checked={n === 0} />
                <span>{title}</span>
              </label>
            ))}
          </fieldset>
        </Bar>
        <div class="page">
          <List groups={groups} />
          <main id="content">
            <Intro reference={reference} />
            {groups.map(({ anchor, title, description, calls }) => (
              <section key={anchor} id={anchor} class="group">
                <header>
                  <h2>{title}</h2>
                  <p>
                    <Words text={description} />
                  </p>
                </header>
                {calls.map((call) => (
                  <CallArticle key={call.anchor} {...{ call, described, usual, schemas }} />
                ))}
              </section>
            ))}
            <Events events={reference.events} described={described} />
            <Objects objects={objects} described={described} />
            <Errors errors={reference.errors} usual={usual} />
            <Headers headers={reference.headers} />
          </main>
        </div>
      </>
    ),
  });
}

function usualErrors(groups: readonly Group[]): Set<string> {
  const calls = groups.flatMap((group) => group.calls);
  const having = Map.groupBy(
    calls.flatMap(({ errors }) => [...new Set(errors.flatMap(({ codes }) => codes))]),
    (code) => code,
  );
  return new Set([...having].filter(([, each]) => each.length > USUAL_SHARE * calls.length).map(([code]) => code));
}

function List({ groups }: { groups: readonly Group[] }): VNode {
  return (
    <nav id="list" popover="auto" aria-label="Calls">
      <p id="filter" hidden>
        <label class="hidden" for="find">
          Filter calls
        </label>
        <input id="find" type="search" placeholder="Filter calls" autocomplete="off" spellcheck={false} />
      </p>
      <p id="none" role="status" />
      <p class="top">
        <a href="#content">Introduction</a>
      </p>
      {groups.map(({ anchor, title, calls }) => (
        <section key={anchor}>
          <h2>
            <a href={`#${anchor}`}>{title}</a>
          </h2>
          <ul>
            {calls.map((call) => (
              <li key={call.anchor} data-words={`${call.method} ${call.path} ${call.summary} ${title}`.toLowerCase()}>
                <a href={`#${call.anchor}`}>
                  <span>{call.summary.replace(/[,(].*/, "")}</span>
                  <b data-method={call.method}>{call.method}</b>
                </a>
              </li>
            ))}
          </ul>
        </section>
      ))}
      <section class="top">
        {LAST.map(({ anchor, title }) => (
          <p key={anchor}>
            <a href={`#${anchor}`}>{title}</a>
          </p>
        ))}
      </section>
    </nav>
  );
}

function Events({ events, described }: { events: Reference["events"]; described: Described }): VNode {
  return (
    <section id="events" class="group">
      <header>
        <h2>Events</h2>
        <p>
          Posted to webhook endpoints, signed with <code>webhook-id</code>, <code>webhook-timestamp</code> and{" "}
          <code>webhook-signature</code> by the rules of Standard Webhooks. Answer 2xx within 15 seconds; anything else
          is retried for three days, except 410, which disables the endpoint.
        </p>
      </header>
      {events.map(({ anchor, name, summary, schema, examples }) => (
        <article key={anchor} id={anchor} class="call">
          <div class="about">
            <h3>
              <a href={`#${anchor}`}>
                <code>{name}</code>
              </a>
            </h3>
            <p>
              <Words text={summary} />
            </p>
            <section>
              <h4>Body</h4>
              <FieldList fields={fieldsOf(schema)} described={described} direction="answered" />
            </section>
          </div>
          <div class="code">
            {examples.map(({ summary: label, value }) => (
              <figure key={label}>
                <Json value={value} />
              </figure>
            ))}
          </div>
        </article>
      ))}
    </section>
  );
}

function Objects({ objects, described }: { objects: Reference["objects"]; described: Described }): VNode {
  return (
    <section id="objects" class="group">
      <header>
        <h2>Objects</h2>
        <p>
          What several calls send or answer. New fields may appear in answers at any time; ignore those you do not know.
        </p>
      </header>
      {objects.map(({ name, schema }) => (
        <article key={name} id={`object-${name}`} class="object">
          <h3>
            <a href={`#object-${name}`}>{name}</a>
          </h3>
          {schema.description === undefined ? null : (
            <p>
              <Words text={schema.description} />
            </p>
          )}
          <FieldList
            fields={fieldsOf(schema)}
            described={described}
            direction={name.endsWith("Input") || SENT.includes(name) ? "sent" : "answered"}
          />
        </article>
      ))}
    </section>
  );
}

function Errors({ errors, usual }: { errors: Reference["errors"]; usual: ReadonlySet<string> }): VNode {
  return (
    <section id="errors" class="group">
      <header>
        <h2>Errors</h2>
        <p>
          A stable <code>code</code> in an RFC 9457 problem. Most calls may answer with{" "}
          {[...usual].map((code, n) => (
            <>
              {n === 0 ? "" : n === usual.size - 1 ? " or " : ", "}
              <a href={`#error-${code}`}>
                <code>{code}</code>
              </a>
            </>
          ))}
          ; the rest stand with the call.
        </p>
      </header>
      <div class="wide">
        <table>
          <thead>
            <tr>
              <th scope="col">Code</th>
              <th scope="col">Status</th>
              <th scope="col">Meaning</th>
              <th scope="col">What to do</th>
            </tr>
          </thead>
          <tbody>
            {errors.map(({ code, status, title, retryable, advice }) => (
              <tr key={code} id={`error-${code}`}>
                <th scope="row">
                  <code>{code}</code>
                </th>
                <td>{status}</td>
                <td>{title}</td>
                <td>
                  {retryable ? <span class="retry">Retry </span> : null}
                  <Words text={advice} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Headers({ headers }: { headers: Reference["headers"] }): VNode {
  return (
    <section id="headers" class="group">
      <header>
        <h2>Headers</h2>
        <p>Of answers. Each may be absent where it has nothing to say.</p>
      </header>
      <ul class="fields object">
        {headers.map(({ name, description }) => (
          <li key={name} id={`header-${name.toLowerCase()}`}>
            <p class="name">
              <code>{name}</code>
            </p>
            <p>
              <Words text={description} />
            </p>
          </li>
        ))}
      </ul>
    </section>
  );
}

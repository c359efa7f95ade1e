// One operation: on the left what it takes, answers and refuses, on the right code that calls it and what was recorded.

import type { VNode } from "preact";
import type { Call, Outcome, Schema } from "./document.ts";
import { type Described, FieldList, Type } from "./field-list.tsx";
import { fieldsOf, nameOf, parameterField, typeOf } from "./fields.ts";
import { samplesOf } from "./samples.ts";
import { Frame, Json, marked, Words } from "./words.tsx";

interface Props {
  call: Call;
  described: Described;
  /** Codes that every operation may answer with; they are listed once. */
  usual: ReadonlySet<string>;
  schemas: Readonly<Record<string, Schema>>;
}

const PLACES = [
  { place: "path", title: "Path" },
  { place: "query", title: "Query" },
  { place: "header", title: "Headers" },
] as const;

export function CallArticle({ call, described, usual, schemas }: Props): VNode {
  const { anchor, method, path, summary, description, access, parameters, body, outcomes, errors } = call;
  return (
    <article id={anchor} class="call">
      <div class="about">
        <h3>
          <a href={`#${anchor}`}>{summary}</a>
        </h3>
        <p class="route">
          <b data-method={method}>{method}</b>
          <code>{path}</code>
        </p>
        {description === undefined ? null : (
          <p>
            <Words text={description} />
          </p>
        )}
        <p class="access">
          <Words text={access} />
        </p>
        {PLACES.map(({ place, title }) => {
          const own = parameters.filter((each) => each.in === place);
          return own.length === 0 ? null : (
            <section key={place}>
              <h4>{title}</h4>
              <FieldList fields={own.map(parameterField)} described={described} direction="sent" />
            </section>
          );
        })}
        {body === undefined ? null : <Body body={body} described={described} schemas={schemas} />}
        <section>
          <h4>Answers</h4>
          <ul class="answers">
            {outcomes.map((outcome) => (
              <Answer key={outcome.status} outcome={outcome} described={described} />
            ))}
          </ul>
        </section>
        <Errors errors={errors} usual={usual} />
      </div>
      <Code call={call} />
    </article>
  );
}

function Body({
  body: { type, required, schema },
  described,
  schemas,
}: Pick<Props, "described" | "schemas"> & { body: NonNullable<Call["body"]> }): VNode {
  const own = schema?.$ref === undefined ? schema : schemas[nameOf(schema.$ref)];
  const fields = own === undefined ? [] : fieldsOf(own);
  return (
    <section>
      <h4>Body{required ? "" : ", optional"}</h4>
      {fields.length > 0 ? (
        <FieldList fields={fields} described={described} direction="sent" />
      ) : (
        <p>{schema === undefined ? `The bytes (${type}).` : <Type text={typeOf(schema)} described={described} />}</p>
      )}
    </section>
  );
}

function Answer({ outcome, described }: { outcome: Outcome; described: Described }): VNode {
  const { status, description, schema, type, headers } = outcome;
  const fields = schema === undefined || schema.$ref !== undefined ? [] : fieldsOf(schema);
  const own = headers.filter((name) => name !== "X-Request-Id");
  return (
    <li>
      <p class="name">
        <b class="status">{status}</b>{" "}
        {schema?.$ref === undefined ? null : <Type text={typeOf(schema)} described={described} />}
        {schema === undefined && type !== undefined ? <span>{type === "*/*" ? "bytes" : type}</span> : null}
      </p>
      <p>
        <Words text={description} />
      </p>
      {own.length === 0 ? null : (
        <p class="values">
          Headers{" "}
          {own.map((name) => (
            <a key={name} href={`#header-${name.toLowerCase()}`}>
              <code>{name}</code>
            </a>
          ))}
        </p>
      )}
      {fields.length === 0 ? null : (
        <details>
          <summary>
            {fields.length} {fields.length === 1 ? "field" : "fields"}
            <span class="hidden"> of the answer {status}</span>
          </summary>
          <FieldList fields={fields} described={described} direction="answered" />
        </details>
      )}
    </li>
  );
}

function Errors({ errors, usual }: Pick<Call, "errors"> & Pick<Props, "usual">): VNode | null {
  const own = errors.flatMap(({ status, codes }) =>
    codes.filter((code) => !usual.has(code)).map((code) => ({ status, code })),
  );
  if (own.length === 0) return null;
  return (
    <section>
      <h4>Errors</h4>
      <p class="errors">
        {own.map(({ status, code }) => (
          <a key={`${status} ${code}`} href={`#error-${code}`}>
            <span>{status}</span> <code>{code}</code>
          </a>
        ))}
      </p>
    </section>
  );
}

function Code({ call }: { call: Call }): VNode {
  const samples = samplesOf(call);
  const shown = call.outcomes.flatMap(({ status, examples }) => examples.map((example) => ({ status, ...example })));
  const [first, ...others] = shown;
  return (
    <div class="code">
      {(["curl", "fetch", "python"] as const).map((language) => (
        <figure key={language} class={`sample ${language}`}>
          <Frame lines={samples[language].split("\n").length}>{marked(samples[language])}</Frame>
        </figure>
      ))}
      {first === undefined ? null : (
        <figure>
          <figcaption>
            <b class="status">{first.status}</b> {caption(first.summary)}
          </figcaption>
          <Json value={first.value} />
        </figure>
      )}
      {others.map(({ status, summary, value }) => (
        <details key={summary}>
          <summary>
            <b class="status">{status}</b> {caption(summary)}
          </summary>
          <Json value={value} />
        </details>
      ))}
    </div>
  );
}

/** The name of the only example says nothing. */
function caption(summary: string): string {
  return summary === "Success" ? "" : summary;
}

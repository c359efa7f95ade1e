// A list of fields: name, type and facts on one line, words below, inner fields to open.

import type { VNode } from "preact";
import type { Field } from "./fields.ts";
import { Words } from "./words.tsx";

/** Objects that have a place of their own on the page. */
export type Described = ReadonlySet<string>;

/** What callers send: some is required. What they are answered: some may be absent. */
export type Direction = "sent" | "answered";

interface Props {
  fields: readonly Field[];
  described: Described;
  direction: Direction;
}

export function FieldList({ fields, described, direction }: Props): VNode {
  return (
    <ul class="fields">
      {fields.map((field) => (
        <FieldLine key={field.name} {...{ field, described, direction }} />
      ))}
    </ul>
  );
}

function FieldLine({ field, described, direction }: Omit<Props, "fields"> & { field: Field }): VNode {
  const { name, type, required, facts, values, description, fields } = field;
  return (
    <li>
      <p class="name">
        <code>{name}</code> <Type text={type} described={described} />
        {facts.map((fact) => (
          <span key={fact}>{fact}</span>
        ))}
        {required && direction === "sent" ? <em>required</em> : null}
        {required || direction === "sent" ? null : <span>may be absent</span>}
      </p>
      {description === "" ? null : (
        <p>
          <Words text={description} />
        </p>
      )}
      {values.length === 0 ? null : (
        <p class="values">
          {values.length === 1 ? "Always " : "One of "}
          {values.map((value) => (
            <code key={value}>{value}</code>
          ))}
        </p>
      )}
      {fields.length === 0 ? null : (
        <details>
          <summary>
            {fields.length} {fields.length === 1 ? "field" : "fields"}
            <span class="hidden"> of {name}</span>
          </summary>
          <FieldList {...{ fields, described, direction }} />
        </details>
      )}
    </li>
  );
}

/** A type, with a link for each object that is described elsewhere. */
export function Type({ text, described }: { text: string; described: Described }): VNode {
  return (
    <span class="type">
      {text.split(/(\b[A-Z]\w+\b)/).map((part, n) =>
        described.has(part) ? (
          <a key={n} href={`#object-${part}`}>
            {part}
          </a>
        ) : (
          part
        ),
      )}
    </span>
  );
}

// The introduction of the reference: what holds for every call, and where else the same can be read.

import type { VNode } from "preact";
import type { Reference } from "./document.ts";
import { FACTS } from "./facts.ts";
import { Json, Words } from "./words.tsx";

export function Intro({ reference }: { reference: Reference }): VNode {
  return (
    <section class="intro group">
      <header>
        <h1>API reference</h1>
        <p class="lead">
          Runs fal.ai models through one deployment: requests that are tracked to their end, limits that hold, files
          that stay. The same as a document: <a href="/openapi.json">OpenAPI 3.1</a>, <a href="/docs.md">Markdown</a>,{" "}
          <a href="/llms.txt">llms.txt</a>.
        </p>
      </header>
      <div class="call">
        <dl class="about facts">
          {FACTS.map(({ title, text }) => (
            <div key={title}>
              <dt>{title}</dt>
              <dd>
                <Words text={text} />
              </dd>
            </div>
          ))}
        </dl>
        <div class="code">
          <figure>
            <figcaption>A refusal</figcaption>
            <Json value={reference.problem} />
          </figure>
        </div>
      </div>
    </section>
  );
}

// The start page: whether the deployment is ready, the first two calls, and where to go on. Its script fills in the state.

import type { VNode } from "preact";
import { ADDRESS, type Assets, Bar, htmlPage } from "./shell.tsx";

const CREATE_TEAM = `curl ${ADDRESS}/v1/admin/teams \\
  -H "Authorization: Bearer $ADMIN_TOKEN" \\
  -H "Content-Type: application/json" \\
  -d '{"id":"my-team"}'`;

const RUN_MODEL = `curl ${ADDRESS}/v1/requests \\
  -H "Authorization: Bearer $SLUICE_KEY" \\
  -H "Content-Type: application/json" \\
  -H "Prefer: wait=30" \\
  -d '{"model":"fal-ai/flux/schnell","input":{"prompt":"a tiny cute cat"}}'`;

const WAYS = [
  { href: "/console/", title: "Console", text: "Requests, keys, limits, webhooks and usage, in the browser." },
  {
    href: "/docs",
    title: "API reference",
    text: "Every route with its fields, errors, headers and recorded examples.",
  },
  { href: "/openapi.json", title: "OpenAPI 3.1", text: "The same as a document, for Postman, Bruno and generators." },
  { href: "/llms.txt", title: "llms.txt", text: "What an agent needs, in one short page. The whole: /docs.md." },
];

export function startPage(assets: Assets): string {
  return htmlPage({
    name: "start",
    title: "Sluice",
    description: "fal.ai models with quotas, request tracking, webhooks and permanent files.",
    assets,
    children: (
      <>
        <Bar here="start" />
        <main>
          <h1>Sluice</h1>
          <p class="lead">fal.ai models with quotas, request tracking, webhooks and permanent files.</p>
          <p class="health" id="health" role="status">
            <a href="/healthz">/healthz</a> says whether this deployment is configured.
          </p>
          <ul class="cards">
            {WAYS.map((way) => (
              <Way key={way.href} {...way} />
            ))}
          </ul>
          <h2>First call</h2>
          <ol class="steps">
            <li>
              <p>Create a team with the operator's token. The answer has its first key, once.</p>
              <pre>
                <code>{CREATE_TEAM}</code>
              </pre>
            </li>
            <li>
              <p>Run a model with that key. The answer is the finished request, or its URL to look at later.</p>
              <pre>
                <code>{RUN_MODEL}</code>
              </pre>
            </li>
          </ol>
        </main>
      </>
    ),
  });
}

function Way({ href, title, text }: { href: string; title: string; text: string }): VNode {
  return (
    <li>
      <a href={href}>{title}</a>
      <span>{text}</span>
    </li>
  );
}

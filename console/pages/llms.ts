// /llms.txt (llmstxt.org): what an agent needs to run a model safely, in at most 12 KB.

import type { Reference } from "./document.ts";
import { ADDRESS } from "./shell.tsx";

const AUTH = '-H "Authorization: Bearer $SLUICE_KEY"';
const JSON_TYPE = '-H "Content-Type: application/json"';

/** The calls that an agent needs, in its order. */
const CALLS = [
  {
    title: "Find a model and its input",
    text: "`GET /v1/models` lists what the key may run; one of them has `input_schema` (JSON Schema). A model id has its owner: `fal-ai/flux/schnell`.",
    curl: `curl ${ADDRESS}/v1/models ${AUTH}\ncurl ${ADDRESS}/v1/models/fal-ai/flux/schnell ${AUTH}`,
  },
  {
    title: "Estimate the cost",
    text: "`estimated` is the worst case in USD as text; null means that the price is unknown, not that it is free.",
    curl: `curl ${ADDRESS}/v1/estimate ${AUTH} ${JSON_TYPE} \\\n  -d '{"model":"fal-ai/flux/schnell","input":{"prompt":"a tiny cute cat"}}'`,
  },
  {
    title: "Run it, and wait",
    text: "Choose an `Idempotency-Key` for each thing you want made, and keep it. `200` is the finished request, `202` one that goes on: read it as below. `output` has URLs that stay.",
    curl: `curl ${ADDRESS}/v1/requests ${AUTH} ${JSON_TYPE} \\\n  -H "Idempotency-Key: cat-1" -H "Prefer: wait=60" \\\n  -d '{"model":"fal-ai/flux/schnell","input":{"prompt":"a tiny cute cat"}}'`,
  },
  {
    title: "Read it, and wait",
    text: "`status` ends as COMPLETED, FAILED or CANCELED; before that, ask again with `wait`. FAILED has `error.message` and `error.retryable`.",
    curl: `curl "${ADDRESS}/v1/requests/REQUEST_ID?wait=60" ${AUTH}`,
  },
  {
    title: "Upload an input file",
    text: "Send the bytes to `upload_url` without a key, then put `file_url` into the input.",
    curl: `curl ${ADDRESS}/v1/uploads ${AUTH} ${JSON_TYPE} -d '{"file_name":"cat.png","content_type":"image/png"}'\ncurl -T cat.png "UPLOAD_URL"`,
  },
  {
    title: "Cancel it",
    text: "`200` is canceled without a charge, `202` asked for, `409` already ended.",
    curl: `curl -X POST ${ADDRESS}/v1/requests/REQUEST_ID/cancel ${AUTH}`,
  },
];

const RULES = [
  "Never submit again because an answer was lost or slow: repeat the same call with the same `Idempotency-Key`, or read the request. A new key is a new paid run.",
  "`402 quota_exceeded` means stop and tell a person; retrying before `reset` fails.",
  "`429` and `503`: wait `Retry-After` seconds, then repeat with the same `Idempotency-Key`.",
  'A request with `stage: "uncertain"` may have run. Wait for it; do not submit it again.',
  "Money is decimal text in USD. Integers such as `seed` may exceed 2^53: keep them as text.",
];

export function llmsPage({ about, errors, groups }: Reference): string {
  const lines = [
    "# Sluice",
    `> ${about.description}`,
    `Base URL: the address that this file was read from, written \`${ADDRESS}\` below. Key: \`Authorization: Bearer sl_sk_…\` on every call but files and uploads' bytes; here \`$SLUICE_KEY\`. Bodies are JSON. GET /v1/me says who the key is and what is left of its limits.`,
    "## Rules",
    RULES.map((rule) => `- ${rule}`).join("\n"),
    "## Calls",
    ...CALLS.flatMap(({ title, text, curl }) => [`### ${title}`, text, `\`\`\`sh\n${curl}\n\`\`\``]),
    "## Errors",
    "Problems (RFC 9457) with `code`, `detail` (a sentence that names the field), `hint`, `retryable`. Also in `error` of a failed request.",
    errors.map(({ code, status, advice }) => `- \`${code}\` (${status}): ${advice}`).join("\n"),
    "## More",
    [
      "- [Whole reference as Markdown](/docs.md): every call, field, error and header",
      "- [OpenAPI 3.1](/openapi.json)",
      "- [Reference as a page](/docs)",
      "- Skill: `skills/sluice/` of Sluice's repository, a SKILL.md and one Python script. One command estimates, makes, waits, resumes and saves, within a session's money.",
      `- Also: ${groups.map(({ title }) => title).join(", ")}`,
    ].join("\n"),
  ];
  return `${lines.join("\n\n")}\n`;
}

// The text of docs/errors.md, from the list of codes and their words.

import { ERRORS, type ErrorCode, userMessageOf } from "../../src/platform/errors.ts";
import { WORDS } from "../openapi/words/errors.ts";

const INTRODUCTION = `# Errors

Made by \`npm run errors\` from the list of codes; do not edit.

Branch on \`code\`, never on \`detail\`. Every error answer of \`/v1\` is \`application/problem+json\`:

| member | holds |
|---|---|
| \`code\` | one of the codes below |
| \`detail\`, \`hint\` | what is wrong with this call; the way out. For the developer |
| \`user_message\` | a sentence that an app may show to its own user; absent where the error is none of theirs |
| \`retryable\` | whether the same call may succeed later; then wait \`Retry-After\` seconds |
| \`request_id\` | the request concerned, else the call |
| \`violated_policies\` | the limits that the call would exceed, if that is the reason |

A failed request has the same codes in its \`error\`. Paths below \`/fal\` and \`/maton\` answer in fal's format, with the code in
\`error_type\` and without \`user_message\`; [compatibility](compatibility.md) has the statuses.

`;

export function errorsPage(): string {
  const codes = Object.keys(ERRORS) as ErrorCode[];
  const rows = codes.map((code) => {
    const { status, retryable } = ERRORS[code];
    const { cause, remedy, ...own } = WORDS[code];
    const retry = own.retry ?? (retryable ? "yes" : "no");
    return `| \`${code}\` | ${own.status ?? status} | ${retry} | ${cause} | ${remedy} |`;
  });
  const shown = codes.flatMap((code) => {
    const message = userMessageOf(code);
    return message === null ? [] : [`| \`${code}\` | ${message} |`];
  });
  const table = ["| code | status | retry | cause | what to do |", "|---|---|---|---|---|", ...rows].join("\n");
  const messages = ["| code | `user_message` |", "|---|---|", ...shown].join("\n");
  const more = "`visitor_limit` says when to come back: tomorrow, next month, or in how many minutes.";
  return `${INTRODUCTION}## Codes\n\n${table}\n\n## Sentences for an app's own user\n\n${messages}\n\n${more}\n`;
}

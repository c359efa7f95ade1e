// The prose of docs/plans.md: how plans are changed and tried out, and the reason of each number of a preset. A number without its
// reason does not compile, or fails when the page is made.

import type { PresetName } from "../../src/team/quota/presets.ts";

export const INTRODUCTION = `# Plans

Made by \`npm run plans\` from the schema of plans; do not edit.

A plan says which models may run, with which inputs, how much of what, and how long it is kept. Keys, tokens and claims of users name
one; everybody else has the team's. A change applies from the next submit; open requests keep what they reserved. The commands use
[these variables](README.md#variables-of-the-commands); an example for a team of people is in [limits and money](limits-and-money.md).

## Create and change

\`POST /v1/plans\` begins with a preset, and every other field overrides it. \`PATCH\` is a JSON merge patch (RFC 7386): objects are merged
field by field, \`null\` resets a field, a list replaces the list that was there. \`PUT\` replaces the whole plan, and what \`GET\` answers
can be sent back; without \`?replace=true\` it is refused if limits would go.

\`\`\`sh
curl $SLUICE/v1/plans -H "Authorization: Bearer $ADMIN_KEY" -H "Content-Type: application/json" \\
  -d '{"name":"page","from":"demo_page","max_cost_per_request":"0.1"}'                    # 201: every field, with the ETag
curl -X PATCH $SLUICE/v1/plans/page -H "Authorization: Bearer $ADMIN_KEY" -H "Content-Type: application/json" \\
  -d '{"input":{"max":{"num_images":1}},"retention":{"files_days":3}}'                    # 200: the limits stay
curl -X PUT $SLUICE/v1/plans/page -H "Authorization: Bearer $ADMIN_KEY" -H "Content-Type: application/json" \\
  -d '{"hold_s":5}'                                                                       # 409: names the limits that it lacks
\`\`\`

Two admins do not overwrite each other when they send what they read: \`If-Match\` with the \`ETag\` of their \`GET\` is answered with 412 if
somebody else changed the plan in between. The same holds for prices, keys, the team and webhook endpoints.

\`\`\`sh
curl -X PATCH $SLUICE/v1/plans/page -H "Authorization: Bearer $ADMIN_KEY" -H "Content-Type: application/json" \\
  -H 'If-Match: "an-older-version"' -d '{"hold_s":5}'                                     # 412: nothing changed
\`\`\`

A plan that publishable keys use keeps a limit per \`usd\` with the scope \`key\` or \`team\`: whatever would take the last one away is
refused with the keys' ids. A plan that the team or a key uses is not deleted.

## Versions

Every write keeps the plan as it was: the latest 100 versions, with author and time, also of a deleted plan. The audit log has what
changed, old and new. To restore a version writes it again, as a new one.

\`\`\`sh
curl $SLUICE/v1/plans/page/versions -H "Authorization: Bearer $ADMIN_KEY"
curl $SLUICE/v1/plans/page/restore -H "Authorization: Bearer $ADMIN_KEY" -H "Content-Type: application/json" -d '{"version":1}'
\`\`\`

## Try it out

\`POST /v1/plans/test\` decides one request as a submit would be decided, and sends and reserves nothing: would it pass, which limits
apply and which would refuse it, what the input becomes, the estimate. \`plan\` is a name, or terms that are not saved yet. Counters are
those of now; \`key\` names the key that would submit it. With a publishable key a visitor asks, who has used nothing yet unless
\`visitor\` names one.

\`\`\`sh
curl $SLUICE/v1/plans/test -H "Authorization: Bearer $ADMIN_KEY" -H "Content-Type: application/json" -d '{
  "plan": { "input": { "force": { "num_images": 1 } }, "max_cost_per_request": "0.05" },
  "request": { "model": "fal-ai/flux/schnell", "input": { "prompt": "a cat", "num_images": 4 } }
}'
\`\`\`

\`POST /v1/plans/replay\` decides past requests again: how many it would have refused, by limit and by rule, and the first twenty of
them. It looks at 10,000 requests at most and says when there are more. Counters begin empty at \`from\`. The index keeps no inputs,
visitors, addresses, uploads and bytes: \`not_replayed\` names the limits that were left out.

\`\`\`sh
curl $SLUICE/v1/plans/replay -H "Authorization: Bearer $ADMIN_KEY" -H "Content-Type: application/json" \\
  -d '{"plan":"page","from":"2026-11-01"}'
\`\`\`
`;

/** Why each limit and field of a preset is as it is. */
export const REASONS: Readonly<Record<PresetName, Readonly<Record<string, string>>>> = {
  demo_page: {
    "visitor-day": "Three runs show what a page does; more is what an account is for.",
    "address-day":
      "A visitor who clears the page is new. Twenty leaves room for an office or a school behind one address.",
    "page-money": "The ceiling of a bad day, whoever comes: two dollars are some 600 pictures of flux/schnell.",
    "page-at-once": "A page that is linked somewhere does not take every turn of the account.",
    "visitor-uploads": "Two pictures for each of the three runs.",
    "page-upload-bytes": "1 GB: a hundred of the largest files.",
    input: "`sync_mode` answers with the file in the text, which is never copied.",
    max_cost_per_request: "A picture costs a cent or less; a video for half a dollar is no demo.",
    unknown_price: "What has no price would run past every limit on money.",
    dedupe_s: "A reload or a double click is the same run.",
    retention: "A visitor comes back within a week or not at all. An input may show a person, so it goes after a day.",
    uploads: "10 MB and images: a photo of a phone.",
    webhooks: "A stranger names no URL that Sluice would call with the team's signature.",
  },
  team: {
    "team-month": "The bill of the month, at which somebody should look.",
    "member-day": "One person's slip of a day does not take the month of all.",
    "member-at-once": "A batch of one does not keep the others waiting.",
    max_cost_per_request: "A long video costs one or two dollars; more is a mistyped duration.",
    unknown_price: "A new model is used once its price is in the table: else the month's limit says nothing.",
  },
  agent: {
    "agent-minute": "A program that runs in circles is slowed down within a minute.",
    "agent-day": "What it may lose in a night without anybody looking.",
    "agent-month": "Ten days at the day's ceiling: then a person should know why.",
    "agent-at-once": "It waits for results before it begins more.",
    max_cost_per_request: "Small steps: what costs more is asked of a person.",
    unknown_price: "What has no price would run past every limit on money.",
    dedupe_s: "A repeated equal post within a minute is a retry, not a new wish.",
    when_paused: "A program is told at once and can do something else.",
  },
  saas: {
    "user-minute": "Faster than a person clicks is a script.",
    "user-month": "What a user's subscription covers; a plan per tier differs here.",
    "user-at-once": "Everybody gets a turn.",
    "user-upload-bytes": "1 GB a day: more than a person selects by hand.",
    "app-day": "Sign-ups of a script are many users: all together have a ceiling too.",
    max_cost_per_request: "A fifth of a month, at most, by one click.",
    unknown_price: "What has no price would run past every limit on money.",
    file_link_s: "Files of users are private: a link that leaks ends after one or two hours.",
    retention: "A year of records for questions about bills, a season of files, a month of inputs.",
    webhooks: "The app learns of ends by its own endpoint; its users name no URL.",
  },
};

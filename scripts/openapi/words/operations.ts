// Descriptions of operations that need more than their summary, by operation id.

export const OPERATIONS: Readonly<Record<string, string>> = {
  postRequests:
    "Admits the request against every limit at once, reserves its estimated cost, and submits it to fal. Without `wait` the answer is `202` and the request; read it later, hold a read with `wait`, or name a `webhook_url`. Repeat the call with the same `Idempotency-Key` when an answer is lost; never submit again without one.",
  getRequests:
    "A key of a team sees the team's requests; a key bound to a user and a client token see those of their user only.",
  getRequestsById:
    "With `wait`, the answer is held until the status changes or the time is over. `If-None-Match` with the `ETag` of an earlier answer makes it 304 while nothing has changed; together they poll without traffic.",
  getRequestsByIdEvents:
    "Server-sent events: `update` with an entry of the timeline at every change, `log` for each line of the model, `end` with the whole request at last. Comments keep the connection open. Read it with `fetch`, because `EventSource` cannot send a key.",
  getRequestsByIdTimeline: "What happened to the request and when, one entry each.",
  postRequestsByIdCancel:
    "`200`: canceled, nothing is charged. `202`: fal was asked to stop it; it may still finish and be charged. `409`: it has already ended.",
  postRequestsCancel: "Cancels the caller's open requests that fit the filter, a page at a time.",
  deleteRequestsById:
    "Deletes the record, input and files of a request that has ended; its line in the usage stays without content. With `cancel=true` an open one is stopped first and deleted after its end.",
  postRequestsByIdSettle:
    "Says whether a request with an unknown charge was billed, after a look at the provider's bill. Refused for a charge that is known.",
  postRequestsByIdFilesByNRetry: "Copies a file again whose status is `failed`, while its source still exists.",
  postRequestsByIdFilesRetry: "Copies all files again whose status is `failed`.",
  postRequestsByIdShares: "Links that work without a key until they expire or are revoked.",
  getModelsById: "Models that Sluice does not know can be submitted too, unless the plan excludes them.",
  getModels:
    "Models known to Sluice that the plan includes. Other models of fal can be submitted if the plan allows them.",
  postEstimate: "Computes the worst case of the input by the team's price table. Nothing is reserved.",
  postUploads:
    "`PUT` the bytes to `upload_url` with the returned `headers`. Above 90 MiB, give `size` and send the parts that `parts` lists.",
  deleteUploadsById: "Refused while an open request uses the file.",
  getMe: "For pages that show what is left: every limit of the plan with its use and its reset.",
  postTokens:
    "With a secret key: a token for `user`. With a publishable key, from a page of one of its origins: a token for the page's visitor; keep `visitor_token` and send it next time, so that limits per visitor hold.",
  postKeys: "The secret of a secret key is in this answer only.",
  postKeysByIdRotate: "Returns a new secret. The previous one stays valid for `overlap_s`.",
  postKeysByIdFreeze: "Submits with the key are refused at once, reads within ten seconds, until it is unfrozen.",
  deleteKeysById: "The key is refused from now on. Its requests stay.",
  putPlansByName:
    "Replaces the whole plan; requests that are open keep what they reserved. Limits that the body does not name are only removed with `replace=true`: to change single fields, use `PATCH`.",
  postPlans: "`from` names a preset to begin with; every other field is one of a plan and overrides the preset's.",
  deletePlansByName: "Refused for the default plan, and while the team or a key uses the plan.",
  postPlansByNameRestore: "Works for a deleted plan too.",
  getKeysById: "With the sums of its requests of the last 30 UTC days.",
  getPricesByModel: "The entry as it was written; `GET /v1/models/{id}` tells which price a model has.",
  putPrices:
    "Replaces the whole table. Names are model ids or patterns; a model's own id applies first, then the longest pattern that fits.",
  getUsage:
    "Sums by UTC day or hour. Every grouping adds up to the total: `tag:<name>` has a row `(untagged)` for requests without the tag. Months that are over do not change: what is settled later is counted as `late`.",
  postUsageMonthsByMonthClose:
    "Fixes the sums of a month that is over; what is settled later counts in the running month and names the request. Refused for the running month. Closing it again changes nothing.",
  getUsageMonthsByMonth: "The month's sums with what was settled after it, in both directions.",
  getUsageArchive:
    "Requests leave the index `HISTORY_DAYS` after their admission. Their lines, with user and amounts, stand in parts of JSON lines.",
  getUsers: "Sums of the chosen days, 30 by default. Users need no record to exist: whoever used something is listed.",
  getRequestsCount: "Counts by the filters of the list, without reading more than the newest 10,000 requests.",
  deleteUsersById:
    "Deletes the requests, files and uploads of the user. They are out of every list at once; the removal shows what is left to do.",
  postUsersByIdFreeze: "Refuses every submit of the user until unblocked.",
  putIssuersByName: "A preset fills in what Clerk, Supabase, Auth0 or Firebase have in common.",
  postTeamJwtTest:
    "Says which issuer, user, plan and tags a token would give, or why it is refused. Nothing is stored.",
  postTeamFreeze: "Refuses submits of everybody but admins until unfrozen. Requests that are running go on.",
  putTeamAlerts: "At each of these percentages of a USD limit, the event `limit.reached` is published.",
  getTeamWebhookSecret: "Verifies deliveries to the `webhook_url` of a request. Endpoints have secrets of their own.",
  postWebhooks: "The answer has the endpoint's secret, which any library for Standard Webhooks verifies with.",
  postWebhooksByIdRotate: "Deliveries are signed with both secrets for `overlap_s`.",
  postWebhooksByIdEnable: "Enables a disabled endpoint, and says what happens with the events it missed.",
  postWebhooksByIdTest: "Sends the event `webhook.test` like any other, with signature, retries and log.",
  getDeliveries: "Kept for 30 days.",
  postDeliveriesByIdReplay: "Sends the same event again, with the same `webhook-id` and the endpoint's present secret.",
  postDeliveriesReplay: "Sends many deliveries again, slowly. Read the job's progress with the returned id.",
  getEvents: "Continue with `after=` the previous answer's `next_cursor`, and `wait` to be told at once.",
  getConnections: "Other admins see the connection in use only.",
  postAdminTeams: "The answer has the secret of the team's first admin key, once.",
  deleteAdminTeamsById: "The team is frozen, emptied and removed; the removal shows the progress.",
  postAdminSweep: "Looks for files that belong to nothing, in the bucket that this deployment owns.",
  getHealthz: "Public. It lists every setting that is missing or invalid, and upstream's state, some seconds old.",
  postFalProxy: "For fal's clients with `proxyUrl`: exact hosts of fal only.",
  postFalQueueByModel: "Answers like queue.fal.run, with URLs on this host.",
  postFalRunByModel: "Waits as long as the client stays connected.",
  postMatonFalAiByModel: "Answers like gateway.maton.ai, with URLs on this host.",
};

// Cause and way out of each error code, for docs/errors.md and the API description. A code without its row does not compile.

import type { ErrorCode } from "../../../src/platform/errors.ts";

interface Words {
  cause: string;
  remedy: string;
  /** Where a code has two statuses. */
  status?: string;
  retry?: string;
}

export const WORDS: Readonly<Record<ErrorCode, Words>> = {
  invalid_request: {
    cause: "A header, a parameter, or a field of the body is missing, unknown, or of the wrong form.",
    remedy: "Change what `detail` names.",
  },
  invalid_input: {
    cause: "A field of the model's `input` is missing or outside of what the model accepts. Nothing was charged.",
    remedy: "Change the field that `detail` names; `GET /v1/models/{id}` has the schema.",
  },
  unauthenticated: {
    cause: "There is no credential, or it is unknown, mistyped, revoked or forged.",
    remedy: "Send a valid key or token. `POST /v1/team/jwt/test` tells an admin what is wrong with a JWT.",
  },
  key_expired: {
    cause: "`expires_at` of the key has passed; tokens made with the key end with it.",
    remedy: "Use another key; an admin creates it with `POST /v1/keys`.",
  },
  token_expired: {
    cause: "The signature of the token is valid, and its time is over.",
    remedy: "Get a new token and send the call again with it.",
  },
  team_required: {
    cause: "A JWT of the team's own issuer does not say which team it is for.",
    remedy: "Send `Sluice-Team`, or put `sl_jwt_<team>.` in front of the JWT.",
  },
  forbidden: {
    cause:
      "The credential is valid and may not do this: a scope is missing, the team is frozen, or a rule of the plan forbids it.",
    remedy: "Use another credential, or ask a team admin for what `hint` names.",
  },
  key_frozen: {
    cause: "A team admin froze the key, by itself or with a take-down.",
    remedy: "A team admin resumes it with `POST /v1/keys/{id}/resume`.",
  },
  user_frozen: {
    cause: "A team admin blocked the user for whom the call is made.",
    remedy: "A team admin unblocks the user with `POST /v1/users/{id}/resume`.",
  },
  user_mismatch: {
    cause: "The credential is bound to one user, and the call names another.",
    remedy: "Leave out `user` and `Sluice-User`, or use a key that is not bound.",
  },
  origin_not_allowed: {
    cause: "The page's origin is not one of the key's, the token's or the plan's.",
    remedy: "Add the origin to the key or the plan, exactly as the browser sends it.",
  },
  model_not_allowed: {
    cause: "The plan, the key or the token does not allow the model.",
    remedy: "Use one of `GET /v1/models`, or ask a team admin.",
  },
  not_found: {
    cause: "There is no such path, model, request, file or setting, or this credential may not see it.",
    remedy:
      "Compare the id; `hint` names a close one where there is one. What belongs to somebody else is not found either.",
  },
  gone: {
    cause: "It was there and was deleted, or its time is over.",
    remedy: "Do not ask for it again; make a new one.",
  },
  conflict: {
    cause: "The state of the resource does not permit the change.",
    remedy: "Read it again, and do what `hint` names first.",
  },
  precondition_failed: {
    cause: "`If-Match` names a version that the resource no longer has: somebody else changed it in between.",
    remedy: "GET the resource again, make the change to what it is now, and send its new `ETag` as `If-Match`.",
  },
  already_ended: {
    cause: "The request had ended before the call arrived.",
    remedy: "Read the request: it has its final status.",
  },
  idempotency_mismatch: {
    cause: "The idempotency key was used before with another body.",
    remedy: "Use a new key for a new request.",
  },
  payload_too_large: {
    cause: "The request body exceeds what this path takes.",
    remedy: "Send less, or upload files with `POST /v1/uploads`.",
  },
  unsupported_media_type: {
    cause: "The content type is none that this path takes.",
    remedy: "Send the type that `detail` names.",
  },
  unsupported_encoding: {
    cause: "`Content-Encoding` names a compression that is not understood.",
    remedy: "Send the body without compression, or as gzip or deflate.",
  },
  quota_exceeded: {
    cause: "A limit of a day, a month or of money is used up; `violated_policies` names it.",
    remedy: "Stop, and ask a person: it resets at `reset`, or a team admin raises it.",
  },
  visitor_limit: {
    cause:
      "The limit of this one visitor is used up: 402 for a day or a month, 429 for less. The app's own limits are not.",
    status: "402, 429",
    retry: "with 429",
    remedy: "Show `user_message` to the visitor. With 429, try again after `Retry-After`.",
  },
  rate_limited: {
    cause: "Too many calls in a short time, or too many requests at once.",
    remedy: "Try again after the seconds in `Retry-After`, with the same Idempotency-Key.",
  },
  price_unknown: {
    cause: "The plan refuses requests whose price cannot be computed before they run.",
    remedy: "Set the field that determines the price, or a team admin sets a price.",
  },
  content_refused: {
    cause: "The model's safety check rejected the prompt or a picture.",
    remedy: "Change the content. The same input is rejected again.",
  },
  input_unreachable: {
    cause: "The model could not fetch a file that the input names.",
    remedy: "Check the URL from outside of your network, or upload the file first.",
  },
  upstream_locked: {
    cause: "The provider locked the account, usually because its balance is used up.",
    remedy: "The operator tops up or unlocks the account; held requests then go on by themselves.",
  },
  upstream_paused: {
    cause: "The provider failed repeatedly, so calls wait for a while.",
    remedy: "Try again after `Retry-After`.",
  },
  upstream_refused: {
    cause: "The provider rejected the request for a reason that Sluice has no code for.",
    remedy: "Read `message` and `detail`: they are the provider's.",
  },
  upstream_failed: {
    cause: "The model or the provider failed.",
    remedy: "Send a new request; failed runs are not charged unless `charged` says so.",
  },
  upstream_timeout: {
    cause: "The model did not start or finish within the time allowed.",
    remedy: "Send a new request, or allow more time.",
  },
  submit_uncertain: {
    cause: "The connection broke after the request left, so nobody knows whether it runs and is charged.",
    remedy: "Do not send it again: it may have run. Read the request later, or settle it.",
  },
  result_lost: {
    cause: "The request ran, and its result can no longer be fetched.",
    remedy: "Send a new request if the cost is acceptable; this one was charged.",
  },
  storage_failed: {
    cause: "The output or an upload could not be stored.",
    remedy: "Try again; `POST /v1/requests/{id}/files/retry` copies a request's files again.",
  },
  connection_missing: {
    cause: "The gateway has no active connection to the provider.",
    remedy: "The operator connects it: `GET /v1/connections`.",
  },
  overloaded: {
    cause: "More calls or bodies arrive at once than can be taken.",
    remedy: "Try again after `Retry-After`, with fewer at a time.",
  },
  team_full: {
    cause: "The stored records of the team have nearly reached their maximum.",
    remedy: "A team admin deletes requests or shortens retention; the operator is notified.",
  },
  misconfigured: {
    cause: "A setting of the deployment is missing or invalid, or its data was written by a newer version.",
    remedy: "Tell the operator: `GET /healthz` names what is missing, the answer which version has to be deployed.",
  },
  internal: {
    cause: "A fault of Sluice.",
    remedy: "Try again with the same Idempotency-Key. If it persists, send the operator `request_id`.",
  },
};

// Share links of a request's files: create, list, revoke. A share link needs no key until it expires. The tracker stores them.

import type { Share } from "../../../contracts/tracker.ts";
import type { RequestFile } from "../../../files/request-file.ts";
import { FILES_PER_REQUEST_MAX, SHARES_PER_REQUEST_MAX } from "../../../files/request-file.ts";
import { fileName, linkPath } from "../../../files/urls.ts";
import type { Config } from "../../../platform/config.ts";
import { refusal } from "../../../platform/errors.ts";
import { lazy } from "../../../platform/schema.ts";
import { askTracker } from "../../../platform/stubs.ts";
import { isoTime, SECOND_MS } from "../../../platform/time.ts";
import type { RequestView } from "../../../requests/machine/types.ts";
import { baseUrlOf } from "../../../requests/view/serialize.ts";
import { viewerOf } from "../../auth.ts";
import { noSuchRequest } from "../../no-such-request.ts";
import { defineRoute, type Route } from "../../route.ts";
import { requestId } from "../requests/schemas.ts";

/** A shorter link could expire before its recipient opens it. */
const SHARE_MIN_S = 60;
/** Life of a share link at most. */
const SHARE_MAX_S = 365 * 24 * 3_600;

const fileNumber = lazy((z) =>
  z
    .int()
    .min(0)
    .max(FILES_PER_REQUEST_MAX - 1),
);

const shareAnswer = lazy((z) =>
  z.object({
    id: z.string(),
    created_at: z.iso.datetime(),
    expires_at: z.iso.datetime(),
    files: z.array(z.object({ n: z.int(), path: z.string(), url: z.string() })),
  }),
);

const create = defineRoute({
  method: "POST",
  path: "/v1/requests/:id/shares",
  summary: "Create share links for stored files",
  access: "run",
  params: requestId,
  body: (z) =>
    z.strictObject({
      expires_in_s: z
        .int()
        .min(SHARE_MIN_S)
        .max(SHARE_MAX_S)
        .optional()
        .describe(
          "Seconds that the share lives: 7 days by default. Of private files (`file_link_s` in the plan) at most `file_link_s`, which then is the default.",
        ),
      files: z
        .array(fileNumber())
        .min(1)
        .max(FILES_PER_REQUEST_MAX)
        .optional()
        .describe("Indexes in the request's `files`, from 0; all stored files by default."),
    }),
  answers: { 201: { description: "The share. Its URLs need no key until it expires.", schema: shareAnswer } },
  errors: ["invalid_request", "not_found", "gone", "conflict"],
  async handle({ params, body, caller, env, config }) {
    const viewer = viewerOf(caller);
    const terms = { expiresInS: body.expires_in_s ?? null, files: body.files ?? null };
    // Retried after an object reset, this may create a second share that was not returned; it is listed, and expires.
    const answer = await askTracker(env, params.id, (tracker) => tracker.share(viewer, terms));
    if (answer === null || answer.kind === "not_found") {
      return { refusal: await noSuchRequest(env, params.id, viewer) };
    }
    switch (answer.kind) {
      case "too_many": {
        const detail = `The request has the maximum of ${SHARES_PER_REQUEST_MAX} active share links.`;
        return {
          refusal: refusal("conflict", detail, {
            hint: "Revoke some with DELETE /v1/requests/{id}/shares/{share}.",
            requestId: params.id,
          }),
        };
      }
      case "too_long": {
        const detail = `\`expires_in_s\` must be at most ${answer.mostS}: the request's files are private, and its plan's \`file_link_s\` ends their links.`;
        const hint = "Send a smaller `expires_in_s`, or omit it for the longest life.";
        return { refusal: refusal("invalid_request", detail, { hint, requestId: params.id }) };
      }
      case "not_stored": {
        const detail = answer.n === null ? "The request has no stored files." : `File ${answer.n} is not stored.`;
        return { refusal: refusal("conflict", detail, { requestId: params.id }) };
      }
      case "shared": {
        const { view } = answer;
        return { status: 201, body: await serializeShare(config(), view, answer.share) };
      }
    }
  },
});

const list = defineRoute({
  method: "GET",
  path: "/v1/requests/:id/shares",
  summary: "List a request's share links",
  access: "run",
  params: requestId,
  answers: { 200: { description: "Active share links.", schema: (z) => z.object({ data: z.array(shareAnswer()) }) } },
  errors: ["not_found", "gone"],
  async handle({ params, caller, env, config }) {
    const viewer = viewerOf(caller);
    const answer = await askTracker(env, params.id, (tracker) => tracker.shares(viewer));
    if (answer === null) return { refusal: await noSuchRequest(env, params.id, viewer) };
    const { view } = answer;
    const data = await Promise.all(answer.shares.map((share) => serializeShare(config(), view, share)));
    return { status: 200, body: { data } };
  },
});

const revoke = defineRoute({
  method: "DELETE",
  path: "/v1/requests/:id/shares/:share",
  summary: "Revoke a share link",
  access: "run",
  params: (z) => requestId().extend({ share: z.string().max(64) }),
  answers: { 204: { description: "Revoked: its URLs return 410. An unknown share also returns 204." } },
  errors: ["not_found", "gone"],
  async handle({ params, caller, env }) {
    const viewer = viewerOf(caller);
    const known = await askTracker(env, params.id, (tracker) => tracker.revokeShares(viewer, params.share));
    return known ? { status: 204 } : { refusal: await noSuchRequest(env, params.id, viewer) };
  },
});

const revokeAll = defineRoute({
  method: "DELETE",
  path: "/v1/requests/:id/shares",
  summary: "Revoke all share links of a request",
  access: "run",
  params: requestId,
  answers: { 204: { description: "Revoked: their URLs return 410." } },
  errors: ["not_found", "gone"],
  async handle({ params, caller, env }) {
    const viewer = viewerOf(caller);
    const known = await askTracker(env, params.id, (tracker) => tracker.revokeShares(viewer, null));
    return known ? { status: 204 } : { refusal: await noSuchRequest(env, params.id, viewer) };
  },
});

export const shareRoutes: readonly Route[] = [create, list, revoke, revokeAll];

async function serializeShare(config: Config, { state, files }: RequestView, share: Share) {
  const shared = share.files.flatMap((n) => files[n] ?? []);
  return {
    id: share.id,
    created_at: isoTime(share.createdAt),
    expires_at: isoTime(share.endsAt),
    files: await Promise.all(shared.map((file) => serializeSharedFile(config, state, file, share))),
  };
}

async function serializeSharedFile(config: Config, state: RequestView["state"], file: RequestFile, share: Share) {
  const address = { team: state.team, request: state.id, n: file.n, name: fileName(file) };
  const path = await linkPath(config.SIGNING_KEY, address, { share: share.id, endsAtS: share.endsAt / SECOND_MS });
  return { n: file.n, path: file.path.join("."), url: baseUrlOf(config, state.origin) + path };
}

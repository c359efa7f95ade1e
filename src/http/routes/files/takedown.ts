// POST /v1/team/takedown and /v1/admin/takedown: removes what a public URL serves. A file of a request goes with its whole request:
// record, all files, texts and shares. The team notes the order first; if the removal is cut off, the same call completes it.

import type * as z from "zod";
import type { Actor } from "../../../contracts/team-keys.ts";
import { readInputPath } from "../../../files/input-urls.ts";
import { readFilePath } from "../../../files/urls.ts";
import type { Env } from "../../../platform/bindings.ts";
import type { Config } from "../../../platform/config.ts";
import { type Refused, refusal, refused } from "../../../platform/errors.ts";
import { lazy } from "../../../platform/schema.ts";
import { askTeam, askTracker } from "../../../platform/stubs.ts";
import { isoTime, SECOND_MS } from "../../../platform/time.ts";
import { URL_MAX_CHARS } from "../../../platform/validate.ts";
import { wholeTeam } from "../../../requests/machine/types.ts";
import { actorOf, operatorOf } from "../../audit-actor.ts";
import { credentialMemory } from "../../credential-memory.ts";
import { defineRoute, type Route } from "../../route.ts";
import { FILE_EDGE_CACHE_S } from "./files.ts";

const takedownOrder = lazy((z) =>
  z.strictObject({
    url: z
      .string()
      .min(1)
      .max(URL_MAX_CHARS)
      .describe("The URL as it is public: a file's, a share link's (also one that has ended), or an uploaded file's."),
    freeze: z
      .boolean()
      .default(false)
      .describe("Also freezes who made it: the user, or the key if the call named no user."),
  }),
);

const takedownBody = lazy((z) =>
  z.object({
    team: z.string(),
    request_id: z.string().nullable(),
    upload_id: z.string().nullable(),
    removed: z
      .enum(["now", "after_end"])
      .describe("`after_end`: the request was still open; it is canceled, and removed after it ends."),
    edge_copies_until: z.iso
      .datetime()
      .describe("Shared caches that hold a copy drop it by then. A browser that has shown the file may keep it."),
    made_by: z.object({ user: z.string().nullable(), key_id: z.string() }),
    frozen: z.object({ kind: z.enum(["user", "key"]), id: z.string() }).nullable(),
  }),
);

type Target = { team: string; kind: "request" | "upload"; id: string; n: number | null };
type Taken = { kind: "taken"; body: z.input<ReturnType<typeof takedownBody>> } | Refused;

const NO_FILE = refusal("not_found", "No file of this deployment is at this URL.", {
  hint: "Send the complete URL, as it was copied.",
});

const DESCRIPTION = "The file is removed, with the request that made it, all its files and shares.";
const ERRORS = ["not_found", "conflict"] as const;

export const takedownRoutes: readonly Route[] = [
  defineRoute({
    method: "POST",
    path: "/v1/team/takedown",
    summary: "Take down a public file of the team",
    access: "admin",
    body: takedownOrder,
    answers: { 200: { description: DESCRIPTION, schema: takedownBody } },
    errors: ERRORS,
    async handle(call) {
      const { env, caller, config, body } = call;
      const target = await targetOf(config(), body.url);
      // Another team's file is as unknown as one that was never there.
      if (target?.team !== caller.team) return { refusal: NO_FILE };
      const taken = await takeDown(env, target, body.freeze, actorOf(call));
      return taken.kind === "refused" ? { refusal: taken.refusal } : { status: 200, body: taken.body };
    },
  }),
  defineRoute({
    method: "POST",
    path: "/v1/admin/takedown",
    summary: "Take down a public file of any team",
    access: "operator",
    body: takedownOrder,
    answers: { 200: { description: DESCRIPTION, schema: takedownBody } },
    errors: ERRORS,
    async handle({ env, request, config, body }) {
      const target = await targetOf(config(), body.url);
      if (target === null) return { refusal: NO_FILE };
      const taken = await takeDown(env, target, body.freeze, operatorOf(request));
      credentialMemory.forget(target.team);
      return taken.kind === "refused" ? { refusal: taken.refusal } : { status: 200, body: taken.body };
    },
  }),
];

/** What a URL serves. The host does not count, since a deployment may have several; the signature in the path does. */
async function targetOf({ SIGNING_KEY }: Config, url: string): Promise<Target | null> {
  const path = URL.parse(url)?.pathname;
  if (path === undefined) return null;
  const file = await readFilePath(SIGNING_KEY, path);
  if (file !== null) return { team: file.team, kind: "request", id: file.request, n: file.n };
  const input = await readInputPath(SIGNING_KEY, path);
  return input === null ? null : { team: input.team, kind: "upload", id: input.id, n: null };
}

async function takeDown(env: Env, { team, ...target }: Target, freeze: boolean, by: Actor): Promise<Taken> {
  const ordered = await askTeam(env, team, (stub) => stub.takedowns.order({ ...target, freeze }, by));
  if (ordered.kind === "refused") return ordered;
  const { requestId, user, keyId, frozen } = ordered;
  const removed =
    requestId === null ? await removeUpload(env, team, target.id) : await removeRequest(env, team, requestId);
  if (typeof removed !== "string") return removed;
  const edgeCopiesUntil = Date.now() + FILE_EDGE_CACHE_S * SECOND_MS;
  return {
    kind: "taken",
    body: {
      team,
      request_id: requestId,
      upload_id: target.kind === "upload" ? target.id : null,
      removed,
      edge_copies_until: isoTime(edgeCopiesUntil),
      made_by: { user, key_id: keyId },
      frozen,
    },
  };
}

async function removeUpload(env: Env, team: string, id: string): Promise<"now" | Refused> {
  const answer = await askTeam(env, team, (stub) => stub.uploads.delete({ id, user: null, keyId: null }, true));
  return answer.kind === "refused" ? answer : "now";
}

async function removeRequest(env: Env, team: string, id: string): Promise<"now" | "after_end" | Refused> {
  const answer = await askTracker(env, id, (tracker) => tracker.delete(wholeTeam(team), true));
  if (answer === null || answer.kind === "not_found") return refused(NO_FILE);
  return answer.kind === "deleted" ? "now" : "after_end";
}

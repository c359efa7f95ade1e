// GET /v1/requests/{id}/input: the input as it went upstream, byte for byte, while the plan keeps inputs. A long one is streamed from R2.

import type { StoredText } from "../../../files/stored-text.ts";
import type { Env } from "../../../platform/bindings.ts";
import { refusal } from "../../../platform/errors.ts";
import { askTracker } from "../../../platform/stubs.ts";
import { viewerOf } from "../../auth.ts";
import { noSuchRequest } from "../../no-such-request.ts";
import { defineRoute } from "../../route.ts";
import { requestId } from "./schemas.ts";

export const requestInput = defineRoute({
  method: "GET",
  path: "/v1/requests/:id/input",
  summary: "Retrieve a request's input",
  description:
    "The input as it was sent to the model: values that the plan forces are in it, and files that were sent inline stand as URLs. Numbers are as they were written.",
  access: "view",
  params: requestId,
  answers: { 200: { description: "The input.", schema: (z) => z.record(z.string(), z.unknown()) } },
  errors: ["not_found", "gone"],
  async handle({ params, caller, env }) {
    const viewer = viewerOf(caller);
    const input = await askTracker(env, params.id, (tracker) => tracker.input(viewer));
    if (input === null) return { refusal: await noSuchRequest(env, params.id, viewer) };
    const body = input.text === null ? null : await bodyOf(env, input.text);
    if (body === null) {
      const detail = "The input was deleted at the end of the plan's retention period for inputs.";
      return { refusal: refusal("gone", detail, { requestId: params.id }) };
    }
    const headers = {
      "Content-Type": "application/json",
      "Cache-Control": "no-store",
      "X-Content-Type-Options": "nosniff",
    };
    return { response: new Response(body, { headers }) };
  },
});

/** Null when the bucket no longer has it: a deletion came first. */
async function bodyOf(env: Pick<Env, "FILES">, text: StoredText): Promise<string | ReadableStream | null> {
  if (text.at === "row") return text.text;
  return (await env.FILES.get(text.key))?.body ?? null;
}

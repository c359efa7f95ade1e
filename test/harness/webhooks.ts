// What the webhook flows share: a request that fal has finished and not told yet, what fal counted, and a doorbell's proof.

import { expect } from "vitest";
import { SECOND_MS } from "../../src/platform/time.ts";
import { passTime } from "./clock.ts";
import type { RequestObject } from "./request-object.ts";
import type { Team } from "./team.ts";
import { expectArmed, ring } from "./tracker.ts";
import { type Delivery, dueWebhooks, sandboxCalls, upstreamRequests } from "./upstream.ts";

export interface FinishedAtFal {
  id: string;
  upstreamId: string;
  /** fal's own webhook about it, still under way. A request whose webhook is lost has none. */
  webhook: Delivery | undefined;
}

/** Submits and lets fal finish it, before the first poll is due. Nobody has told us yet. */
export async function finishedAtFal(team: Team, prompt = "a cat"): Promise<FinishedAtFal> {
  const { id, upstream } = await team.submit(prompt);
  await passTime(2 * SECOND_MS);
  const webhook = (await dueWebhooks()).find((each) => each.url.includes(id));
  return { id, upstreamId: upstream.request_id ?? "", webhook };
}

/** The same, with fal's webhook in hand. */
export async function webhookUnderWay(team: Team, prompt?: string): Promise<FinishedAtFal & { webhook: Delivery }> {
  const { webhook, ...finished } = await finishedAtFal(team, prompt);
  return { ...finished, webhook: webhook ?? expect.unreachable("fal owes no webhook") };
}

/** How often fal was called about each request that it took, oldest first, the account's introduction left out. */
export async function callsAtFal(): Promise<Record<string, number>[]> {
  return (await upstreamRequests()).slice(1).map(({ calls }) => calls);
}

/** How often fal's key set was fetched. */
export async function keySetCalls(): Promise<number> {
  return (await sandboxCalls()).counts.jwks ?? 0;
}

/** Asserts that a call told nothing: the request is as it was, and fal is asked at once, which ends it. */
export async function expectDoorbell(team: Team, id: string, before: RequestObject): Promise<void> {
  expect(await team.read(id)).toEqual(before);
  await expectArmed(id);
  await ring(id);
  expect(await team.timeline(id)).toEqual(expect.arrayContaining(["unverified_callback", "poll", "result"]));
  expect(await team.read(id)).toMatchObject({ status: "COMPLETED", files: [{ status: "stored" }] });
}

// The people of a walk: whoever holds a credential, on a page or on none, and what the API tells them.

import { expect } from "vitest";
import { type Answer, ask } from "./calls.ts";
import { passTime } from "./clock.ts";
import { MODEL } from "./model.ts";
import type { RequestObject } from "./request-object.ts";
import type { Team } from "./team.ts";
import { runToEnd } from "./tracker.ts";

/** What a submit is answered with: the request, or the problem. */
export interface Said extends RequestObject {
  user: string | null;
  cost: { estimated: string | null; charged: string | null; source: string };
  code?: string;
  detail?: string;
  hint?: string;
  retryable?: boolean;
  violated_policies?: { name: string; limit: number | string; used: number | string; reset: string | null }[];
}

export interface Limit {
  name: string;
  limit: number | string;
  used: number | string;
  remaining: number | string;
  reset: string | null;
}

export class Person {
  readonly #headers: Record<string, string>;

  /** `headers` go with every call: the page's Origin, the address. */
  constructor(credential: string, headers: Record<string, string> = {}) {
    this.#headers = { Authorization: `Bearer ${credential}`, ...headers };
  }

  ask<T = Said>(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer<T>> {
    return ask<T>(method, path, { body, headers: { ...this.#headers, ...headers } });
  }

  /** Posts a prompt to flux/schnell; `input` of `more` is added to the prompt, the rest to the body. */
  post(prompt: string, more: { input?: object; tags?: Record<string, string>; user?: string } = {}) {
    const { input, ...rest } = more;
    return this.ask("POST", "/v1/requests", { model: MODEL, input: { prompt, ...input }, ...rest });
  }

  async limits(): Promise<Limit[]> {
    const answer = await this.ask<{ limits: Limit[] }>("GET", "/v1/me");
    expect(answer.status).toBe(200);
    return answer.body.limits;
  }
}

/** Does something so many times, fifty side by side, as that many clients at once would. */
export async function many<T>(count: number, act: (n: number) => Promise<T>): Promise<T[]> {
  const done: T[] = [];
  while (done.length < count) {
    const round = Array.from({ length: Math.min(50, count - done.length) }, (_, n) => act(done.length + n));
    done.push(...(await Promise.all(round)));
  }
  return done;
}

/** What was let in, and what was not. */
export function sorted(answers: readonly Answer<Said>[]): { taken: Said[]; refused: Answer<Said>[] } {
  const taken = answers.filter((answer) => answer.status === 202).map((answer) => answer.body);
  return { taken, refused: answers.filter((answer) => answer.status !== 202) };
}

/** Lets a request end, a few seconds later at the soonest. */
export async function endOf(team: Team, { id }: { id: string }): Promise<Said> {
  await passTime(5_000);
  return (await runToEnd(team, id)) as Said;
}

/** An amount of USD as whole micro-USD, so that sums are exact. */
export function micro(usd: unknown): number {
  const [, whole, places] = /^(\d+)\.(\d{6})$/.exec(String(usd)) ?? [];
  if (whole === undefined || places === undefined) throw new Error(`no amount of USD: ${String(usd)}`);
  return Number(whole) * 1_000_000 + Number(places);
}

// A Team object as other objects talk to it: asked over RPC, with the clock faked where a test needs one.

import { env } from "cloudflare:workers";
import type { Stub } from "../../src/contracts/rpc.ts";
import type { TeamContract } from "../../src/contracts/team.ts";
import type { AdmitInput, SettleInput, Verdict } from "../../src/contracts/team-access.ts";
import type { Actor, Credential, NewKeyTerms } from "../../src/contracts/team-keys.ts";
import type { InputMeasures } from "../../src/models/measures.ts";
import { teamFor } from "../../src/platform/stubs.ts";
import { keyDigest } from "../../src/team/auth/key-text.ts";
import { planSchema } from "../../src/team/quota/plan.ts";
import { MODEL } from "./model.ts";
import { Team } from "./team.ts";

export const SOMEBODY: Actor = { id: "key_admin", ip: "203.0.113.7" };
export const NOTHING_MEASURED: InputMeasures = {
  images: null,
  megapixels: null,
  seconds: null,
  characters: null,
  fields: null,
};

type PlanText = Parameters<ReturnType<typeof planSchema>["parse"]>[0];

export function aWish(changes: Partial<NewKeyTerms> = {}): NewKeyTerms {
  return {
    ...{ kind: "secret", name: "Key", scopes: ["run", "read"], expiresAt: null },
    ...{ user: null, plan: null, models: null, origins: null, turnstile: null, contactUrl: null },
    ...{ plans: [], issuerUsers: [], tags: {} },
    ...changes,
  };
}

/** The end of a request as its tracker tells it. */
export function anEnd(requestId: string, reservation: Verdict, changes: Partial<SettleInput> = {}): SettleInput {
  return {
    ...{ requestId, reservation, outcome: reservation === "charge" ? "completed" : "failed", endedAt: Date.now() },
    ...{
      units: null,
      measured: null,
      outputBytes: null,
      failure: reservation === "charge" ? null : { status: 500, code: "upstream_failed" as const },
    },
    ...{ durationMs: null, files: { stored: 0, failed: 0, first: null } },
    ...{ eventType: reservation === "charge" ? "request.completed" : "request.failed", hasWebhook: false },
    chosenTags: [],
    ...changes,
  };
}

/** A team's object, and what tests say to it. */
export class TeamObject {
  readonly id: string;
  readonly stub: Stub<TeamContract>;
  /** The first key, which has every scope. */
  readonly key: { id: string; secret: string };
  readonly credential: Credential;

  private constructor({ id, key, keyId }: Team, digest: string) {
    this.id = id;
    this.stub = teamFor(env, id);
    this.key = { id: keyId, secret: key };
    this.credential = { kind: "key", digest };
  }

  static async create(plan?: PlanText): Promise<TeamObject> {
    return TeamObject.of(await Team.create(plan));
  }

  /** The object of a team that is there. */
  static async of(team: Team): Promise<TeamObject> {
    return new TeamObject(team, await keyDigest(team.key));
  }

  /** A key, and the credential that it is. */
  async newKey(changes: Partial<NewKeyTerms> = {}): Promise<{ id: string; secret: string; credential: Credential }> {
    const created = await this.stub.keys.create(aWish(changes), SOMEBODY);
    if (created.kind !== "created") throw new Error(created.refusal.detail);
    const credential: Credential = { kind: "key", digest: await keyDigest(created.secret) };
    return { id: created.key.id, secret: created.secret, credential };
  }

  async putPlan(name: string, plan: PlanText): Promise<void> {
    const put = await this.stub.plans.put(name, planSchema().parse(plan), SOMEBODY);
    if (put.kind === "refused") throw new Error(put.refusal.detail);
  }

  /** The hash of the plan that applies to a credential now. */
  async planHash(credential = this.credential): Promise<string> {
    const known = await this.stub.identify(credential);
    return known.kind === "known" ? known.identity.planHash : "unknown";
  }

  /** A submit, under the plan as it is now unless `planHash` says otherwise. */
  async post(changes: Partial<AdmitInput> = {}): Promise<AdmitInput> {
    const credential = changes.credential ?? this.credential;
    return {
      ...{ credential, user: null, visitor: null, ip: null, network: null, tags: {} },
      requestId: env.TRACKER.newUniqueId().toString(),
      model: MODEL,
      planHash: changes.planHash ?? (await this.planHash(credential)),
      measures: NOTHING_MEASURED,
      files: { used: [], inline: [] },
      idempotencyKey: null,
      bodyHash: "body",
      ...changes,
    };
  }

  async admit(changes: Partial<AdmitInput> = {}) {
    return this.stub.admit(await this.post(changes));
  }

  /** Admits and gives the request's id. */
  async admitted(changes: Partial<AdmitInput> = {}): Promise<string> {
    const answer = await this.admit(changes);
    if (answer.kind === "admitted") return answer.requestId;
    throw new Error(answer.kind === "refused" ? answer.refusal.detail : answer.kind);
  }

  /** "admitted", or the code of the refusal. */
  async outcome(changes: Partial<AdmitInput> = {}): Promise<string> {
    const answer = await this.admit(changes);
    return answer.kind === "refused" ? answer.refusal.code : answer.kind;
  }

  /** What is used of every limit of the first key's plan, in the plan's order. */
  async used(user: string | null = null): Promise<number[]> {
    const me = await this.stub.me({
      credential: this.credential,
      user,
      visitor: null,
      ip: null,
      network: null,
      tags: {},
    });
    return me.kind === "known" ? me.limits.map((limit) => limit.used) : [];
  }
}

// The audit log of a team.

import { RpcTarget } from "cloudflare:workers";
import type { AuditPage, TeamAudit } from "../../contracts/team-admin.ts";
import type { Actor } from "../../contracts/team-keys.ts";
import type { TeamStores } from "../stores.ts";
import type { TeamContext } from "../team-context.ts";

export class AuditLog extends RpcTarget implements TeamAudit {
  readonly #context: TeamContext;
  readonly #stores: Pick<TeamStores, "audit">;

  constructor(context: TeamContext, stores: Pick<TeamStores, "audit">) {
    super();
    this.#context = context;
    this.#stores = stores;
  }

  page(before: number | null, limit: number, target: string | null = null): AuditPage {
    const nothing: AuditPage = { data: [], nextBefore: null };
    return this.#context.decide(nothing, () => this.#stores.audit.page(before, limit, target));
  }

  note(action: "connection.created" | "connection.deleted", target: string, by: Actor): void {
    this.#context.decide(undefined, (now) => this.#stores.audit.note(by, action, target, {}, now));
  }
}

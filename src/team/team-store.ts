// The SQL of a team's own line and its plans. Rows in, types out; decides nothing. Every method is synchronous, so that callers
// can put several into one transaction.

import type { NamedPlan, TeamSummary } from "../contracts/team-admin.ts";
import type { EndpointSecret } from "../contracts/team-webhooks.ts";
import { DEFAULT_PLAN, defaultPlan, type Plan, planSchema } from "./quota/plan.ts";

type TeamRow = { id: string; name: string; plan: string; created_at: number; frozen_at: number | null } & {
  manages_connections: number;
};

/** A plan and how often it was written: 0 for the default one that nobody wrote. */
export interface RevisedPlan {
  plan: Plan;
  revision: number;
}

export class TeamStore {
  readonly #sql: SqlStorage;
  /** Parsed plans: each admit reads one. */
  readonly #plans = new Map<string, RevisedPlan>();

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  insertTeam(team: TeamSummary, webhookSecret: string): void {
    this.#sql.exec(
      "INSERT INTO team (id, name, plan, webhook_secret, created_at, manages_connections) VALUES (?, ?, ?, ?, ?, ?)",
      team.id,
      team.name,
      team.plan,
      webhookSecret,
      team.createdAt,
      team.managesConnections ? 1 : 0,
    );
  }

  /** What signs deliveries to a request's own URL, newest first, ended ones included. */
  webhookSecrets(): EndpointSecret[] {
    const row = this.#sql
      .exec<{ first: string; all: string | null }>("SELECT webhook_secret AS first, webhook_secrets AS 'all' FROM team")
      .one();
    return row.all === null ? [{ secret: row.first, validUntil: null }] : (JSON.parse(row.all) as EndpointSecret[]);
  }

  setWebhookSecrets(secrets: readonly EndpointSecret[]): void {
    this.#sql.exec("UPDATE team SET webhook_secrets = ?", JSON.stringify(secrets));
  }

  /** The team of this store. Throws where there is none: callers know by `hasTables`. */
  team(): TeamSummary {
    const query = "SELECT id, name, plan, created_at, frozen_at, manages_connections FROM team";
    const { id, name, plan, ...row } = this.#sql.exec<TeamRow>(query).one();
    const managesConnections = row.manages_connections === 1;
    return { id, name, plan, createdAt: row.created_at, frozenAt: row.frozen_at, managesConnections };
  }

  choosePlan(name: string): void {
    this.#sql.exec("UPDATE team SET plan = ?", name);
  }

  /** Null resumes it. */
  setFrozen(at: number | null): void {
    this.#sql.exec("UPDATE team SET frozen_at = ?", at);
  }

  setManagesConnections(may: boolean): void {
    this.#sql.exec("UPDATE team SET manages_connections = ?", may ? 1 : 0);
  }

  alertPercents(): number[] {
    const { alert_percents } = this.#sql.exec<{ alert_percents: string }>("SELECT alert_percents FROM team").one();
    return JSON.parse(alert_percents) as number[];
  }

  setAlertPercents(percents: readonly number[]): void {
    this.#sql.exec("UPDATE team SET alert_percents = ?", JSON.stringify(percents));
  }

  putPlan(name: string, plan: Plan): void {
    this.#sql.exec(
      `INSERT INTO plan (name, body) VALUES (?, ?)
       ON CONFLICT (name) DO UPDATE SET body = excluded.body, revision = revision + 1`,
      name,
      JSON.stringify(plan),
    );
  }

  /** A plan by name, or null. Parsed by today's schema, so an older row gets the defaults of younger fields. */
  plan(name: string): RevisedPlan | null {
    const [row] = this.#sql.exec<{ revision: number }>("SELECT revision FROM plan WHERE name = ?", name);
    if (row === undefined) return name === DEFAULT_PLAN ? { plan: defaultPlan(), revision: 0 } : null;
    const known = this.#plans.get(name);
    if (known?.revision === row.revision) return known;
    const { body } = this.#sql.exec<{ body: string }>("SELECT body FROM plan WHERE name = ?", name).one();
    const parsed = { plan: planSchema.parse(JSON.parse(body)), revision: row.revision };
    this.#plans.set(name, parsed);
    return parsed;
  }

  plans(): NamedPlan[] {
    const rows = this.#sql.exec<{ name: string; body: string }>("SELECT name, body FROM plan ORDER BY name").toArray();
    return rows.map((row) => ({ name: row.name, plan: planSchema.parse(JSON.parse(row.body)) }));
  }
}

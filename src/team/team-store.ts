// SQL of the team's own row and its plans.

import type { TeamChoices, TeamSummary } from "../contracts/team-admin.ts";
import type { NamedPlan, PlanVersion } from "../contracts/team-plans.ts";
import type { EndpointSecret } from "../contracts/team-webhooks.ts";
import { MINUTE_MS } from "../platform/time.ts";
import type { TeamDatabase } from "./database.ts";
import { capsSchema, type OperatorCaps } from "./quota/caps.ts";
import { DEFAULT_PLAN, defaultPlan, type Plan } from "./quota/plan.ts";
import { storedPlan } from "./quota/stored-plan.ts";

/** When a change is reported to the directory by the alarm, if it was not at once. */
export const DIRECTORY_RETRY_MS = MINUTE_MS;

/** Percentages of a USD limit that publish an event. */
const ALERT_PERCENTS_DEFAULT = [80, 100];

type TeamRow = { id: string; name: string; plan: string; created_at: number; frozen_at: number | null } & {
  manages_connections: number;
  caps: string | null;
};

/** Versions of one plan; older ones are deleted. */
export const PLAN_VERSIONS_MAX = 100;

/** A plan and its revision: 0 for the built-in default. */
export interface RevisedPlan {
  plan: Plan;
  revision: number;
}

export class TeamStore {
  readonly #db: TeamDatabase;
  /** Parsed plans, because each admission reads one. */
  readonly #plans = new Map<string, RevisedPlan>();
  /** The parsed caps, for the same reason. */
  #caps: { text: string; caps: OperatorCaps } | null = null;

  constructor(db: TeamDatabase) {
    this.#db = db;
  }

  insertTeam(team: TeamSummary, webhookSecret: string): void {
    this.#db.run(
      `INSERT INTO team (id, name, plan, webhook_secret, alert_percents, created_at, manages_connections, directory_due_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      team.id,
      team.name,
      team.plan,
      webhookSecret,
      JSON.stringify(ALERT_PERCENTS_DEFAULT),
      team.createdAt,
      team.managesConnections ? 1 : 0,
      team.createdAt + DIRECTORY_RETRY_MS,
    );
  }

  /** Secrets for deliveries to `webhook_url` of requests, newest first, expired ones included. */
  webhookSecrets(): EndpointSecret[] {
    const row = this.#db.one<{ first: string; all: string | null }>(
      "SELECT webhook_secret AS first, webhook_secrets AS 'all' FROM team",
    );
    return row.all === null ? [{ secret: row.first, validUntil: null }] : (JSON.parse(row.all) as EndpointSecret[]);
  }

  setWebhookSecrets(secrets: readonly EndpointSecret[]): void {
    this.#db.run("UPDATE team SET webhook_secrets = ?", JSON.stringify(secrets));
  }

  /** The team. Throws if there is none: callers check `hasTables`. */
  team(): TeamSummary {
    const query = "SELECT id, name, plan, created_at, frozen_at, manages_connections, caps FROM team";
    const { id, name, plan, ...row } = this.#db.one<TeamRow>(query);
    const managesConnections = row.manages_connections === 1;
    const caps = this.#capsOf(row.caps);
    return { id, name, plan, createdAt: row.created_at, frozenAt: row.frozen_at, managesConnections, caps };
  }

  #capsOf(text: string | null): OperatorCaps | null {
    if (text === null) return null;
    if (this.#caps?.text !== text) this.#caps = { text, caps: capsSchema().parse(JSON.parse(text)) };
    return this.#caps.caps;
  }

  /** Null removes them. */
  setCaps(caps: OperatorCaps | null): void {
    this.#db.run("UPDATE team SET caps = ?", caps === null ? null : JSON.stringify(caps));
  }

  /** The directory shows the name. */
  setChoices({ name, plan }: TeamChoices, now: number): void {
    this.#db.run("UPDATE team SET name = ?, plan = ?, directory_due_at = ?", name, plan, now + DIRECTORY_RETRY_MS);
  }

  /** Null unfreezes it. The directory shows it. */
  setFrozen(frozenAt: number | null, now: number): void {
    this.#db.run("UPDATE team SET frozen_at = ?, directory_due_at = ?", frozenAt, now + DIRECTORY_RETRY_MS);
  }

  /** When the deployment's directory has to be updated; null if it is up to date. */
  directoryDueAt(): number | null {
    return this.#db.one<{ at: number | null }>("SELECT directory_due_at AS at FROM team").at;
  }

  setDirectoryDue(at: number | null): void {
    this.#db.run("UPDATE team SET directory_due_at = ?", at);
  }

  /** When an admin last ran the self-test; null: never. */
  doctorAt(): number | null {
    return this.#db.one<{ at: number | null }>("SELECT doctor_at AS at FROM team").at;
  }

  setDoctorAt(at: number): void {
    this.#db.run("UPDATE team SET doctor_at = ?", at);
  }

  setManagesConnections(may: boolean): void {
    this.#db.run("UPDATE team SET manages_connections = ?", may ? 1 : 0);
  }

  alertPercents(): number[] {
    const { alert_percents } = this.#db.one<{ alert_percents: string }>("SELECT alert_percents FROM team");
    return JSON.parse(alert_percents) as number[];
  }

  setAlertPercents(percents: readonly number[]): void {
    this.#db.run("UPDATE team SET alert_percents = ?", JSON.stringify(percents));
  }

  /** Writes a plan as a new version. Numbers are never given twice, so that a number stands for one text. */
  putPlan(name: string, plan: Plan, by: string, at: number): void {
    this.#keepVersion(name, null, null);
    this.#db.run(
      `INSERT INTO plan (name, body, revision)
       VALUES (?, ?, 1 + coalesce((SELECT max(version) FROM plan_version WHERE name = ?), 0))
       ON CONFLICT (name) DO UPDATE SET body = excluded.body, revision = excluded.revision`,
      name,
      JSON.stringify(plan),
      name,
    );
    this.#keepVersion(name, at, by);
    this.#db.run(
      "DELETE FROM plan_version WHERE name = ? AND version <= (SELECT revision FROM plan WHERE name = ?) - ?",
      name,
      name,
      PLAN_VERSIONS_MAX,
    );
  }

  /** Its versions stay. */
  removePlan(name: string): void {
    this.#keepVersion(name, null, null);
    this.#db.run("DELETE FROM plan WHERE name = ?", name);
  }

  /** Newest first, also of a deleted plan. */
  planVersions(name: string): PlanVersion[] {
    const rows = this.#db.rows<{ version: number; at: number | null; actor: string | null; body: string }>(
      `SELECT version, at, actor, body FROM plan_version WHERE name = ?1
       UNION ALL SELECT revision, NULL, NULL, body FROM plan WHERE name = ?1
         AND NOT EXISTS (SELECT 1 FROM plan_version WHERE name = ?1 AND version = plan.revision)
       ORDER BY version DESC`,
      name,
    );
    return rows.map(({ body, ...row }) => ({ ...row, plan: storedPlan(body) }));
  }

  /** Keeps the current text under its number, unless that is kept. */
  #keepVersion(name: string, at: number | null, by: string | null): void {
    this.#db.run(
      `INSERT OR IGNORE INTO plan_version (name, version, at, actor, body)
       SELECT name, revision, ?, ?, body FROM plan WHERE name = ?`,
      at,
      by,
      name,
    );
  }

  /** A plan by name, or null. Fields that older code did not write have their defaults. */
  plan(name: string): RevisedPlan | null {
    const [row] = this.#db.rows<{ revision: number }>("SELECT revision FROM plan WHERE name = ?", name);
    if (row === undefined) return name === DEFAULT_PLAN ? { plan: defaultPlan(), revision: 0 } : null;
    const known = this.#plans.get(name);
    if (known?.revision === row.revision) return known;
    const { body } = this.#db.one<{ body: string }>("SELECT body FROM plan WHERE name = ?", name);
    const parsed = { plan: storedPlan(body), revision: row.revision };
    this.#plans.set(name, parsed);
    return parsed;
  }

  plans(): NamedPlan[] {
    const rows = this.#db.rows<{ name: string; body: string }>("SELECT name, body FROM plan ORDER BY name");
    return rows.map((row) => ({ name: row.name, plan: storedPlan(row.body) }));
  }
}

// SQL of the audit log: who changed what, when and from where. Written in the transaction of the change, never edited.

import type { AuditEntry, AuditPage } from "../../contracts/team-admin.ts";
import type { Actor } from "../../contracts/team-keys.ts";
import type { TeamDatabase } from "../database.ts";

type AuditRow = {
  seq: number;
  at: number;
  actor: string;
  ip: string | null;
  action: string;
  target: string | null;
  detail: string;
};

const COLUMNS = "SELECT seq, at, actor, ip, action, target, detail FROM audit";

export class AuditStore {
  readonly #db: TeamDatabase;

  constructor(db: TeamDatabase) {
    this.#db = db;
  }

  /** `action` is `subject.verb_in_past`; `detail` holds names and numbers, never the text of a key or a prompt. */
  note(by: Actor, action: string, target: string | null, detail: AuditEntry["detail"], at: number): void {
    this.#db.run(
      "INSERT INTO audit (at, actor, ip, action, target, detail) VALUES (?, ?, ?, ?, ?, ?)",
      at,
      by.id,
      by.ip,
      action,
      target,
      JSON.stringify(detail),
    );
  }

  /** Newest first, below `before` (a `seq`) where one is given, of one `target` where one is given. */
  page(before: number | null, limit: number, target: string | null): AuditPage {
    const below = before ?? Number.MAX_SAFE_INTEGER;
    const rows =
      target === null
        ? this.#db.rows<AuditRow>(`${COLUMNS} WHERE seq < ? ORDER BY seq DESC LIMIT ?`, below, limit + 1)
        : this.#db.rows<AuditRow>(
            `${COLUMNS} WHERE target = ? AND seq < ? ORDER BY seq DESC LIMIT ?`,
            ...[target, below, limit + 1],
          );
    const shown = rows.slice(0, limit);
    return {
      data: shown.map((row) => ({ ...row, detail: JSON.parse(row.detail) as AuditEntry["detail"] })),
      nextBefore: rows.length > shown.length ? (shown.at(-1)?.seq ?? null) : null,
    };
  }
}

// Usage of a team: sums, months and their closing, and the parts of the archive.

import { RpcTarget } from "cloudflare:workers";
import type {
  ArchivePart,
  TeamUsage,
  UsageAnswer,
  UsageMonth,
  UsageQuery,
  UsageRow,
} from "../../contracts/team-admin.ts";
import type { Actor } from "../../contracts/team-keys.ts";
import { type Refused, refusal, refused } from "../../platform/errors.ts";
import { moneyText } from "../../platform/money.ts";
import { isoTime, monthOf } from "../../platform/time.ts";
import type { TeamStores } from "../stores.ts";
import type { TeamContext } from "../team-context.ts";

type UsageStores = Pick<TeamStores, "archive" | "audit" | "keys" | "months" | "usage">;

export class UsageReport extends RpcTarget implements TeamUsage {
  readonly #context: TeamContext;
  readonly #stores: UsageStores;

  constructor(context: TeamContext, stores: UsageStores) {
    super();
    this.#context = context;
    this.#stores = stores;
  }

  sums(query: UsageQuery): UsageAnswer {
    return this.#context.decide<UsageAnswer>({ rows: [], closedMonths: [] }, () => {
      const { usage, months } = this.#stores;
      usage.rollUp();
      const rows = usage.sums(query);
      const closedMonths = months.closedBetween(query.from.slice(0, 7), query.to.slice(0, 7));
      return { rows: query.groupBy.includes("key") ? this.#withKeyNames(rows) : rows, closedMonths };
    });
  }

  month(month: string): UsageMonth | null {
    return this.#context.decide<UsageMonth | null>(null, (now) => this.#month(month, now));
  }

  closeMonth(month: string, by: Actor): { kind: "closed"; month: UsageMonth } | Refused {
    const { audit, months } = this.#stores;
    return this.#context.ask((now) => {
      const { state, sums } = this.#month(month, now);
      if (state === "running") return refused(notOver(month));
      if (state === "over") {
        months.close({ month, closedAt: now, actor: by.id, sums });
        const detail = { requests: sums.requests, charged_usd: moneyText(sums.chargedMicro) };
        audit.note(by, "usage.month_closed", month, detail, now);
      }
      return { kind: "closed" as const, month: this.#month(month, now) };
    });
  }

  archiveParts(after: number, limit: number): ArchivePart[] {
    return this.#context.decide<ArchivePart[]>([], () => this.#stores.archive.storedParts(after, limit));
  }

  archivePart(n: number): ArchivePart | null {
    return this.#context.decide<ArchivePart | null>(null, () => {
      const [part] = this.#stores.archive.storedParts(n - 1, 1);
      return part?.n === n ? part : null;
    });
  }

  #month(month: string, now: number): UsageMonth {
    const { months, usage } = this.#stores;
    usage.rollUp();
    const closed = months.findClosed(month);
    const sums = closed?.sums ?? usage.total(`${month}-01`, `${month}-31`);
    const isOver = month < monthOf(now);
    return {
      month,
      state: closed !== null ? "closed" : isOver ? "over" : "running",
      closedAt: closed?.closedAt ?? null,
      closedBy: closed?.actor ?? null,
      sums,
      late: months.lateIn(month),
      settledLater: months.lateOf(month),
    };
  }

  /** Names as they are now. Keys of users' JWTs have none. */
  #withKeyNames(rows: UsageRow[]): UsageRow[] {
    const names = new Map(this.#stores.keys.all().map(({ id, name }) => [id, name]));
    return rows.map((row) => ({ ...row, keyName: names.get(row.group.key ?? "") ?? null }));
  }
}

function notOver(month: string) {
  const [year = 0, number = 1] = month.split("-").map(Number);
  return refusal("conflict", `The month ${month} is not over.`, {
    hint: `It can be closed from ${isoTime(Date.UTC(year, number))} on.`,
  });
}

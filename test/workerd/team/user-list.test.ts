// GET /v1/users: who used what, sorted by spend or by the newest day, found by a part of the name, page by page.

import { runInDurableObject } from "cloudflare:test";
import { describe, expect } from "vitest";
import { DAY_MS } from "../../../src/platform/time.ts";
import { USER_SCAN_MAX_ROWS } from "../../../src/team/usage/user-sums.ts";
import { passTime } from "../../harness/clock.ts";
import { bindings } from "../../harness/env.ts";
import { test } from "../../harness/fixtures.ts";
import { countRows } from "../../harness/rows.ts";
import { Team } from "../../harness/team.ts";
import { anEnd, NOTHING_MEASURED, TeamObject } from "../../harness/team-object.ts";

interface Users {
  from: string;
  data: { user: string; charged_usd: string; last_day: string; requests: number; frozen_at: string | null }[];
  next_cursor: string | null;
}

const usersOf = async (team: Team, query = "") => (await team.send<Users>("GET", `/v1/users?${query}`)).body;
const names = async (team: Team, query = "") => (await usersOf(team, query)).data.map(({ user }) => user);

async function spend(object: TeamObject, user: string | null, megapixels: number): Promise<void> {
  const tags = { client: "acme" };
  const measures = { ...NOTHING_MEASURED, megapixels };
  await object.stub.settle(anEnd(await object.admitted({ user, measures, tags }), "charge"));
}

describe("the list of users", () => {
  test("has whoever used something, most spent or newest first, with a block; nobody twice over its pages", async () => {
    const team = await Team.create();
    const object = await TeamObject.of(team);
    await spend(object, "old", 9);
    await passTime(20 * DAY_MS);
    await spend(object, "Ännchen", 2);
    await spend(object, "ada", 1);
    await spend(object, null, 50);
    await passTime(DAY_MS);
    await spend(object, "ada", 2);
    await spend(object, "bob", 3);
    await team.send("POST", "/v1/users/bob/freeze");
    const { data } = await usersOf(team);
    expect(data.map(({ user, charged_usd, requests }) => [user, charged_usd, requests])).toEqual([
      ["old", "0.027000", 1],
      ["ada", "0.009000", 2],
      ["bob", "0.009000", 1],
      ["Ännchen", "0.006000", 1],
    ]);
    expect(data.filter(({ frozen_at }) => frozen_at !== null).map(({ user }) => user)).toEqual(["bob"]);
    expect(await names(team, "sort=last")).toEqual(["ada", "bob", "Ännchen", "old"]);
    expect(await names(team, "q=A")).toEqual(["ada"]);
    expect(await names(team, "q=nch")).toEqual(["Ännchen"]);
    const today = new Date().toISOString().slice(0, 10);
    expect(await names(team, `from=${today}`)).toEqual(["bob", "ada"]);
    for (const sort of ["spend", "last"]) {
      const seen: string[] = [];
      let cursor = "";
      do {
        const page = await usersOf(team, `sort=${sort}&limit=1${cursor}`);
        seen.push(...page.data.map(({ user }) => user));
        cursor = page.next_cursor === null ? "" : `&cursor=${page.next_cursor}`;
      } while (cursor !== "");
      expect(seen).toEqual(await names(team, `sort=${sort}`));
    }
  });

  test.for(["sort=name", "cursor=x", "limit=0", "from=2020-01-01", "cursor=WyJhIiwiYiJd"])(
    "refuses %s",
    async (query) => {
      const team = await Team.create();
      expect((await team.send("GET", `/v1/users?${query}`)).status).toBe(400);
    },
  );

  test("of very many sums counts the newest days, says from which, and reads no more", async () => {
    const team = await Team.create();
    const perDay = 12_000;
    await runInDurableObject(bindings.TEAM.getByName(team.id), (_instance, { storage: { sql } }) => {
      const columns = sql.exec("SELECT * FROM usage LIMIT 0").columnNames;
      for (let n = 0; n < 7; n++) {
        const day = new Date(Date.now() - n * DAY_MS).toISOString().slice(0, 10);
        const keys: Record<string, string> = {
          day: `'${day}'`,
          model: "'m'",
          user: "'u' || n",
          key_id: "'k'",
          tag: "''",
        };
        sql.exec(
          `WITH RECURSIVE rows (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM rows WHERE n < ${perDay})
           INSERT INTO usage SELECT ${columns.map((name) => keys[name] ?? "1").join(", ")} FROM rows`,
        );
      }
    });
    const rows = await countRows(bindings.TEAM.getByName(team.id), async () => {
      const page = await usersOf(team, "limit=3");
      expect(page.from).toBe(new Date(Date.now() - 4 * DAY_MS).toISOString().slice(0, 10));
      expect(page.data).toMatchObject([{ user: "u1", requests: 5 }, {}, {}]);
    });
    expect(rows.read).toBeLessThan(USER_SCAN_MAX_ROWS + perDay + 1_000);
  });
});

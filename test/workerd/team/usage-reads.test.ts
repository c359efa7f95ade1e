// What reads of usage cost: a user's own do not grow with the others', and no answer is without bound.

import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { DAY_MS } from "../../../src/platform/time.ts";
import { dayOf, USAGE_DAYS_MAX, USAGE_ROWS_MAX } from "../../../src/team/usage/usage.ts";
import { countRows } from "../../harness/rows.ts";
import { newKey, Team } from "../../harness/team.ts";

const stubOf = ({ id }: Team) => env.TEAM.getByName(id);
const TODAY = dayOf(Date.now());

/** One row of usage for each of so many users, today. */
async function fill(team: Team, users: number, name = "user"): Promise<void> {
  await runInDurableObject(stubOf(team), (_instance, { storage: { sql } }) => {
    const columns = sql.exec("SELECT * FROM usage LIMIT 0").columnNames;
    const keys: Record<string, string> = {
      day: `'${TODAY}'`,
      model: "'m'",
      user: `'${name}-' || n`,
      key_id: "'k'",
      tag: "''",
    };
    sql.exec(
      `WITH RECURSIVE rows (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM rows WHERE n < ${users})
       INSERT INTO usage SELECT ${columns.map((name) => keys[name] ?? "1").join(", ")} FROM rows`,
    );
  });
}

test("a user reads as many rows with ten thousand others as with a hundred, and sees none of theirs", async () => {
  const read: number[] = [];
  for (const others of [100, 10_000]) {
    const team = await Team.create();
    await fill(team, others);
    const own = await newKey(team.key, { user: "user-7", scopes: ["read"] });
    const user = new Team(team.id, own.secret);
    const rows = await countRows(stubOf(team), async () => {
      const answer = await user.send<{ data: { user: string }[] }>("GET", "/v1/usage?group_by=user,day");
      expect(answer.body.data.map((row) => row.user)).toEqual(["user-7"]);
    });
    read.push(rows.read);
  }
  expect(read[1]).toBe(read[0]);
});

describe("a read of a whole team's usage", () => {
  test("covers a year at most", async () => {
    const team = await Team.create();
    const from = (days: number) => dayOf(Date.now() - (days - 1) * DAY_MS);
    const path = (days: number) => `/v1/usage?from=${from(days)}&to=${TODAY}`;
    expect((await team.send("GET", path(USAGE_DAYS_MAX))).status).toBe(200);
    const refused = await team.send<{ code: string; detail: string }>("GET", path(USAGE_DAYS_MAX + 1));
    expect([refused.status, refused.body.code, refused.body.detail]).toEqual([
      ...[400, "invalid_request", `\`from\` to \`to\` is ${USAGE_DAYS_MAX + 1} days.`],
    ]);
  });

  test("answers as many rows as are promised, and says what to do with more", async () => {
    const team = await Team.create();
    await fill(team, USAGE_ROWS_MAX);
    const all = await team.send<{ data: unknown[] }>("GET", "/v1/usage?group_by=user");
    expect(all.body.data).toHaveLength(USAGE_ROWS_MAX);
    await fill(team, 1, "another");
    const refused = await team.send<{ detail: string; hint: string }>("GET", "/v1/usage?group_by=user");
    expect([refused.status, refused.body.detail]).toEqual([400, `The answer has more than ${USAGE_ROWS_MAX} rows.`]);
    expect(refused.body.hint).toContain("group by less");
    expect((await team.send("GET", "/v1/usage?group_by=model")).status).toBe(200);
  });
});

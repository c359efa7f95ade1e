// /v1/prices: the team's price table (scope `admin`) and its history. A request is charged by the table in force when it was admitted,
// so a new table does not affect earlier requests.

import type { PricesInForce } from "../../../contracts/team-admin.ts";
import type { Env } from "../../../platform/bindings.ts";
import { lazy } from "../../../platform/schema.ts";
import { askTeam } from "../../../platform/stubs.ts";
import { isoTime } from "../../../platform/time.ts";
import { HISTORY_LIMIT_MAX } from "../../../team/cursor.ts";
import { type PriceTable, priceTableSchema } from "../../../team/quota/prices.ts";
import { actorOf } from "../../audit-actor.ts";
import { defineRoute, type Route } from "../../route.ts";
import { listBody } from "../../schemas.ts";

const tableInForce = lazy((z) =>
  z.object({
    prices: priceTableSchema(),
    since: z.iso.datetime().nullable().describe("Null: the initial table."),
    actor: z.string().nullable(),
  }),
);

export const priceRoutes: readonly Route[] = [
  defineRoute({
    method: "GET",
    path: "/v1/prices",
    summary: "Retrieve the price table",
    access: "admin",
    answers: { 200: { description: "Prices by model or glob.", schema: priceTableSchema } },
    errors: [],
    async handle({ env, caller }) {
      const [current] = await tables(env, caller.team, 1);
      return { status: 200, body: current?.table ?? {} };
    },
  }),
  defineRoute({
    method: "PUT",
    path: "/v1/prices",
    summary: "Replace the price table",
    access: "admin",
    body: priceTableSchema,
    answers: { 200: { description: "The table. It applies to submits from now on.", schema: priceTableSchema } },
    errors: ["forbidden"],
    async handle(call) {
      const { env, caller, body } = call;
      const answer = await askTeam(env, caller.team, (team) => team.prices.put(body, actorOf(call)));
      return answer.kind === "refused" ? { refusal: answer.refusal } : { status: 200, body };
    },
  }),
  defineRoute({
    method: "GET",
    path: "/v1/prices/history",
    summary: "List price tables, newest first",
    access: "admin",
    answers: {
      200: { description: `The latest ${HISTORY_LIMIT_MAX} tables.`, schema: () => listBody(tableInForce()) },
    },
    errors: [],
    async handle({ env, caller }) {
      const history = await tables(env, caller.team, HISTORY_LIMIT_MAX);
      const data = history.map(({ table, since, actor }) => ({ prices: table, since: isoTime(since), actor }));
      return { status: 200, body: { data, next_cursor: null } };
    },
  }),
];

async function tables(env: Env, team: string, limit: number): Promise<PricesInForce[]> {
  const history = await askTeam(env, team, (stub) => stub.prices.history(limit));
  return history.map((each) => ({ ...each, table: each.table as PriceTable }));
}

// /v1/prices: the team's price table (scope `admin`), single entries of it, and its history. A request is charged by the table in
// force when it was admitted, so a new table does not affect earlier requests.

import type { PricesInForce } from "../../../contracts/team-admin.ts";
import type { Env } from "../../../platform/bindings.ts";
import { type Refusal, type Refused, refusal } from "../../../platform/errors.ts";
import { mergePatch } from "../../../platform/merge-patch.ts";
import { lazy } from "../../../platform/schema.ts";
import { askTeam } from "../../../platform/stubs.ts";
import { isoTime } from "../../../platform/time.ts";
import { matchFault } from "../../../platform/version-tag.ts";
import { HISTORY_LIMIT_MAX } from "../../../team/cursor.ts";
import { type PriceTable, pricedModel, priceSchema, priceTableSchema } from "../../../team/quota/prices.ts";
import { priceTableTag, priceTag } from "../../../team/version-tags.ts";
import { actorOf } from "../../audit-actor.ts";
import type { Caller } from "../../auth.ts";
import { bodyFields, changeWhole, patched } from "../../changes/change-whole.ts";
import { etagHeader, ifMatchOf, writeHeaders } from "../../changes/if-match.ts";
import { defineRoute, type Route } from "../../route.ts";
import { listBody } from "../../schemas.ts";

const tableInForce = lazy((z) =>
  z.object({
    prices: priceTableSchema(),
    since: z.iso.datetime().nullable().describe("Null: the initial table."),
    actor: z.string().nullable(),
  }),
);

/** A model's id or a pattern, as it stands in the table; slashes may be sent as they are. */
const entryParams = lazy((z) =>
  z.object({
    model: pricedModel().describe("Model id or pattern, as it stands in the table. Slashes may be sent as they are."),
  }),
);

const NEW_TABLE = "The table. It applies to submits from now on.";
const NEW_PRICE = "The price. It applies to submits from now on.";

const readTable = defineRoute({
  method: "GET",
  path: "/v1/prices",
  summary: "Retrieve the price table",
  access: "admin",
  answers: { 200: { description: "Prices by model or pattern.", schema: priceTableSchema, headers: ["ETag"] } },
  errors: [],
  async handle({ env, caller }) {
    return tableAnswer(await currentTable(env, caller.team));
  },
});

const putTable = defineRoute({
  method: "PUT",
  path: "/v1/prices",
  summary: "Replace the price table",
  access: "admin",
  headers: writeHeaders,
  body: priceTableSchema,
  answers: { 200: { description: NEW_TABLE, schema: priceTableSchema, headers: ["ETag"] } },
  errors: ["forbidden", "precondition_failed"],
  async handle(call) {
    const { env, caller, body } = call;
    const ifMatch = ifMatchOf(call.headers);
    const answer = await askTeam(env, caller.team, (team) => team.prices.put(body, actorOf(call), ifMatch));
    return answer.kind === "refused" ? { refusal: answer.refusal } : tableAnswer(body);
  },
});

const patchTable = defineRoute({
  method: "PATCH",
  path: "/v1/prices",
  summary: "Change entries of the price table",
  description:
    "The body is a JSON merge patch (RFC 7386): entries are added or changed field by field, null removes one, and all others stay.",
  access: "admin",
  headers: writeHeaders,
  body: (z) => z.looseObject({}).describe("The entries to change, by model or pattern."),
  answers: { 200: { description: NEW_TABLE, schema: priceTableSchema, headers: ["ETag"] } },
  errors: ["invalid_request", "forbidden", "precondition_failed"],
  async handle(call) {
    const ifMatch = ifMatchOf(call.headers);
    const before = (table: PriceTable) => matchFault(ifMatch, priceTableTag(table), "The price table");
    const answer = await changeTable(call, before, patched(call.body));
    return answer.kind === "refused" ? { refusal: answer.refusal } : tableAnswer(answer.table);
  },
});

const history = defineRoute({
  method: "GET",
  path: "/v1/prices/history",
  summary: "List price tables, newest first",
  access: "admin",
  answers: {
    200: { description: `The latest ${HISTORY_LIMIT_MAX} tables.`, schema: () => listBody(tableInForce()) },
  },
  errors: [],
  async handle({ env, caller }) {
    const tables = await latestTables(env, caller.team, HISTORY_LIMIT_MAX);
    const data = tables.map(({ table, since, actor }) => ({ prices: table, since: isoTime(since), actor }));
    return { status: 200, body: { data, next_cursor: null } };
  },
});

const readEntry = defineRoute({
  method: "GET",
  path: "/v1/prices/:model{.+}",
  summary: "Retrieve an entry of the price table",
  access: "admin",
  params: entryParams,
  answers: {
    200: { description: "The entry of exactly this model or pattern.", schema: priceSchema, headers: ["ETag"] },
  },
  errors: ["not_found"],
  async handle({ env, caller, params }) {
    return entryAnswer(await currentTable(env, caller.team), params.model);
  },
});

const putEntry = defineRoute({
  method: "PUT",
  path: "/v1/prices/:model{.+}",
  summary: "Set an entry of the price table",
  description: "All other entries stay.",
  access: "admin",
  params: entryParams,
  headers: writeHeaders,
  body: priceSchema,
  answers: { 200: { description: NEW_PRICE, schema: priceSchema, headers: ["ETag"] } },
  errors: ["invalid_request", "forbidden", "precondition_failed"],
  async handle(call) {
    const { model } = call.params;
    const answer = await changeTable(call, entryFault(call, "may_be_new"), (table) => ({
      ...table,
      [model]: call.body,
    }));
    return answer.kind === "refused" ? { refusal: answer.refusal } : entryAnswer(answer.table, model);
  },
});

const patchEntry = defineRoute({
  method: "PATCH",
  path: "/v1/prices/:model{.+}",
  summary: "Change fields of an entry of the price table",
  description: "The body is a JSON merge patch (RFC 7386): null removes a field.",
  access: "admin",
  params: entryParams,
  headers: writeHeaders,
  body: () => bodyFields(priceSchema().shape).describe("The fields to change."),
  answers: { 200: { description: NEW_PRICE, schema: priceSchema, headers: ["ETag"] } },
  errors: ["invalid_request", "forbidden", "not_found", "precondition_failed"],
  async handle(call) {
    const { model } = call.params;
    const change = (table: PriceTable) => ({ ...table, [model]: mergePatch(table[model], call.body) });
    const answer = await changeTable(call, entryFault(call, "must_exist"), change);
    return answer.kind === "refused" ? { refusal: answer.refusal } : entryAnswer(answer.table, model);
  },
});

const removeEntry = defineRoute({
  method: "DELETE",
  path: "/v1/prices/:model{.+}",
  summary: "Delete an entry of the price table",
  description: "All other entries stay. The model's price is unknown then, unless a pattern matches it.",
  access: "admin",
  params: entryParams,
  headers: writeHeaders,
  answers: { 204: { description: "Deleted. It applies to submits from now on." } },
  errors: ["forbidden", "not_found", "precondition_failed"],
  async handle(call) {
    const change = (table: PriceTable) => mergePatch(table, { [call.params.model]: null });
    const answer = await changeTable(call, entryFault(call, "must_exist"), change);
    return answer.kind === "refused" ? { refusal: answer.refusal } : { status: 204 };
  },
});

export const priceRoutes: readonly Route[] = [
  readTable,
  putTable,
  patchTable,
  history,
  readEntry,
  putEntry,
  patchEntry,
  removeEntry,
];

type TableCall = { env: Env; caller: Caller; request: Request };

/** Writes a changed table. `before`: why it may not be changed, by the table that is there. */
function changeTable(
  call: TableCall,
  before: (table: PriceTable) => Refusal | null,
  change: (table: PriceTable) => unknown,
): Promise<{ kind: "stored"; table: PriceTable } | Refused> {
  const { env, caller } = call;
  return changeWhole({
    what: "The price table",
    ifMatch: null,
    settings: priceTableSchema(),
    async read() {
      const table = await currentTable(env, caller.team);
      return { kind: "current" as const, wire: table, tag: priceTableTag(table) };
    },
    before,
    change,
    async write(table, ifMatch) {
      const answer = await askTeam(env, caller.team, (team) => team.prices.put(table, actorOf(call), ifMatch));
      return answer.kind === "refused" ? answer : { kind: "stored" as const, table };
    },
  });
}

/** Why a writer may not change this entry of a table, or null. */
function entryFault(
  { params: { model }, headers }: { params: { model: string }; headers: Parameters<typeof ifMatchOf>[0] },
  entry: "must_exist" | "may_be_new",
): (table: PriceTable) => Refusal | null {
  return (table) => {
    const price = Object.hasOwn(table, model) ? table[model] : undefined;
    if (price === undefined && entry === "must_exist") return noEntry(model);
    return matchFault(ifMatchOf(headers), price === undefined ? null : priceTag(price), "The price");
  };
}

function noEntry(model: string): Refusal {
  const hint = "GET /v1/prices lists the entries: models, and patterns as they were written.";
  return refusal("not_found", `The price table has no entry "${model}".`, { hint });
}

function tableAnswer(table: PriceTable) {
  return { status: 200 as const, headers: etagHeader(priceTableTag(table)), body: table };
}

function entryAnswer(table: PriceTable, model: string) {
  const price = Object.hasOwn(table, model) ? table[model] : undefined;
  if (price === undefined) return { refusal: noEntry(model) };
  return { status: 200 as const, headers: etagHeader(priceTag(price)), body: price };
}

async function currentTable(env: Env, team: string): Promise<PriceTable> {
  const [current] = await latestTables(env, team, 1);
  return current?.table ?? {};
}

async function latestTables(env: Env, team: string, limit: number): Promise<PricesInForce[]> {
  const latest = await askTeam(env, team, (stub) => stub.prices.history(limit));
  return latest.map((each) => ({ ...each, table: each.table as PriceTable }));
}

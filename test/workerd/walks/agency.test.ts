// Walk C: an agency of several members works for several clients. Each run names its client, members, clients and the whole
// team have their money for the month, and the month's export is the invoice.

import { expect, vi } from "vitest";
import { DAY_MS, HOUR_MS } from "../../../src/platform/time.ts";
import { call } from "../../harness/calls.ts";
import { test } from "../../harness/fixtures.ts";
import { MODEL } from "../../harness/model.ts";
import { endOf, many, micro, Person, type Said, sorted } from "../../harness/people.ts";
import { Team } from "../../harness/team.ts";
import { runToEnd } from "../../harness/tracker.ts";
import { sandbox, upstreamRequests } from "../../harness/upstream.ts";

const VIDEO = "fal-ai/minimax/video-01";
const monthly = (name: string, scope: string, usd: string) => ({ name, scope, per: "usd", limit: usd, window: "1mo" });
const PLAN = {
  require_tags: ["client"],
  limits: [
    monthly("team-month", "team", "500"),
    monthly("member-month", "user", "60"),
    monthly("client-month", "tag:client", "90"),
  ],
};

/** The agency: a key for each member, who acts under it and nobody else. */
async function openAgency<M extends string>(
  prices: Record<string, string>,
  members: readonly M[],
  plan: object = PLAN,
) {
  const team = await Team.create(plan);
  const table = Object.fromEntries(Object.entries(prices).map(([model, usd]) => [model, { unit: "request", usd }]));
  expect((await team.send("PUT", "/v1/prices", table)).status).toBe(200);
  const people = {} as Record<M, Person>;
  for (const user of members) {
    const { body } = await team.send<{ secret: string }>("POST", "/v1/keys", { name: user, user });
    people[user] = new Person(body.secret);
  }
  return { team, people };
}

test("a run without its client is refused with a hint that works when it is followed", async () => {
  const { team, people } = await openAgency({ [MODEL]: "1" }, ["anna"]);
  for (const tags of [undefined, {}, { client: " " }, { project: "spring" }]) {
    const refused = await people.anna.post("a cat", tags === undefined ? {} : { tags });
    expect([refused.status, refused.body.code], JSON.stringify(tags)).toEqual([400, "invalid_request"]);
    expect(refused.body.detail).toContain("`client`");
    expect(refused.body.hint).toMatch(/Sluice-Tags/);
  }
  expect(await people.anna.limits()).toMatchObject([{ used: "0.000000" }, { used: "0.000000" }]);
  expect(await upstreamRequests()).toEqual([]);

  const { hint = "" } = (await people.anna.post("a cat")).body;
  const suggested = JSON.parse(`{${/`("tags": \{.*?\})`/.exec(hint)?.[1]}}`) as { tags: Record<string, string> };
  expect((await people.anna.post("a cat", suggested)).status).toBe(202);
  const body = { model: MODEL, input: { prompt: "a cat" } };
  const byHeader = await people.anna.ask("POST", "/v1/requests", body, { "Sluice-Tags": "client=acme" });
  expect([byHeader.status, byHeader.body.tags]).toEqual([202, { client: "acme" }]);
  expect(await team.used()).toEqual(["2.000000", "0.000000"]);
});

test("the limits of member, client and team are checked together: a refusal names each that is over and takes of none", async () => {
  const { team, people } = await openAgency({ [MODEL]: "30" }, ["anna", "bob"]);
  const post = async (person: Person, client: string) => {
    const { status, body } = await person.post("a cat", { tags: { client } });
    return body.violated_policies?.map((each) => each.name).join(" and ") ?? status;
  };
  expect([await post(people.anna, "acme"), await post(people.anna, "acme")]).toEqual([202, 202]);
  expect(await post(people.anna, "globex")).toBe("member-month");
  expect(await post(people.bob, "acme")).toBe(202);
  expect(await post(people.bob, "acme")).toBe("client-month");
  expect(await post(people.anna, "acme")).toBe("member-month and client-month");
  expect(await post(people.bob, "globex")).toBe(202);
  const narrow = { ...PLAN, limits: [monthly("team-month", "team", "120"), ...PLAN.limits.slice(1)] };
  expect((await team.send("PUT", "/v1/plans/default", narrow)).status).toBe(200);
  expect(await post(people.anna, "acme")).toBe("team-month and member-month and client-month");
  expect(await people.bob.limits()).toMatchObject([
    { name: "team-month", used: "120.000000" },
    { name: "member-month", used: "60.000000" },
  ]);
});

test("members who post at the same time exceed none of the three", async () => {
  const { team, people } = await openAgency({ [MODEL]: "30" }, ["anna", "bob", "carl"]);
  const members = Object.values(people);
  const clients = ["acme", "globex"];
  const answers = await many(90, async (n) => {
    const [member = people.anna, client = ""] = [members[n % 3], clients[n % 2]];
    return { ...(await member.post(`cat ${n}`, { tags: { client } })), client, member: Object.keys(people)[n % 3] };
  });
  const { taken, refused } = sorted(answers);
  expect(new Set(refused.map(({ status }) => status))).toEqual(new Set([402]));
  const count = (which: (answer: (typeof answers)[number]) => boolean) =>
    answers.filter((answer) => answer.status === 202 && which(answer)).length;
  const ofMember = (name = "") => count(({ member }) => member === name);
  const ofClient = (name: string) => count(({ client }) => client === name);
  for (const name of Object.keys(people)) expect(ofMember(name), name).toBeLessThanOrEqual(2);
  for (const name of clients) expect(ofClient(name), name).toBeLessThanOrEqual(3);
  // None of those that were refused would fit now.
  for (const { client, member } of answers) expect(ofMember(member) === 2 || ofClient(client) === 3).toBe(true);
  expect((await team.used())[0]).toBe(usd(taken.length * 30_000_000));
});

// Last in its file: it moves the clock further than the next test's start.
test("the month's CSV is what each run was charged, failed and refunded apart, and the month does not move once it is over", async () => {
  await sandbox("PATCH", "settings", { rps: 1_000 });
  const prices = { [MODEL]: "0.003001", [VIDEO]: "0.5" };
  const { team, people } = await openAgency(prices, ["anna", "bob"], { ...PLAN, charge_422: true });
  const start = new Date();
  const [month, nextMonth] = [0, 1].map((n) => new Date(Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + n)));
  const firstDay = dayText(month);
  const lastDay = dayText(new Date((nextMonth?.getTime() ?? 0) - DAY_MS));

  const posts: [member: Person, client: string, model: string, prompt: string][] = [
    [people.anna, "acme", MODEL, "a cat"],
    [people.anna, "acme", MODEL, "a dog"],
    [people.anna, "acme", MODEL, "sandbox:crash"],
    [people.anna, "acme", VIDEO, "a wave"],
    [people.bob, "acme", MODEL, "a fish"],
    [people.bob, "globex, inc.", MODEL, "sandbox:refused"],
    [people.bob, "globex, inc.", VIDEO, "sandbox:error500"],
    [people.bob, "globex, inc.", VIDEO, "sandbox:slow"],
  ];
  const post = async ([member, client, model, prompt]: (typeof posts)[number]) => {
    const { status, body } = await member.ask("POST", "/v1/requests", { model, input: { prompt }, tags: { client } });
    expect(status).toBe(202);
    return body;
  };
  const ended: Said[] = [];
  for (const each of posts.slice(0, -1)) ended.push(await endOf(team, await post(each)));
  const canceled = await post(posts[7] as (typeof posts)[number]);
  expect((await team.cancel(canceled.id)).status).toBeLessThan(300);
  ended.push((await runToEnd(team, canceled.id)) as Said);
  expect(ended.map(({ status }) => status)).toEqual([
    ...["COMPLETED", "COMPLETED", "FAILED", "COMPLETED", "COMPLETED", "FAILED", "FAILED", "CANCELED"],
  ]);
  vi.setSystemTime((nextMonth?.getTime() ?? 0) - HOUR_MS);
  await sandbox("POST", "clock", { now: Date.now() });
  const overMidnight = await post([people.anna, "acme", MODEL, "the last of the month sandbox:slow:7200000"]);

  const csv = () => usageCsv(team, firstDay, lastDay);
  vi.setSystemTime(nextMonth?.getTime() ?? 0);
  await sandbox("POST", "clock", { now: Date.now() });
  const invoice = await csv();
  const rows = rowsOf(invoice);
  expect(
    rows.map((row) => [row.tag, row.user, row.model, row.completed, row.failed, row.canceled, row.refunded]),
  ).toEqual([
    ["client=acme", "anna", MODEL, "2", "1", "0", "1"],
    ["client=acme", "anna", VIDEO, "1", "0", "0", "0"],
    ["client=acme", "bob", MODEL, "1", "0", "0", "0"],
    ["client=globex, inc.", "bob", MODEL, "0", "1", "0", "0"],
    ["client=globex, inc.", "bob", VIDEO, "0", "1", "1", "2"],
  ]);
  for (const row of rows) {
    const its = ended.filter(({ tags, user, model }) => {
      return `client=${(tags as { client: string }).client}` === row.tag && user === row.user && model === row.model;
    });
    expect(micro(row.charged_usd), JSON.stringify(row)).toBe(sum(its.map(({ cost }) => cost.charged)));
    const refunded = its.filter(({ cost }) => micro(cost.charged) === 0);
    expect(micro(row.refunded_usd)).toBe(sum(refunded.map(({ cost }) => cost.estimated)));
  }
  expect(sum(rows.map((row) => row.charged_usd))).toBe(sum(ended.map(({ cost }) => cost.charged)));
  expect(sum(ended.map(({ cost }) => cost.charged))).toBe(4 * 3_001 + 500_000);

  // What ends, and what is done, in the new month is the new month's.
  const late = await endOf(team, overMidnight);
  expect([late.status, late.cost.charged]).toEqual(["COMPLETED", "0.003001"]);
  await endOf(team, await post([people.bob, "acme", MODEL, "the first of the month"]));
  await team.send("PUT", "/v1/prices", { "**": { unit: "request", usd: "9" } });
  expect(await csv()).toBe(invoice);
  const today = rowsOf(await usageCsv(team, dayText(nextMonth), dayText(new Date())));
  expect(today.map((row) => [row.user, row.requests, row.completed, row.late, row.charged_usd])).toEqual([
    ["anna", "0", "1", "1", "0.003001"],
    ["bob", "1", "1", "0", "0.003001"],
  ]);
});

async function usageCsv(team: Team, from: string, to: string): Promise<string> {
  const path = `/v1/usage?group_by=tag:client,user,model&format=csv&from=${from}&to=${to}`;
  const answer = await call("GET", path, { headers: { Authorization: `Bearer ${team.key}` } });
  expect([answer.status, answer.headers.get("Content-Type")]).toEqual([200, "text/csv; charset=utf-8"]);
  return answer.text();
}

/** The lines of a CSV (RFC 4180, no line ends inside of cells) as objects by its first line's names. */
function rowsOf(csv: string): Record<string, string>[] {
  const [names = [], ...lines] = csv
    .trimEnd()
    .split("\r\n")
    .map((line) => {
      return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, plain = ""]) => {
        return quoted?.replaceAll('""', '"') ?? plain;
      });
    });
  return lines.map((cells) => Object.fromEntries(names.map((name, n) => [name, cells[n] ?? ""])));
}

function sum(amounts: readonly unknown[]): number {
  return amounts.reduce<number>((total, amount) => total + micro(amount), 0);
}

function usd(amountMicro: number): string {
  return (amountMicro / 1_000_000).toFixed(6);
}

function dayText(date: Date | undefined): string {
  return date?.toISOString().slice(0, 10) ?? "";
}

// Months of usage: a closed one never moves, whatever is settled, deleted or counted afterwards; what is late counts in the next one and
// says where it belongs.

import { describe, expect } from "vitest";
import { DAY_MS } from "../../../src/platform/time.ts";
import { passTime } from "../../harness/clock.ts";
import { test } from "../../harness/fixtures.ts";
import { newKey, Team } from "../../harness/team.ts";
import { anEnd, NOTHING_MEASURED, SOMEBODY, TeamObject } from "../../harness/team-object.ts";

const measures = { ...NOTHING_MEASURED, megapixels: 1 };
const START = Date.UTC(2031, 9, 20);

test.override("startsAt", START);

interface Late {
  request_id: string;
  month: string;
  day: string;
  charged_usd: string | null;
  refunded: boolean;
}
interface Month {
  state: string;
  closed_at: string | null;
  closed_by: string | null;
  sums: Record<string, unknown>;
  late: Late[];
  settled_later: Late[];
  code?: string;
  hint?: string;
}

const readMonth = async (team: Team, month: string) =>
  (await team.send<Month>("GET", `/v1/usage/months/${month}`)).body;
const close = (team: Team, month: string) => team.send<Month>("POST", `/v1/usage/months/${month}/close`);

describe("a month", () => {
  test("that runs or is to come cannot be closed, and the answer says when it can", async () => {
    const team = await Team.create();
    expect(await readMonth(team, "2031-10")).toMatchObject({ state: "running", closed_at: null });
    for (const month of ["2031-10", "2031-11", "2099-01"]) {
      const { status, body } = await close(team, month);
      expect([status, body.code]).toEqual([409, "conflict"]);
    }
    expect((await close(team, "2031-10")).body.hint).toContain("2031-11-01T00:00:00.000Z");
    for (const month of ["2031-13", "2031", "october", "1999-01"]) expect((await close(team, month)).status).toBe(404);
    const reader = await newKey(team.key, { scopes: ["run", "read"] });
    expect((await new Team(team.id, reader.secret).send("POST", "/v1/usage/months/2031-09/close")).status).toBe(403);
  });

  test("that is closed never moves: what is settled, deleted and forgotten later counts in the next, with a reference", async () => {
    const team = await Team.create();
    const object = await TeamObject.of(team);
    const admit = () => object.admitted({ user: "anna", tags: { client: "acme" }, measures });
    await object.stub.settle(anEnd(await admit(), "charge"));
    const [late, uncertain, refunded, unstarted] = [await admit(), await admit(), await admit(), await admit()];
    await object.stub.settle(anEnd(uncertain, "keep"));
    await passTime(13 * DAY_MS);
    expect(await readMonth(team, "2031-10")).toMatchObject({ state: "over", sums: { requests: 5, completed: 1 } });

    const closed = await close(team, "2031-10");
    expect(closed).toMatchObject({
      status: 200,
      body: {
        ...{ state: "closed", closed_at: new Date().toISOString(), closed_by: team.keyId },
        ...{ sums: { requests: 5, completed: 1, charged_usd: "0.003000" }, late: [], settled_later: [] },
      },
    });
    const sums = async () =>
      (await team.send<{ data: unknown }>("GET", "/v1/usage?from=2031-10-01&to=2031-10-31&group_by=day,key,tag:client"))
        .body;
    const before = await sums();
    expect(before).toMatchObject({ closed_months: ["2031-10"] });

    await object.stub.settle(anEnd(late, "charge"));
    await object.stub.settle(anEnd(refunded, "refund"));
    await object.stub.requests.settleManually({ requestId: uncertain, charged: true, usdMicro: 5_000 }, SOMEBODY);
    await object.stub.release(unstarted);
    await object.stub.requests.markDeleted(late);
    await team.send("DELETE", "/v1/users/anna");
    expect(await sums()).toEqual(before);

    const references = [
      { request_id: late, charged_usd: "0.003000", refunded: false },
      { request_id: uncertain, charged_usd: "0.005000", refunded: false },
      { request_id: refunded, charged_usd: "0.000000", refunded: true },
    ].map((each) => ({ ...each, month: "2031-10", day: "2031-11-02" }));
    const later = await readMonth(team, "2031-10");
    expect(later).toMatchObject({ state: "closed", sums: closed.body.sums });
    expect(later.settled_later).toEqual(
      expect.arrayContaining(references.map((each) => expect.objectContaining(each))),
    );
    const next = await readMonth(team, "2031-11");
    expect(next).toMatchObject({ state: "running", sums: { late: 3, charged_usd: "0.008000" } });
    expect(next.late).toEqual(later.settled_later);

    expect((await close(team, "2031-10")).body).toEqual(later);
    const audit = await team.send<{ data: { action: string; target: string }[] }>("GET", "/v1/audit");
    const entries = audit.body.data.filter(({ action }) => action === "usage.month_closed");
    expect(entries).toMatchObject([{ target: "2031-10", detail: { requests: 5, charged_usd: "0.003000" } }]);
  });

  test("that is closed takes nothing from an object whose clock is behind", async () => {
    const team = await Team.create();
    const object = await TeamObject.of(team);
    await passTime(12 * DAY_MS);
    await close(team, "2031-10");
    await passTime(-1_000);
    const id = await object.admitted({ measures });
    await object.stub.settle(anEnd(id, "charge"));
    await passTime(2_000);
    expect((await readMonth(team, "2031-10")).sums).toMatchObject({ requests: 0, completed: 0 });
    const october = await team.send("GET", "/v1/usage?from=2031-10-01&to=2031-10-31&group_by=");
    expect(october.body).toMatchObject({ data: [{ requests: 0, charged_usd: "0.000000" }] });
    expect((await readMonth(team, "2031-11")).sums).toMatchObject({ requests: 1, completed: 1, late: 1 });
  });
});

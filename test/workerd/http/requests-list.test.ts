// GET /v1/requests: what a line says, its filters, the count by the same filters, and the export of all lines as CSV.

import { runInDurableObject } from "cloudflare:test";
import { describe, expect } from "vitest";
import { COUNT_SCAN_MAX_ROWS } from "../../../src/team/requests/request-index.ts";
import { call } from "../../harness/calls.ts";
import { bindings } from "../../harness/env.ts";
import { test } from "../../harness/fixtures.ts";
import { countRows } from "../../harness/rows.ts";
import { newKey, type Team } from "../../harness/team.ts";
import { anEnd, NOTHING_MEASURED, TeamObject } from "../../harness/team-object.ts";

const measures = { ...NOTHING_MEASURED, megapixels: 1 };
const stubOf = (team: Team) => bindings.TEAM.getByName(team.id);

interface Page {
  data: ({ id: string } & Record<string, unknown>)[];
  next_cursor: string | null;
}

function listed(team: Team, query: string) {
  return team.send<Page>("GET", `/v1/requests?${query}`).then(({ body }) => body.data.map(({ id }) => id));
}

async function csvOf(team: Team, query = ""): Promise<{ lines: string[]; answer: Response }> {
  const answer = await call("GET", `/v1/requests?format=csv${query}`, { key: team.key });
  return { answer, lines: (await answer.text()).trimEnd().split("\r\n") };
}

describe("a line", () => {
  test("of a completed request says what it took, cost and stored, and its link serves the file", async ({
    team,
    tracker,
  }) => {
    const { id } = await team.submit();
    await tracker.runToEnd(team, id);
    const { body } = await team.send<Page>("GET", "/v1/requests");
    const [line] = body.data;
    expect(line).toMatchObject({
      ...{ id, status: "completed", key_id: team.keyId, key_name: "First key", error_code: null, attention: [] },
      ...{ estimated: "0.003000", charged: "0.003000", duration_s: expect.any(Number) },
      file: { count: 1, content_type: "image/png" },
    });
    const { url = "" } = (line?.file ?? {}) as { url?: string };
    expect((await call("GET", new URL(url).pathname)).status).toBe(200);
    expect((await team.read(id)).files[0]?.url).toBe(url);
  });

  test("of an open one has its estimate alone", async ({ team }) => {
    await team.submit();
    const { body } = await team.send<Page>("GET", "/v1/requests");
    expect(body.data).toMatchObject([{ estimated: "0.003000", charged: null, duration_s: null, file: null }]);
  });

  describe("under a plan with links that end and files that go", () => {
    test.override("plan", { file_link_s: 600, retention: { files_days: 1 } });

    test("has such a link, and none once the file's days are over", async ({ team, tracker, clock }) => {
      const { id } = await team.submit();
      await tracker.runToEnd(team, id);
      const first = async () => (await team.send<Page>("GET", "/v1/requests")).body.data[0]?.file as { url: string };
      const { url } = await first();
      expect(url).toMatch(new RegExp(`${id}\\.-\\.\\d{10}\\.`));
      await clock.pass(25 * 3_600_000);
      expect(await first()).toEqual({ count: 1, content_type: "image/png", url: null });
    });
  });
});

describe("the filters", () => {
  test("find by key, error, cost and what needs attention, each alone and together", async ({ team }) => {
    const object = await TeamObject.of(team);
    const other = await object.newKey({ name: "Other" });
    const cheap = await object.admitted({ measures });
    await object.stub.settle(anEnd(cheap, "charge"));
    const dear = await object.admitted({ measures: { ...measures, megapixels: 100 }, credential: other.credential });
    await object.stub.settle(anEnd(dear, "charge", { files: { stored: 0, failed: 1, first: null } }));
    const uncertain = await object.admitted({ measures });
    const lost = { status: null, code: "submit_uncertain" as const };
    await object.stub.settle(anEnd(uncertain, "keep", { failure: lost }));
    const refunded = await object.admitted({ measures });
    await object.stub.settle(anEnd(refunded, "refund"));
    const unpriced = await object.admitted({ model: "sandbox/echo" });

    expect(await listed(team, `key=${other.id}`)).toEqual([dear]);
    expect(await listed(team, "error=submit_uncertain")).toEqual([uncertain]);
    expect(await listed(team, "error=upstream_failed")).toEqual([refunded]);
    expect(await listed(team, "attention=1")).toEqual([uncertain, dear]);
    expect(await listed(team, "attention=0")).toHaveLength(5);
    expect(await listed(team, "cost_min=0.3")).toEqual([dear]);
    expect(await listed(team, "cost_min=0.003")).toEqual([uncertain, dear, cheap]);
    expect(await listed(team, "cost_min=0")).not.toContain(unpriced);
    expect(await listed(team, `cost_min=0.003&attention=1&key=${team.keyId}&error=submit_uncertain`)).toEqual([
      uncertain,
    ]);
    const { body } = await team.send<Page>("GET", "/v1/requests?attention=1");
    expect(body.data.map(({ attention }) => attention)).toEqual([["unsettled_charge"], ["failed_file"]]);
  });

  test.for(["cost_min=cheap", "cost_min=-1", "attention=maybe", "status=lost", "format=xml", "limit=0"])(
    "refuse %s",
    async (query, { team }) => {
      expect((await team.send("GET", `/v1/requests?${query}`)).status).toBe(400);
    },
  );
});

describe("the count", () => {
  type Count = { count: number; more: boolean; looked_back_to: string | null };

  test("is of the same requests as the list, a member's own only", async ({ team }) => {
    const object = await TeamObject.of(team);
    for (const user of ["anna", "bob", "anna"]) await object.admitted({ user });
    const count = async (query: string) => (await team.send<Count>("GET", `/v1/requests/count?${query}`)).body;
    expect(await count("")).toEqual({ count: 3, more: false, looked_back_to: null });
    for (const query of ["user=anna", "status=completed", `key=${team.keyId}`, "tag=a", "attention=1"])
      expect((await count(query)).count, query).toBe((await listed(team, query)).length);
    const anna = await newKey(team.key, { user: "anna" });
    const own = await call("GET", "/v1/requests/count", { key: anna.secret });
    expect(await own.json()).toMatchObject({ count: 2 });
  });

  test("ends after ten thousand requests, and says where", async ({ team }) => {
    const object = await TeamObject.of(team);
    await runInDurableObject(stubOf(team), (_instance, { storage: { sql } }) => {
      const columns = sql.exec("SELECT * FROM request LIMIT 0").columnNames;
      const values: Record<string, string> = {
        ...{ id: "'r' || n", place: "n * 1000", created_at: "n", attention: "0", file_count: "0" },
        ...{ deleted_at: "NULL", user: "NULL", tags: "'{}'", holds: "'[]'", terms: "'{}'", status: "'completed'" },
      };
      sql.exec(
        `WITH RECURSIVE rows (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM rows WHERE n < ${COUNT_SCAN_MAX_ROWS + 5})
         INSERT INTO request SELECT ${columns.map((name) => values[name] ?? "1").join(", ")} FROM rows`,
      );
      sql.exec("UPDATE watermark SET swept = 1e15, admits = 1e15");
    });
    const ask = async (query: string) => (await team.send<Count>("GET", `/v1/requests/count?${query}`)).body;
    expect(await ask("")).toEqual({ count: 10_000, more: true, looked_back_to: "1970-01-01T00:00:00.006Z" });
    expect(await ask("status=failed")).toMatchObject({ count: 0, more: true });
    expect(await ask("to=1970-01-01T00:00:05Z")).toEqual({ count: 4_999, more: false, looked_back_to: null });
    const { read } = await countRows(stubOf(team), async () => object.stub.requests.count({ status: "failed" }));
    expect(read).toBeLessThan(COUNT_SCAN_MAX_ROWS + 10);
  });
});

describe("the export", () => {
  test("has a line of CSV for each request over all pages, with what would be a formula quoted", async ({ team }) => {
    const object = await TeamObject.of(team);
    for (const user of ["=1+1", "+1", "-1+2", "@x", "\tx", 'a,"b"']) {
      await object.stub.settle(anEnd(await object.admitted({ user, measures, tags: { b: "2", a: "=1" } }), "charge"));
    }
    const { answer, lines } = await csvOf(team);
    expect(answer.headers.get("Content-Type")).toBe("text/csv; charset=utf-8");
    expect(answer.headers.get("Content-Disposition")).toMatch(/^attachment; filename="requests_\d{4}-\d\d-\d\d\.csv"$/);
    const [header, ...rows] = lines;
    expect(header).toBe(
      "id,created_at,completed_at,status,model,user,key_id,key_name,tags,estimated_usd,charged_usd,error_code,duration_s,files,attention",
    );
    const users = rows.map((row) => /schnell,("(?:[^"]|"")*"|[^,]*),/.exec(row)?.[1]);
    expect(users).toEqual(['"a,""b"""', "'\tx", "'@x", "'-1+2", "'+1", "'=1+1"]);
    expect(rows[0]).toContain(",a==1; b=2,0.003000,0.003000,,,0,");
  });

  test("goes on over pages of the index and ends where it is told", async ({ team }) => {
    const object = await TeamObject.of(team);
    const stub = object.stub;
    const ids: string[] = [];
    for (let n = 0; n < 5; n++) ids.unshift(await object.admitted({ tags: n % 2 === 0 ? { even: "1" } : {} }));
    const first = await stub.requests.list({ limit: 2 });
    const cursor = first.kind === "page" ? first.nextCursor : null;
    const { lines } = await csvOf(team, `&cursor=${cursor}`);
    expect(lines.slice(1).map((line) => line.split(",")[0])).toEqual(ids.slice(2));
    expect((await csvOf(team, "&limit=2")).lines).toHaveLength(3);
    expect((await csvOf(team, "&tag=even")).lines).toHaveLength(4);
    expect((await csvOf(team, "&status=failed")).lines).toHaveLength(1);
  });

  test("begins with a byte order mark if it is asked for", async ({ team }) => {
    const plain = await call("GET", "/v1/requests?format=csv", { key: team.key });
    const marked = await call("GET", "/v1/requests?format=csv&bom=1", { key: team.key });
    const bytes = async (answer: Response) => [...new Uint8Array(await answer.arrayBuffer())].slice(0, 3);
    expect([await bytes(plain), await bytes(marked)]).toEqual([
      [...new TextEncoder().encode("id,")],
      [0xef, 0xbb, 0xbf],
    ]);
  });

  test("reads a page's rows for each page, and of a long history no row twice", async ({ team }) => {
    await runInDurableObject(stubOf(team), (_instance, { storage: { sql } }) => {
      const columns = sql.exec("SELECT * FROM request LIMIT 0").columnNames;
      const values: Record<string, string> = {
        ...{ id: "'r' || n", place: "n * 1000", created_at: "n", attention: "0", file_count: "0", key_name: "'K'" },
        ...{ deleted_at: "NULL", user: "NULL", tags: "'{}'", holds: "'[]'", terms: "'{}'", status: "'completed'" },
      };
      sql.exec(
        `WITH RECURSIVE rows (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM rows WHERE n < 2500)
         INSERT INTO request SELECT ${columns.map((name) => values[name] ?? "1").join(", ")} FROM rows`,
      );
      sql.exec("UPDATE watermark SET swept = 1e15, admits = 1e15");
    });
    const rows = await countRows(stubOf(team), async () => {
      const { lines } = await csvOf(team);
      expect(new Set(lines).size).toBe(2_501);
    });
    expect(rows.read).toBeLessThan(2_600);
  });
});

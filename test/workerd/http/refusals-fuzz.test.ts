// Somebody else's things, asked for in thousands of ways, over every route that takes an id or a name. Nothing of the
// victims may show in an answer, and nothing of theirs may change. A route that is added joins by itself.
// The seed is printed; the bindings FUZZ_SEED and FUZZ_ATTEMPTS choose another or a longer run.

import { env } from "cloudflare:workers";
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import * as z from "zod";
import { routes } from "../../../src/app.ts";
import type { Route } from "../../../src/http/route.ts";
import { call, json } from "../../harness/calls.ts";
import { chanceOf } from "../../harness/chance.ts";
import { serveKeys, TestIssuer, trust } from "../../harness/issuer.ts";
import { newKey, newPageKey, Team } from "../../harness/team.ts";
import { sandboxCalls } from "../../harness/upstream.ts";

const variables = env as { FUZZ_SEED?: string; FUZZ_ATTEMPTS?: string };
const seed = Number(variables.FUZZ_SEED ?? Date.now() % 1_000_000_007);
const attemptsWanted = Number(variables.FUZZ_ATTEMPTS ?? 5_000);
const SIDE_BY_SIDE = 20;
/** Stands in all that the victims own and in no id, so that it shows when something of theirs shows. */
const CANARY = "canary-7f3a9c";
/** fal's word for a cancel that comes too late: it would be said of what is there. */
const ENDED = "ALREADY_COMPLETED";
const PAGE = "https://app.example";
const RECEIVER = "https://receiver.example/hook";
/** Where connections are read and deleted. Each surface has one of its own: a deleted one is nothing to the other. */
const CONNECTION_SURFACES = ["/v1/connections/", "/maton/connections/"];

/** A model in a path is nobody's own, and neither is a month or the number of a part in it. */
const targets = routes.filter(({ path, access }) => /:(?!(?:model|month|part)\b)/.test(path) && access !== "operator");

interface Attacker {
  name: string;
  key: string;
  headers: Record<string, string>;
}

interface Victim {
  team: string;
  adminKey: string;
  /** Everything of theirs that a path can name. */
  ids: string[];
  requests: string[];
  /** Begun and not finished: whoever sees one could enter a fal key of their own, for everybody. */
  connections: string[];
}

let victim: Victim;
let attackersIssuer: TestIssuer;
let attackers: Attacker[];

beforeEach(() => {
  serveKeys(RECEIVER);
});

afterEach(() => {
  vi.restoreAllMocks();
});

beforeAll(async () => {
  serveKeys(RECEIVER);
  const [own, foreign] = [await Team.create(undefined, { manages_connections: true }), await Team.create()];
  const admin = { key: own.key };
  await call("PUT", `/v1/plans/private`, { ...admin, body: { require_tags: [CANARY] } });
  const issuer = await TestIssuer.create();
  await call("PUT", "/v1/issuers/private", { ...admin, body: issuer.body({ user_claim: CANARY }) });
  await trust(own.key, issuer);
  await trust(foreign.key, issuer);
  attackersIssuer = await TestIssuer.create();
  const privateKey = await newKey(own.key, { name: CANARY });
  const publishable = await newPageKey(own.key, { name: CANARY, origins: [PAGE] });

  const requests: string[] = [];
  for (const user of ["ada", "ada", undefined]) {
    const body = {
      ...{ model: "fal-ai/flux/schnell", input: { prompt: "a cat" }, metadata: CANARY, tags: { [CANARY]: "1" } },
      webhook_url: RECEIVER,
      ...(user === undefined ? {} : { user }),
    };
    requests.push(String((await json(await call("POST", "/v1/requests", { ...admin, body }))).id));
  }
  // Ended, so that nothing of theirs changes by itself: not the state, not the sums.
  await Promise.all(requests.map((id) => untilEnded(own.key, id)));
  const deliveries = await Promise.all(requests.map((id) => untilDelivered(own.key, id)));
  const file = { file_name: `${CANARY}.png`, user: "ada" };
  const upload = await json(await call("POST", "/v1/uploads", { ...admin, body: file }));
  const url = "https://hooks.example/";
  const endpoint = await json(await call("POST", "/v1/webhooks", { ...admin, body: { url, description: CANARY } }));
  const filter = { endpoint: String(endpoint.id) };
  const replay = await json(await call("POST", "/v1/deliveries/replay", { ...admin, body: { filter } }));
  await call("DELETE", "/v1/users/forgotten", admin);
  const connections: string[] = [];
  for (const _each of CONNECTION_SURFACES) {
    connections.push(String((await json(await call("POST", "/v1/connections", { ...admin, body: {} }))).id));
  }
  victim = {
    ...{ team: own.id, adminKey: own.key, requests, connections },
    ids: [
      ...connections,
      ...[...requests, privateKey.id, publishable.id, own.keyId, "private", "app", "ada", "forgotten", own.id],
      ...[String(endpoint.id), String(replay.id), String(upload.id), ...deliveries],
    ],
  };

  const tokenOf = async (key: string, body: Record<string, unknown>, headers: Record<string, string> = {}) =>
    String((await json(await call("POST", "/v1/tokens", { key, body, headers }))).token);
  const jwt = await issuer.jwt({ sub: "eve" });
  const member = await newKey(own.key, { user: "eve" });
  const foreignMember = await newKey(foreign.key, { user: "ada", scopes: ["run", "read", "admin"] });
  attackers = [
    { name: "admin of another team", key: foreign.key, headers: {} },
    { name: "another team's member of the same name", key: foreignMember.secret, headers: {} },
    { name: "another team's token of the same name", key: await tokenOf(foreign.key, { user: "ada" }), headers: {} },
    { name: "token of another user", key: await tokenOf(own.key, { user: "eve" }), headers: {} },
    { name: "token of an empty-looking user", key: await tokenOf(own.key, { user: " " }), headers: {} },
    { name: "member's key of another user", key: member.secret, headers: {} },
    { name: "JWT of another user", key: `sl_jwt_${own.id}.${jwt}`, headers: {} },
    { name: "JWT in another team", key: `sl_jwt_${foreign.id}.${jwt}`, headers: {} },
    { name: "JWT in two teams", key: jwt, headers: { "Sluice-Team": foreign.id } },
    { name: "visitor", key: await tokenOf(publishable.secret, {}, { Origin: PAGE }), headers: { Origin: PAGE } },
    { name: "publishable key", key: publishable.secret, headers: { Origin: PAGE } },
  ];
});

async function untilEnded(key: string, id: string): Promise<void> {
  for (;;) {
    const { completed_at } = await json(await call("GET", `/v1/requests/${id}?wait=30`, { key }));
    if (completed_at !== null) return;
  }
}

/** The id of the delivery that told of its end, once it was taken. */
async function untilDelivered(key: string, id: string): Promise<string> {
  const line = z.object({ data: z.array(z.object({ id: z.string(), state: z.string() })) });
  for (;;) {
    const { data } = line.parse(await json(await call("GET", `/v1/requests/${id}/deliveries`, { key })));
    const [delivery] = data;
    if (delivery?.state === "delivered") return delivery.id;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** All that the victims own, as their admin sees it: what nobody else may change. */
async function belongings(): Promise<unknown> {
  const paths = [
    ...victim.requests.flatMap((id) => ["", "/timeline", "/deliveries"].map((part) => `/v1/requests/${id}${part}`)),
    ...["/v1/requests", "/v1/keys", "/v1/plans", "/v1/issuers", "/v1/users/ada", "/v1/team", "/v1/prices"],
    ...["/v1/team/alerts", "/v1/webhooks", "/v1/usage?group_by=user,key,tag:a", "/v1/audit", "/v1/uploads"],
  ];
  const seen = await Promise.all(
    paths.map(async (path) => {
      const response = await call("GET", path, { key: victim.adminKey });
      expect(response.status, path).toBe(200);
      const { last_used_at: _, ...body } = await json(response);
      return [path, JSON.stringify(body, (name, value) => (name === "last_used_at" ? null : value))];
    }),
  );
  return Object.fromEntries(seen);
}

/** How often Maton was asked about connections. */
async function connectionCalls(): Promise<number> {
  return (await sandboxCalls()).counts.connections ?? 0;
}

/** What the route could be about. A look at a connection is a call on Maton, which takes ten a second: none in vain. */
function idsFor({ path }: Route): string[] {
  const surface = CONNECTION_SURFACES.findIndex((prefix) => path.startsWith(prefix));
  return surface < 0 ? [...victim.ids, "fal-ai/flux/schnell"] : [victim.connections[surface] ?? ""];
}

/** A path of the route. An app or a file's number beside an id is nobody's own, and has to be a right one. */
function pathOf(route: Route, id: string): string {
  const ofFlux = route.path.replace(/:app\{[^}]*\}/, "fal-ai/flux");
  return ofFlux.replace(/:n\b/, "0").replaceAll(/:[a-z_]+(\{[^}]*\})?/g, id);
}

/** A body that the route's own schema would take, so that an attempt is not turned away for its form. */

function bodyFor({ method, path, body }: Route): unknown {
  // What an issuer needs depends on its preset, which no schema says.
  if (`${method} ${path}` === "PUT /v1/issuers/:name") return attackersIssuer.body();
  // A replacement is validated as a whole, which its fields' schema does not say.
  if (`${method} ${path}` === "PUT /v1/webhooks/:id") return { url: "https://hooks.example/" };
  return body === undefined ? undefined : sample(z.toJSONSchema(body(), { io: "input" }));
}

function sample(schema: z.core.JSONSchema.JSONSchema | boolean | undefined): unknown {
  if (typeof schema !== "object") return "x";
  if (schema.enum !== undefined) return schema.enum[0];
  const first = schema.anyOf?.[0] ?? schema.oneOf?.[0];
  if (first !== undefined) return sample(first);
  switch (schema.type) {
    case "object": {
      const required = schema.required ?? [];
      return Object.fromEntries(required.map((name) => [name, sample(schema.properties?.[name])]));
    }
    case "array":
      return [sample(schema.items as z.core.JSONSchema.JSONSchema)];
    case "boolean":
      return true;
    case "integer":
    case "number":
      return schema.minimum ?? 1;
    default:
      return schema.format === "uri" ? "https://login.example/keys" : "x";
  }
}

const DISGUISES: ((id: string) => string)[] = [
  (id) => id,
  (id) => encodeURIComponent(id),
  (id) => `${id}/`,
  (id) => id.toUpperCase(),
  (id) => `%${(id.codePointAt(0) ?? 0).toString(16).padStart(2, "0")}${id.slice(1)}`,
  (id) => `./${id}`,
  (id) => `x/../${id}`,
  (id) => `${id}%00`,
  (id) => `${id}%2F..`,
  (id) => `${id};a=b`,
];

describe(`${attemptsWanted} attempts on other people's things`, () => {
  test("show nothing and change nothing", async () => {
    console.log(`fuzz seed ${seed}, ${attemptsWanted} attempts (repeat with FUZZ_SEED=${seed})`);
    const roll = chanceOf(seed);
    const pick = <T>(from: readonly T[]): T => {
      const picked = from[Math.floor(roll() * from.length)];
      if (picked === undefined) throw new Error("nothing to pick from");
      return picked;
    };
    const queries = ["", "?logs=1", "?user=ada", `?team=${victim.team}`, "?wait=0", "?limit=100", "?format=csv"];
    const extras = [
      {},
      { "Sluice-User": "ada" },
      { "Sluice-Team": victim.team },
      { "If-None-Match": '"x"' },
      { "X-Forwarded-For": "127.0.0.1" },
      { "Last-Event-ID": "0" },
    ];
    const before = await belongings();
    const callsBefore = await connectionCalls();
    expect(callsBefore).toBeGreaterThan(0);
    const breaches: string[] = [];
    const statuses = new Map<number, number>();

    const attempt = async () => {
      const route = pick(targets);
      const attacker = pick(attackers);
      const id = roll() < 0.6 ? pick(victim.requests) : pick(victim.ids);
      const disguised = roll() < 0.7 ? id : pick(DISGUISES)(id);
      const path = pathOf(route, disguised) + pick(queries);
      const headers = { ...attacker.headers, ...(pick(extras) as Record<string, string>) };
      const body = bodyFor(route);
      const response = await call(route.method, path, {
        key: attacker.key,
        headers,
        ...(body === undefined ? {} : { body }),
      });
      statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
      const what = `${route.method} ${path} by ${attacker.name}: ${response.status}`;
      const ofOneTeamOnly = /\/(requests|keys|webhooks|deliveries|connections)\/:id|^\/v1\/deliveries\//.test(
        route.path,
      );
      // 409 would be said of what is there.
      if (ofOneTeamOnly && (response.ok || response.status === 409)) {
        breaches.push(what);
        await response.body?.cancel();
        return;
      }
      const text = await response.text();
      if (text.includes(CANARY)) breaches.push(`${what}, and shows a canary`);
      if (text.includes(ENDED)) breaches.push(`${what}, and says that it is over`);
    };
    for (let done = 0; done < attemptsWanted; done += SIDE_BY_SIDE) {
      await Promise.all(Array.from({ length: Math.min(SIDE_BY_SIDE, attemptsWanted - done) }, attempt));
    }

    expect(breaches, `seed ${seed}`).toEqual([]);
    expect(await belongings(), `seed ${seed}`).toEqual(before);
    expect((await connectionCalls()) - callsBefore, `calls on Maton for the attackers, seed ${seed}`).toBe(0);
    expect(statuses.get(500) ?? 0, `faults, seed ${seed}`).toBe(0);
    expect(statuses.get(404) ?? 0).toBeGreaterThan(attemptsWanted / 10);
  });

  test("would have worked for those they belong to", async () => {
    const tried: string[] = [];
    // What lies below something goes before test.
    const order = ({ method, path }: Route) =>
      method === "DELETE" ? 100 - path.split("/").length : path.endsWith("/cancel") ? 1 : 0;
    for (const route of targets.toSorted((one, other) => order(one) - order(other))) {
      const responses = await Promise.all(
        idsFor(route).map(async (id) => {
          const path = pathOf(route, encodeURI(id));
          const body = bodyFor(route);
          const response = await call(route.method, path, {
            ...{ key: victim.adminKey },
            ...(body === undefined ? {} : { body }),
          });
          // Cancel on the compatible surfaces: it is there, and over.
          if (response.status === 400) return (await response.text()).includes(ENDED) ? 409 : 400;
          await response.body?.cancel();
          return response.status;
        }),
      );
      // 409: it is there, and in no state for that.
      tried.push(
        `${responses.some((status) => status < 300 || status === 409) ? "works" : responses} ${route.method} ${route.path}`,
      );
    }
    expect(tried.filter((line) => !line.startsWith("works"))).toEqual([]);
  });
});

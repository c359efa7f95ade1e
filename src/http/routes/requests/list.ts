// GET /v1/requests and /v1/requests/count: the team's index by a filter, as pages or as one stream of CSV, and how many match. Each
// page is one call to the team, which reads a bounded number of rows.

import type { ListInput, RequestFilter, RequestLine } from "../../../contracts/team-access.ts";
import type { Env } from "../../../platform/bindings.ts";
import { BYTE_ORDER_MARK, csvLines } from "../../../platform/csv.ts";
import { type Refused, refusal, refused } from "../../../platform/errors.ts";
import { microOf } from "../../../platform/money.ts";
import { lazy } from "../../../platform/schema.ts";
import { askTeam } from "../../../platform/stubs.ts";
import { isoTime } from "../../../platform/time.ts";
import { requestSummaryBody } from "../../../requests/view/request-object.ts";
import { baseUrlOf } from "../../../requests/view/serialize.ts";
import { CSV_COLUMNS, csvCells, serializeLine } from "../../../requests/view/summary.ts";
import { usdSchema } from "../../../team/quota/plan-limits.ts";
import { dayOf } from "../../../team/usage/usage.ts";
import { type Caller, userFor, viewerOf } from "../../auth.ts";
import { defineRoute } from "../../route.ts";
import { csvHeaders, flagSchema, LIST_LIMIT_DEFAULT, LIST_LIMIT_MAX } from "../../schemas.ts";

/** Lines that an export asks a team for at once. */
const CSV_PAGE_ROWS = 1_000;

const filterQuery = lazy((z) =>
  z.looseObject({
    status: z.enum(["open", "completed", "failed", "canceled"]).optional(),
    model: z.string().optional(),
    user: z.string().optional(),
    key: z.string().optional().describe("Id of the key."),
    error: z.string().optional().describe("Code of the error."),
    cost_min: usdSchema()
      .optional()
      .describe("Charged at least so many USD; what is not settled counts with its estimate."),
    attention: flagSchema()
      .optional()
      .describe("With `1`: only requests whose charge, files or deliveries need a person."),
    tag: z.string().optional(),
    from: z.iso.datetime({ offset: true }).optional(),
    to: z.iso.datetime({ offset: true }).optional(),
  }),
);
type FilterQuery = ReturnType<typeof filterQuery>["_zod"]["output"];

export const list = defineRoute({
  method: "GET",
  path: "/v1/requests",
  summary: "List requests, newest first",
  access: "view",
  query: (z) =>
    filterQuery().extend({
      cursor: z.string().optional(),
      limit: z.coerce
        .number()
        .int()
        .min(1)
        .max(LIST_LIMIT_MAX)
        .optional()
        .describe(`Requests of a page, ${LIST_LIMIT_DEFAULT} by default. CSV has all that match unless it is given.`),
      format: z.enum(["json", "csv"]).default("json"),
      bom: flagSchema().optional().describe("With `format=csv`: begins with a byte order mark, for Excel."),
    }),
  answers: {
    200: {
      description: "A page of requests; with `format=csv` all of them, as a stream.",
      schema: (z) => z.object({ data: z.array(requestSummaryBody()), next_cursor: z.string().nullable() }),
      contentType: "text/csv",
      headers: ["Content-Disposition"],
    },
  },
  errors: ["invalid_request", "forbidden", "user_mismatch"],
  async handle({ query, caller, env, config, url }) {
    const filter = filterOf(query, caller);
    if (filter.kind === "refused") return { refusal: filter.refusal };
    const isCsv = query.format === "csv";
    const limit = isCsv ? Math.min(query.limit ?? CSV_PAGE_ROWS, CSV_PAGE_ROWS) : (query.limit ?? LIST_LIMIT_DEFAULT);
    const asked: ListInput = { ...filter.filter, cursor: query.cursor, limit };
    const page = await askTeam(env, caller.team, (team) => team.requests.list(asked));
    if (page.kind === "refused") return { refusal: page.refusal };
    const now = Date.now();
    if (isCsv) {
      const rows = linesFrom(env, caller.team, asked, page, query.limit ?? Number.POSITIVE_INFINITY);
      return { response: csvResponse(rows, query.bom === true, `requests_${dayOf(now)}.csv`) };
    }
    const { SIGNING_KEY: signingKeys, ...base } = config();
    const reader = { baseUrl: baseUrlOf(base, url.origin), signingKeys, now, team: caller.team };
    const data = await Promise.all(page.data.map((line) => serializeLine(line, reader)));
    return { status: 200, body: { data, next_cursor: page.nextCursor } };
  },
});

const OTHERS_KEY = refusal(
  "forbidden",
  "`key` names another key: without the scope `read` a credential lists what it made.",
  {
    hint: "Omit `key`, or use a key with the scope `read`.",
  },
);

export const requestCountBody = lazy((z) =>
  z.object({
    count: z.int(),
    more: z.boolean().describe("Older requests were not looked at: there may be more."),
    looked_back_to: z.iso.datetime().nullable().describe("Where the count ended; null if nothing is left out."),
  }),
);

export const count = defineRoute({
  method: "GET",
  path: "/v1/requests/count",
  summary: "Count requests",
  access: "view",
  query: () => filterQuery(),
  answers: {
    200: {
      description: "How many requests match the filter, of the newest 10,000 that its times and user leave.",
      schema: requestCountBody,
    },
  },
  errors: ["invalid_request", "forbidden", "user_mismatch"],
  async handle({ query, caller, env }) {
    const filter = filterOf(query, caller);
    if (filter.kind === "refused") return { refusal: filter.refusal };
    const found = await askTeam(env, caller.team, (team) => team.requests.count(filter.filter));
    const { count, lookedTo } = found;
    return { status: 200, body: { count, more: lookedTo !== null, looked_back_to: isoTime(lookedTo) } };
  },
});

function filterOf(query: FilterQuery, caller: Caller): { kind: "filter"; filter: RequestFilter } | Refused {
  const viewer = viewerOf(caller);
  const listed = userFor(viewer.user, query.user);
  if (listed.kind === "refused") return refused(listed.refusal);
  if (viewer.keyId !== null && (query.key ?? viewer.keyId) !== viewer.keyId) return refused(OTHERS_KEY);
  const { status, model, key, error, cost_min: costMin, attention, tag, from, to } = query;
  const filter: RequestFilter = {
    ...{ status, model, user: listed.user ?? undefined, keyId: viewer.keyId ?? key, errorCode: error, tag },
    costMinMicro: costMin === undefined ? undefined : (microOf(costMin) ?? undefined),
    attention: attention === true ? true : undefined,
    from: time(from),
    to: time(to),
  };
  return { kind: "filter", filter };
}

function time(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Date.parse(text);
}

interface Page {
  data: RequestLine[];
  nextCursor: string | null;
}

/** The first page and those after it, as they are asked for: a page that nobody reads is not fetched. */
async function* linesFrom(
  env: Env,
  team: string,
  asked: ListInput,
  first: Page,
  most: number,
): AsyncGenerator<RequestLine[]> {
  let page = first;
  let left = most;
  for (;;) {
    yield page.data.slice(0, left);
    left -= page.data.length;
    const { nextCursor: cursor } = page;
    if (cursor === null || left <= 0) return;
    const next = await askTeam(env, team, (stub) => stub.requests.list({ ...asked, cursor }));
    if (next.kind === "refused") throw new Error("a team refused its own cursor");
    page = next;
  }
}

/** A stream that breaks off if a later page cannot be read, so that what was saved is seen to be incomplete. */
function csvResponse(pages: AsyncGenerator<RequestLine[]>, withMark: boolean, fileName: string): Response {
  const text = new TextEncoder();
  const head = (withMark ? BYTE_ORDER_MARK : "") + csvLines([CSV_COLUMNS]);
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(text.encode(head));
    },
    async pull(controller) {
      for (;;) {
        const { value, done } = await pages.next();
        if (done === true) return controller.close();
        // A page of a rare filter may have no line.
        if (value.length > 0) return controller.enqueue(text.encode(csvLines(value.map(csvCells))));
      }
    },
    async cancel() {
      await pages.return(undefined);
    },
  });
  return new Response(body, { headers: csvHeaders(fileName) });
}

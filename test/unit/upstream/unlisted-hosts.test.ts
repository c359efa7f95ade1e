// Of which media hosts the operator is told, how often, and when it is given up.

import { expect, test } from "vitest";
import { DAY_MS } from "../../../src/platform/time.ts";
import { NOTICE_RETRY_MS } from "../../../src/upstream/outage-notice.ts";
import {
  afterHostNotice,
  type HostNotices,
  UNLISTED_HOSTS_PER_DAY_MAX,
  withUnlistedHosts,
} from "../../../src/upstream/unlisted-hosts.ts";

const NONE: HostNotices = { toldAt: {}, due: [] };
const NOW = 1_800_000_000_000;
const of = (...hosts: string[]) => ({ hosts, requestId: "r" });

function added(notices: HostNotices, hosts: string[], now: number): HostNotices {
  const after = withUnlistedHosts(notices, of(...hosts), now);
  if (after === null) throw new Error("nothing is new");
  return after;
}

test("a host is told once a day, with the request that named it", () => {
  const first = added(NONE, ["a.test", "a.test"], NOW);
  expect(first.due).toMatchObject([{ dueAt: NOW, event: { data: { host: "a.test", request_id: "r" } } }]);
  expect(withUnlistedHosts(first, of("a.test"), NOW + DAY_MS - 1)).toBeNull();
  expect(added(first, ["a.test"], NOW + DAY_MS).due).toHaveLength(2);
  expect(added(first, ["a.test", "b.test"], NOW + 1).due.map(({ event }) => event.data)).toMatchObject([
    { host: "a.test" },
    { host: "b.test" },
  ]);
});

test("strangers' hosts are told up to a number a day", () => {
  const many = Array.from({ length: 2 * UNLISTED_HOSTS_PER_DAY_MAX }, (_, n) => `h${n}.test`);
  const full = added(NONE, many, NOW);
  expect(full.due).toHaveLength(UNLISTED_HOSTS_PER_DAY_MAX);
  expect(withUnlistedHosts(full, of("more.test"), NOW + 1)).toBeNull();
  const next = added(full, ["more.test"], NOW + DAY_MS);
  expect(Object.keys(next.toldAt)).toEqual(["more.test"]);
});

test("an event that is not taken is tried again at growing distances, and given up", () => {
  let notices = added(NONE, ["a.test"], NOW);
  const id = notices.due[0]?.event.id ?? "";
  for (const wait of NOTICE_RETRY_MS) {
    notices = afterHostNotice(notices, id, false, NOW);
    expect(notices.due).toMatchObject([{ dueAt: NOW + wait, event: { id } }]);
  }
  expect(afterHostNotice(notices, id, false, NOW)).toMatchObject({ due: [], toldAt: { "a.test": NOW } });
  expect(afterHostNotice(added(NONE, ["a.test"], NOW), id, true, NOW).due).toHaveLength(1);
});

// Tells the operator of hosts that models gave media on and that FAL_MEDIA_HOSTS lacks: one event for each host and day, stored until
// it is delivered or given up. The decisions are pure.

import type { UnlistedHosts } from "../contracts/account.ts";
import type { Config } from "../platform/config.ts";
import { newId } from "../platform/ids.ts";
import { logEvent } from "../platform/log.ts";
import { DAY_MS } from "../platform/time.ts";
import { notifyOperator, type OperatorEvent } from "../webhooks/operator.ts";
import { NOTICE_RETRY_MS } from "./outage-notice.ts";

/** Hosts told within a day. Models that repeat their callers' URLs would have strangers decide how often the operator is called. */
export const UNLISTED_HOSTS_PER_DAY_MAX = 20;

/** Times are epoch ms. */
export interface HostNotices {
  /** When the operator was told of a host, or was to be. */
  toldAt: Record<string, number>;
  due: { event: OperatorEvent; dueAt: number; failures: number }[];
}

/** The one row that is kept. */
interface HostNoticeStore {
  fact(name: "unlisted_hosts"): HostNotices | null;
  saveFact(name: "unlisted_hosts", value: HostNotices): void;
}

const NONE: HostNotices = { toldAt: {}, due: [] };

/** With the hosts that are news; null when none is. */
export function withUnlistedHosts(
  notices: HostNotices,
  { hosts, requestId }: UnlistedHosts,
  now: number,
): HostNotices | null {
  const toldAt = Object.fromEntries(Object.entries(notices.toldAt).filter(([, at]) => now - at < DAY_MS));
  const due = [...notices.due];
  for (const host of hosts) {
    if (Object.hasOwn(toldAt, host) || Object.keys(toldAt).length >= UNLISTED_HOSTS_PER_DAY_MAX) continue;
    toldAt[host] = now;
    const data = { host, request_id: requestId };
    due.push({ event: { id: newId("evt"), type: "media_host.unlisted", at: now, data }, dueAt: now, failures: 0 });
  }
  return due.length === notices.due.length ? null : { toldAt, due };
}

/** After a try at one event. */
export function afterHostNotice(notices: HostNotices, id: string, isTaken: boolean, now: number): HostNotices {
  const due = notices.due.flatMap((each) => {
    if (each.event.id !== id) return [each];
    const wait = NOTICE_RETRY_MS[each.failures];
    return isTaken || wait === undefined ? [] : [{ ...each, failures: each.failures + 1, dueAt: now + wait }];
  });
  return { ...notices, due };
}

export class UnlistedHostNotices {
  readonly #config: Config;
  readonly #store: HostNoticeStore;
  #notices: HostNotices;

  constructor(config: Config, store: HostNoticeStore) {
    this.#config = config;
    this.#store = store;
    this.#notices = store.fact("unlisted_hosts") ?? NONE;
  }

  /** When the next try is due; null: nothing is to be told. */
  dueAt(): number | null {
    return this.#notices.due.reduce<number | null>((first, { dueAt }) => Math.min(first ?? dueAt, dueAt), null);
  }

  add(found: UnlistedHosts): void {
    const notices = withUnlistedHosts(this.#notices, found, Date.now());
    if (notices !== null) this.#save(notices);
  }

  async sendDue(): Promise<void> {
    const due = this.#notices.due.filter(({ dueAt }) => dueAt <= Date.now());
    for (const { event, failures } of due) {
      const answer = await notifyOperator(this.#config, event, () => Date.now());
      logEvent("account.host_notice_sent", { outcome: answer?.kind ?? "no_address", attempt: failures + 1 });
      this.#save(afterHostNotice(this.#notices, event.id, answer === null || answer.kind === "taken", Date.now()));
    }
  }

  #save(notices: HostNotices): void {
    this.#notices = notices;
    this.#store.saveFact("unlisted_hosts", notices);
  }
}

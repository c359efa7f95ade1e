// All stores of a team over one database: what a decision may read and write. Whoever decides gets these and the time, and
// the Team object wraps each decision in one transaction. Imports the stores.

import { AuditStore } from "./audit-store.ts";
import { IssuerStore } from "./auth/issuer-store.ts";
import { KeyStore } from "./auth/key-store.ts";
import { DeliveryStore } from "./endpoints/delivery-store.ts";
import { EndpointStore } from "./endpoints/endpoint-store.ts";
import { EventStore } from "./endpoints/event-store.ts";
import { OutboxStore } from "./endpoints/outbox-store.ts";
import { ReplayJobStore } from "./endpoints/replay-job-store.ts";
import { ReplayStore } from "./idempotency-store.ts";
import { LedgerStore } from "./quota/ledger-store.ts";
import { PriceStore } from "./quota/price-store.ts";
import { RemovalStore } from "./removal-store.ts";
import { IndexStore } from "./request-index.ts";
import { TeamStore } from "./team-store.ts";
import { UploadStore } from "./uploads/upload-store.ts";
import { UsageStore } from "./usage/usage-store.ts";
import { PeopleStore } from "./user-store.ts";

export interface Books {
  team: TeamStore;
  keys: KeyStore;
  issuers: IssuerStore;
  people: PeopleStore;
  prices: PriceStore;
  ledger: LedgerStore;
  index: IndexStore;
  replays: ReplayStore;
  uploads: UploadStore;
  removals: RemovalStore;
  usage: UsageStore;
  events: EventStore;
  endpoints: EndpointStore;
  deliveries: DeliveryStore;
  outbox: OutboxStore;
  replayJobs: ReplayJobStore;
  audit: AuditStore;
}

export function openBooks(sql: SqlStorage): Books {
  return {
    team: new TeamStore(sql),
    keys: new KeyStore(sql),
    issuers: new IssuerStore(sql),
    people: new PeopleStore(sql),
    prices: new PriceStore(sql),
    ledger: new LedgerStore(sql),
    index: new IndexStore(sql),
    replays: new ReplayStore(sql),
    uploads: new UploadStore(sql),
    removals: new RemovalStore(sql),
    usage: new UsageStore(sql),
    events: new EventStore(sql),
    endpoints: new EndpointStore(sql),
    deliveries: new DeliveryStore(sql),
    outbox: new OutboxStore(sql),
    replayJobs: new ReplayJobStore(sql),
    audit: new AuditStore(sql),
  };
}

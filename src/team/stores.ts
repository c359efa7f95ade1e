// All stores of a team over one database.

import { AuditStore } from "./audit/audit-store.ts";
import { IssuerStore } from "./auth/issuer-store.ts";
import { KeyStore } from "./auth/key-store.ts";
import { RemovalStore } from "./data-deletion-store.ts";
import type { TeamDatabase } from "./database.ts";
import { DeliveryStore } from "./endpoints/delivery-store.ts";
import { EndpointStore } from "./endpoints/endpoint-store.ts";
import { EventStore } from "./endpoints/event-store.ts";
import { OutboxStore } from "./endpoints/outbox-store.ts";
import { ReplayJobStore } from "./endpoints/replay-job-store.ts";
import { IdempotencyStore } from "./idempotency-store.ts";
import { CounterStore } from "./quota/counter-store.ts";
import { PriceStore } from "./quota/price-store.ts";
import { ArchiveStore } from "./requests/archive-store.ts";
import { RequestIndex } from "./requests/request-index.ts";
import { TeamStore } from "./team-store.ts";
import { SenderTable } from "./uploads/sender-store.ts";
import { UploadTables } from "./uploads/upload-store.ts";
import { MonthStore } from "./usage/month-store.ts";
import { UsageStore } from "./usage/usage-store.ts";
import { UserStore } from "./user-store.ts";

export interface TeamStores {
  team: TeamStore;
  keys: KeyStore;
  issuers: IssuerStore;
  users: UserStore;
  prices: PriceStore;
  counters: CounterStore;
  requests: RequestIndex;
  archive: ArchiveStore;
  idempotency: IdempotencyStore;
  uploads: UploadTables;
  senders: SenderTable;
  removals: RemovalStore;
  usage: UsageStore;
  months: MonthStore;
  events: EventStore;
  endpoints: EndpointStore;
  deliveries: DeliveryStore;
  outbox: OutboxStore;
  replayJobs: ReplayJobStore;
  audit: AuditStore;
}

export function openStores(db: TeamDatabase): TeamStores {
  return {
    team: new TeamStore(db),
    keys: new KeyStore(db),
    issuers: new IssuerStore(db),
    users: new UserStore(db),
    prices: new PriceStore(db),
    counters: new CounterStore(db),
    requests: new RequestIndex(db),
    archive: new ArchiveStore(db),
    idempotency: new IdempotencyStore(db),
    uploads: new UploadTables(db),
    senders: new SenderTable(db),
    removals: new RemovalStore(db),
    usage: new UsageStore(db, new MonthStore(db)),
    months: new MonthStore(db),
    events: new EventStore(db),
    endpoints: new EndpointStore(db),
    deliveries: new DeliveryStore(db),
    outbox: new OutboxStore(db),
    replayJobs: new ReplayJobStore(db),
    audit: new AuditStore(db),
  };
}

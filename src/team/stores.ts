// All stores of a team over one database.

import { AuditStore } from "./audit-store.ts";
import { IssuerStore } from "./auth/issuer-store.ts";
import { KeyStore } from "./auth/key-store.ts";
import { RemovalStore } from "./data-deletion-store.ts";
import { DeliveryStore } from "./endpoints/delivery-store.ts";
import { EndpointStore } from "./endpoints/endpoint-store.ts";
import { EventStore } from "./endpoints/event-store.ts";
import { OutboxStore } from "./endpoints/outbox-store.ts";
import { ReplayJobStore } from "./endpoints/replay-job-store.ts";
import { IdempotencyStore } from "./idempotency-store.ts";
import { LedgerStore } from "./quota/ledger-store.ts";
import { PriceStore } from "./quota/price-store.ts";
import { RequestIndex } from "./request-index.ts";
import { TeamStore } from "./team-store.ts";
import { UploadStore } from "./uploads/upload-store.ts";
import { UsageStore } from "./usage/usage-store.ts";
import { UserStore } from "./user-store.ts";

export interface TeamStores {
  team: TeamStore;
  keys: KeyStore;
  issuers: IssuerStore;
  users: UserStore;
  prices: PriceStore;
  ledger: LedgerStore;
  requests: RequestIndex;
  idempotency: IdempotencyStore;
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

export function openStores(sql: SqlStorage): TeamStores {
  return {
    team: new TeamStore(sql),
    keys: new KeyStore(sql),
    issuers: new IssuerStore(sql),
    users: new UserStore(sql),
    prices: new PriceStore(sql),
    ledger: new LedgerStore(sql),
    requests: new RequestIndex(sql),
    idempotency: new IdempotencyStore(sql),
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

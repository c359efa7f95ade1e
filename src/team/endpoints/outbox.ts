// Sends team events under Team's alarm: leased rows, few workers, one attempt per endpoint at a time. A result and the next due
// time are written in one transaction. Admissions continue meanwhile. An interrupted attempt is repeated with the same id.

import type { DeliveryReport, DeliveryTarget } from "../../contracts/team-webhooks.ts";
import type { GuardRules } from "../../net/guard.ts";
import { ALARM_BUDGET_MS } from "../../platform/alarm.ts";
import { faultName, logAttempt, logEvent } from "../../platform/log.ts";
import { SECOND_MS } from "../../platform/time.ts";
import { LEASE_SLACK_MS } from "../../requests/machine/effect-schedule.ts";
import {
  type AfterAttempt,
  type AttemptAnswer,
  type AttemptRow,
  afterAttempt,
  notSent,
} from "../../webhooks/attempt.ts";
import { DELIVER_TIMEOUT_MS, deliver } from "../../webhooks/send.ts";
import type { TeamStores } from "../stores.ts";
import { deliveryTarget, type HealthStores, recordReport } from "./delivery-scheduler.ts";
import type { OutboxRow } from "./outbox-store.ts";
import type { BacklogPacer } from "./recovery-pacer.ts";

/** How long an alarm waits for receivers. Slower ones finish after it. */
const TEAM_SEND_WAIT_MS = 2 * SECOND_MS;
/** Team events sent in parallel, one per endpoint. */
const TEAM_DELIVERY_CONCURRENCY = 4;

type OutboxStores = HealthStores & Pick<TeamStores, "team">;

/** What sending needs from the Team object. */
export interface OutboxDeps {
  stores: OutboxStores;
  pacer: BacklogPacer;
  /** Runs a transaction. */
  transact<T>(work: (now: number) => T): T;
  /** Sets the alarm to the next due time. */
  arm(): Promise<void>;
  /** `origin` is an address of this gateway. */
  guard(origin: string): GuardRules;
  /** A delivery is tried no more. */
  gaveUp(deliveryId: string): void;
  /** The share of deliveries that go well which is logged. */
  logShare: number;
}

/**
 * Sends due events until none remain or the time budget is used. Does not wait for slow receivers, because one alarm runs at a
 * time: their rows are leased, and their results set the alarm.
 */
export async function sendDue(deps: OutboxDeps, startedAt: number): Promise<void> {
  const sent = sendAll(deps, startedAt).catch((fault) => logEvent("delivery.failed", { error: faultName(fault) }));
  let timer: ReturnType<typeof setTimeout> | null = null;
  const waited = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, TEAM_SEND_WAIT_MS);
  });
  await Promise.race([sent, waited]);
  clearTimeout(timer);
}

async function sendAll(deps: OutboxDeps, startedAt: number): Promise<void> {
  const worker = async (): Promise<void> => {
    while (Date.now() - startedAt < ALARM_BUDGET_MS) {
      const leased = deps.transact((now) => leaseNext(deps, now));
      if (leased === null) return;
      await send(deps, leased);
      await deps.arm();
    }
  };
  await Promise.all(Array.from({ length: TEAM_DELIVERY_CONCURRENCY }, worker));
}

interface LeasedDelivery {
  row: OutboxRow;
  target: Extract<DeliveryTarget, { kind: "known" }>;
  origin: string;
}

/** Leases the next row. Rows without a target, or not due yet, are updated on the way. */
function leaseNext({ stores, pacer }: OutboxDeps, now: number): LeasedDelivery | null {
  for (;;) {
    const row = stores.outbox.nextDue(now);
    if (row === null) return null;
    const target = deliveryTarget(stores, pacer, row.deliveryId, now);
    if (target.kind === "gone") {
      // Nothing is sent, so no attempt is recorded.
      const { reason } = target;
      const after = afterAttempt(attemptRowOf(stores, row), notSent(reason, now), now, 0);
      stores.outbox.put(rowAfter(row, after));
      report(stores, row, { outcome: after.state, status: null, category: reason, failedReplay: false, at: now }, 0);
    } else if (target.notBefore !== null) {
      stores.outbox.put({ ...row, dueAt: target.notBefore, leaseUntil: null });
    } else {
      stores.outbox.put({ ...row, leaseUntil: now + DELIVER_TIMEOUT_MS + LEASE_SLACK_MS });
      return { row, target, origin: stores.endpoints.findEndpoint(row.endpointId)?.origin ?? "" };
    }
  }
}

async function send(deps: OutboxDeps, { row, target, origin }: LeasedDelivery): Promise<void> {
  const { eventId, body } = row;
  const { url, secrets, headers } = target;
  const now = () => Date.now();
  const answer = await deliver({ url: url ?? "", eventId, body, secrets, headers, now, guard: deps.guard(origin) });
  const outcome = deps.transact((at) => recordAttempt(deps.stores, row, answer, at, Math.random()));
  if (outcome === "parked" && !row.replay) deps.gaveUp(row.deliveryId);
  logAttempt(
    "delivery.attempted",
    { id: eventId, share: deps.logShare, wentWell: outcome === "delivered" },
    {
      effect: "deliver",
      attempt: row.failures + 1,
      outcome,
      reason: answer.category,
      ms: answer.ms,
      ...(answer.status === null ? {} : { status: answer.status }),
    },
  );
}

/** Records the attempt, the row, the index and the endpoint health in one transaction. */
function recordAttempt(
  stores: OutboxStores,
  row: OutboxRow,
  answer: AttemptAnswer,
  now: number,
  random: number,
): string {
  const current = stores.outbox.findOutboxRow(row.deliveryId);
  // The delivery was deleted, or its lease expired and another attempt finished it.
  if (current === null || current.dueAt !== row.dueAt || current.failures !== row.failures) return "overtaken";
  const after = afterAttempt(attemptRowOf(stores, row), answer, now, random);
  const { outcome, state, next } = after;
  stores.outbox.addAttempt(row.deliveryId, { ...answer, replay: row.replay, next });
  stores.outbox.put(rowAfter(row, after));
  const { status, category } = answer;
  const failedReplay = row.replay && answer.kind !== "taken";
  report(stores, row, { outcome: state, status, category, failedReplay, at: now }, 1);
  return outcome;
}

function attemptRowOf(stores: OutboxStores, row: OutboxRow): AttemptRow {
  return attemptRow(row, row.replay && stores.outbox.wasAccepted(row.deliveryId));
}

/** Only finished rows are replayed: a replay of a pending row moves its attempt forward, so there is no time to resume at. */
export function attemptRow({ failures, replay }: OutboxRow, wasDelivered: boolean): AttemptRow {
  return { failures, replay: replay ? { resumeAt: null } : null, wasDelivered };
}

/** The row after an attempt. */
export function rowAfter(row: OutboxRow, { failures, next }: AfterAttempt): OutboxRow {
  return { ...row, dueAt: next.at, failures, leaseUntil: null, replay: false };
}

function report(
  stores: HealthStores,
  { deliveryId }: OutboxRow,
  result: Omit<DeliveryReport, "deliveryId" | "requestId" | "attempts">,
  tries: 0 | 1,
): void {
  const attempts = (stores.deliveries.findDelivery(deliveryId)?.attempts ?? 0) + tries;
  recordReport(stores, { deliveryId, requestId: null, ...result, attempts });
}

// The Durable Object of one team: its callers, their reservations, requests, usage and uploads, and its alarm. A thin shell that
// reads the clock and wraps each decision in one transaction, so N submits at once never take more than the limits hold.
// What those who run the team ask is in team-management.ts, webhooks are in team-webhooks.ts.
// Knows trackers only through env's binding; its alarm asks them about requests that nobody has told the end of.

import type {
  ActingFor,
  AdmitAnswer,
  AdmitInput,
  Credential,
  ListAnswer,
  ListInput,
  Me,
  QuoteAnswer,
  QuoteInput,
  Settled,
  SettleInput,
} from "../contracts/team-access.ts";
import type { Actor, KeyWish, NewKey, TeamSummary, UsageQuery, UsageRow } from "../contracts/team-admin.ts";
import type { Upload } from "../contracts/team-uploads.ts";
import type { Env } from "../platform/bindings.ts";
import { requireConfig } from "../platform/config.ts";
import type { Refused } from "../platform/errors.ts";
import {
  ALARM_BUDGET_MS,
  OPEN_SWEEP_MS,
  SAFETY_ALARM_MS,
  SWEEP_BATCH_ROWS,
  UNSTARTED_SWEEP_MS,
} from "../platform/limits.ts";
import { faultName, logEvent } from "../platform/log.ts";
import { trackerFor } from "../platform/stubs.ts";
import { guardRules } from "../webhooks/guard-rules.ts";
import { actingAs, admit, limitsNow, quote } from "./admit.ts";
import { type IdentifyAnswer, identify } from "./auth/identity.ts";
import { keyText, makeTeamKey } from "./auth/key-admin.ts";
import { makeWebhookSecret } from "./auth/keys.ts";
import { cleanUp, cleanUpDueAt } from "./clean-up.ts";
import { judgeEndpoints } from "./endpoints/delivery-scheduler.ts";
import { sendDue } from "./endpoints/outbox.ts";
import { NOTHING_TOLD } from "./endpoints/publish-event.ts";
import { BacklogPacer } from "./endpoints/recovery-pacer.ts";
import { runReplayJob } from "./endpoints/replay-jobs.ts";
import { DEFAULT_PLAN, defaultPlan, type Plan } from "./quota/plan.ts";
import { carryOutRemovals } from "./removal.ts";
import { listRequests } from "./request-list.ts";
import { hasTables, migrate } from "./schema.ts";
import { release, settle } from "./settle.ts";
import { type Books, openBooks } from "./stores.ts";
import { putPlan } from "./team-admin.ts";
import { REFUSED, type TeamRoom } from "./team-context.ts";
import { TeamManagement } from "./team-management.ts";
import { removeTeam } from "./team-removal.ts";
import { endUpload, findUpload, listUploads, type UploadListInput } from "./uploads/upload-list.ts";
import { removeUploadBytes } from "./uploads/upload-removal.ts";
import * as uploads from "./uploads/uploads.ts";

const FIRST_KEY: KeyWish = {
  ...{ kind: "secret", name: "First key", scopes: ["run", "read", "admin"], expiresAt: null },
  ...{ user: null, plan: null, models: null, origins: null, turnstile: null },
};

export class Team extends TeamManagement {
  readonly #books: Books;
  /** Whether `create` ever ran: the object of a team that does not exist refuses everything and stores nothing. */
  #exists: boolean;
  /** When the alarm rings, as far as this instance has set or seen it. */
  #armedFor: number | null = null;
  protected override readonly room: TeamRoom;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const { sql } = ctx.storage;
    this.#books = openBooks(sql);
    this.room = {
      ...{ books: this.#books, pacer: new BacklogPacer() },
      decide: (absent, decision) => this.#decide(absent, decision),
      ask: (decision) => this.#ask(decision),
      transact: (work) => this.#transact(work),
      arm: () => this.#arm(),
    };
    this.#exists = hasTables(sql);
    if (!this.#exists) return;
    migrate(ctx.storage);
    // An alarm can be lost for good after too many failures; whoever wakes the object brings it back.
    void ctx.blockConcurrencyWhile(async () => {
      this.#armedFor = await ctx.storage.getAlarm();
      await this.#arm();
    });
  }

  /** Makes the team and its first key, which has every scope. */
  async create(input: {
    id: string;
    name: string;
    plan?: Plan;
    managesConnections?: boolean;
    by: Actor;
  }): Promise<{ kind: "created"; team: TeamSummary; key: NewKey } | { kind: "exists" }> {
    const text = await keyText(input.id, "secret");
    if (this.#exists) return { kind: "exists" };
    const now = Date.now();
    const { id, name, by, managesConnections = false } = input;
    const team: TeamSummary = { id, name, plan: DEFAULT_PLAN, createdAt: now, frozenAt: null, managesConnections };
    const made = this.ctx.storage.transactionSync(() => {
      migrate(this.ctx.storage);
      this.#books.team.insertTeam(team, makeWebhookSecret());
      this.#books.audit.note(by, "team.created", id, {}, now);
      putPlan(this.#books, DEFAULT_PLAN, input.plan ?? defaultPlan(), by, now);
      return makeTeamKey(this.#books, FIRST_KEY, text, by, now);
    });
    if (made.kind === "refused") throw new Error("a new team has room for a key");
    this.#exists = true;
    return { kind: "created", team, key: { id: made.key.id, secret: text.text } };
  }

  // --- Callers ---------------------------------------------------------------------------------------------------

  /** Who a credential is, and what it may do now. */
  identify(credential: Credential): IdentifyAnswer {
    if (this.#exists && this.#books.removals.ofTeam()) return REFUSED;
    return this.#ask((now) => identify(this.#books, credential, now));
  }

  /** Who somebody is, and every limit of theirs as it stands. */
  me(acting: ActingFor): ({ kind: "known" } & Me) | Refused {
    return this.#ask((now) => {
      const known = actingAs(this.#books, acting, now);
      if (known.kind === "refused") return known;
      const { identity, subjects } = known;
      const { id, name } = this.#books.team.team();
      return { kind: "known", team: { id, name }, identity, limits: limitsNow(this.#books, identity, subjects, now) };
    });
  }

  /** What a request would cost and whether it would be let in at all, limits aside. Reserves nothing. */
  quote(input: QuoteInput): QuoteAnswer {
    return this.#ask((now) => quote(this.#books, input, now));
  }

  /** Decides about one submit and books it, in one transaction. May be called again with the same `requestId`. */
  async admit(input: AdmitInput): Promise<AdmitAnswer> {
    const answer = this.#ask((now) => admit(this.#books, input, now));
    if (this.#exists) await this.#arm();
    return answer;
  }

  /** The tracker has taken the request: it is asked again only should its end stay untold. */
  started(requestId: string): void {
    this.#decide(undefined, (now) => this.#books.index.setSweep(requestId, now + OPEN_SWEEP_MS));
  }

  /** Books the end of a request. The second time it changes nothing. Answers the deliveries that the tracker owes of it. */
  async settle(input: SettleInput): Promise<Settled> {
    const { reservation: verdict } = input;
    const nothing: Settled = { kind: "settled", chargedMicro: null, source: "unknown", verdict, ...NOTHING_TOLD };
    const settled = this.#decide(nothing, (now) => settle(this.#books, input, now));
    // Uploads that the request used may be over.
    if (this.#exists) await this.#arm();
    return settled;
  }

  /** Undoes an admit, after the tracker has been closed for good without a start. */
  release(requestId: string): void {
    this.#decide(undefined, (now) => release(this.#books, requestId, now));
  }

  /** A request that is being deleted: lists show it no more, a post that comes again is told so, nothing of it is delivered. */
  erased(requestId: string): void {
    this.#decide(undefined, (now) => {
      this.#books.index.erase(requestId, now);
      for (const { id } of this.#books.uploads.ofRequest(requestId)) this.#books.uploads.remove(id);
      this.#books.deliveries.removeOf(requestId);
    });
  }

  /** One page of the request index, newest first. `limit` is at least 1. */
  list(input: ListInput): ListAnswer {
    return this.#exists ? listRequests(this.#books.index, input) : { kind: "page", data: [], nextCursor: null };
  }

  usage(query: UsageQuery): UsageRow[] {
    return this.#exists ? this.#books.usage.sums(query) : [];
  }

  // --- Uploads ---------------------------------------------------------------------------------------------------

  async announceUpload(input: uploads.AnnouncedUpload): Promise<ReturnType<typeof uploads.announce>> {
    const answer = this.#ask((now) => uploads.announce(this.#books, input, now));
    if (this.#exists) await this.#arm();
    return answer;
  }

  beginUpload(input: uploads.BeginInput): uploads.BeginAnswer {
    return this.#ask((now) => uploads.begin(this.#books, input, now));
  }

  beginUploadPart(part: { id: string; n: number; bytes: number }): uploads.BeginAnswer {
    return this.#ask((now) => uploads.beginPart(this.#books, part, now));
  }

  /** R2's id that counts for this upload; null when there is nothing to send any more. */
  keepMultipart(id: string, multipart: string): string | null {
    return this.#decide<string | null>(null, () => uploads.keepMultipart(this.#books, id, multipart));
  }

  finishUploadPart(part: Parameters<typeof uploads.finishPart>[1]): void {
    this.#decide(undefined, () => uploads.finishPart(this.#books, part));
  }

  uploadParts(id: string): uploads.PartsAnswer {
    return this.#ask((now) => uploads.partsOf(this.#books, id, now));
  }

  finishUpload(input: uploads.FinishInput): uploads.FinishAnswer {
    return this.#ask((now) => uploads.finish(this.#books, input, now));
  }

  inputFile(id: string): ReturnType<typeof uploads.inputFile> {
    return this.#decide<ReturnType<typeof uploads.inputFile>>({ kind: "gone" }, (now) =>
      uploads.inputFile(this.#books, id, now),
    );
  }

  /** One page of the uploads, newest first. */
  listUploads(input: UploadListInput): ReturnType<typeof listUploads> {
    return this.#ask((now) => listUploads(this.#books.uploads, input, now));
  }

  upload(wish: { id: string; user: string | null }): ReturnType<typeof findUpload> {
    return this.#ask((now) => findUpload(this.#books.uploads, wish, now));
  }

  /** Deletes an upload with its bytes. What R2 does not take out just now goes with the next alarm; its URLs are over at once. */
  async deleteUpload(wish: { id: string; user: string | null }): Promise<{ kind: "deleted" } | Refused> {
    const ended = this.#ask((now) => endUpload(this.#books.uploads, wish, now));
    if (ended.kind === "refused") return ended;
    await this.#arm();
    try {
      await this.#letGoOf(ended.upload);
    } catch (fault) {
      logEvent("upload.failed", { error: faultName(fault) });
    }
    return { kind: "deleted" };
  }

  /** Which of these ids are still there, or still being removed: their bytes are theirs. */
  knownOf({ requests, uploads }: { requests: string[]; uploads: string[] }): { requests: string[]; uploads: string[] } {
    if (!this.#exists) return { requests: [], uploads: [] };
    const { index, removals, uploads: store } = this.#books;
    const isKnown = (id: string): boolean => {
      const line = index.request(id);
      return line !== null && (line.erasedAt === null || line.status === "open" || removals.has(id));
    };
    return { requests: requests.filter(isKnown), uploads: uploads.filter((id) => store.byId(id) !== null) };
  }

  // --- Alarm -----------------------------------------------------------------------------------------------------

  /** Asks about what nobody told, and cleans up. Never throws: after too many failures an alarm is dropped for good. */
  override async alarm(): Promise<void> {
    const now = Date.now();
    let retryAt = 0;
    try {
      this.#armedFor = now + SAFETY_ALARM_MS;
      await this.ctx.storage.setAlarm(this.#armedFor);
      const parts = await Promise.allSettled([
        this.#sweep(now),
        this.#send(now),
        runReplayJob(this.room, this.env),
        this.#letGoOfUploads(now),
        carryOutRemovals(this.env, this.#books, now + ALARM_BUDGET_MS),
      ]);
      for (const part of parts) if (part.status === "rejected") throw part.reason;
      this.#books.removals.finishAll(now);
      if (this.#books.removals.ofTeam() && (await removeTeam(this.env, this.#books, now)) === "emptied") {
        await this.#forgetAll();
        return;
      }
      this.#transact(() => cleanUp(this.#books, now));
    } catch (fault) {
      logEvent("sweep.failed", { error: faultName(fault) });
      // What is due now failed now: to ring at once would only do so again.
      retryAt = Date.now() + UNSTARTED_SWEEP_MS;
    }
    const due = this.#nextDueAt();
    this.#armedFor = due === null ? null : Math.max(due, retryAt);
    if (this.#armedFor === null) await this.ctx.storage.deleteAlarm();
    else await this.ctx.storage.setAlarm(this.#armedFor);
  }

  /** Webhooks: runs of failures are judged, and events of the team go out. */
  async #send(now: number): Promise<void> {
    this.#decide(undefined, () => judgeEndpoints(this.#books, now));
    const config = requireConfig(this.env);
    await sendDue({ ...this.room, guard: (origin) => guardRules(config, origin) }, now);
  }

  /** When the alarm is needed next: the earliest of what is owed, overdue included; null when nothing is. */
  #nextDueAt(): number | null {
    const { index, outbox, endpoints, replayJobs, removals, uploads: files } = this.#books;
    const dues = [
      index.nextSweepAt(),
      outbox.nextDueAt(),
      endpoints.nextCheckAt(),
      replayJobs.nextDueAt(),
      files.nextOverAt(),
      // A removal of the team goes on at once whenever no request of it has to be waited for.
      removals.nextDueAt() ?? (removals.ofTeam() ? Date.now() : null),
      cleanUpDueAt(this.#books),
    ];
    const due = dues.filter((at) => at !== null);
    return due.length === 0 ? null : Math.min(...due);
  }

  /** Uploads whose time is over: their bytes first, then what is known of them. */
  async #letGoOfUploads(now: number): Promise<void> {
    for (const upload of this.#books.uploads.over(now, SWEEP_BATCH_ROWS)) {
      if (Date.now() - now > ALARM_BUDGET_MS) return;
      await this.#letGoOf(upload);
    }
  }

  async #letGoOf(upload: Upload): Promise<void> {
    await removeUploadBytes(this.env.FILES, upload);
    this.#decide(undefined, (at) => uploads.forget(this.#books, upload.id, at));
  }

  /** The end of a removed team: from here on its object is one that nobody has ever made. */
  async #forgetAll(): Promise<void> {
    this.#exists = false;
    this.#armedFor = null;
    // The alarm goes with everything else; what the stores remembered must not outlive it.
    await this.ctx.storage.deleteAll();
    Object.assign(this.#books, openBooks(this.ctx.storage.sql));
  }

  async #sweep(now: number): Promise<void> {
    for (const requestId of this.#books.index.toAsk(now, SWEEP_BATCH_ROWS)) {
      if (Date.now() - now > ALARM_BUDGET_MS) return;
      try {
        await this.#askTracker(requestId);
      } catch (fault) {
        // The tracker could not be asked: the reservation stays, because the request may have started and be paid for.
        this.#books.index.setSweep(requestId, Date.now() + UNSTARTED_SWEEP_MS);
        logEvent("sweep.failed", { request: requestId, error: faultName(fault) });
      }
    }
  }

  /** Asking wakes the tracker and sets its alarm right, so an end that got lost on the way is told by the tracker itself. */
  async #askTracker(requestId: string): Promise<void> {
    const answer = await trackerFor(this.env, requestId).closeIfUnstarted();
    if (answer.kind === "unstarted") this.release(requestId);
    else this.started(requestId);
    logEvent("sweep.asked", { request: requestId, outcome: answer.kind });
  }

  /** One decision in one transaction; refused where there is no such team. */
  #ask<T>(decision: (now: number) => T): T | Refused {
    return this.#decide<T | Refused>(REFUSED, decision);
  }

  /** The same where there is something to say about a team that is not there. */
  #decide<T>(absent: T, decision: (now: number) => T): T {
    return this.#exists ? this.#transact(decision) : absent;
  }

  /** What joined the event feed is told to its holds afterwards, so that a broken socket cannot undo it. */
  #transact<T>(work: (now: number) => T): T {
    const result = this.ctx.storage.transactionSync(() => work(Date.now()));
    if (!this.#books.events.takeNews()) return result;
    for (const socket of this.ctx.getWebSockets()) {
      try {
        socket.send("new");
      } catch {
        // Its Worker reads the feed again by itself.
      }
    }
    return result;
  }

  /** Puts the alarm at the earliest due question, unless one rings before. */
  async #arm(): Promise<void> {
    const due = this.#exists ? this.#nextDueAt() : null;
    if (due === null || (this.#armedFor !== null && this.#armedFor <= due)) return;
    this.#armedFor = due;
    await this.ctx.storage.setAlarm(due);
  }
}

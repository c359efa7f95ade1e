// The Durable Object of one team: keys, plans, prices, quota ledger, request index, usage, audit. A thin shell that reads the
// clock and wraps each decision in one transaction, so N submits at once never take more than the limits hold.
// Knows trackers only through env's binding; its alarm asks them about requests that nobody has told the end of. The only
// fetch is for issuers' keys.

import { type Env, requireConfig } from "../env.ts";
import { ALARM_BUDGET_MS, OPEN_SWEEP_MS, SAFETY_ALARM_MS, SWEEP_BATCH_ROWS, UNSTARTED_SWEEP_MS } from "../limits.ts";
import { faultName, logEvent } from "../log.ts";
import { guardRules } from "../relay/rules.ts";
import { askAgain } from "../stubs.ts";
import type {
  Actor,
  Alerts,
  AuditPage,
  ChargeWord,
  KeyWish,
  NamedPlan,
  NewKey,
  PricesInForce,
  TeamSummary,
  UsageQuery,
  UsageRow,
  UserSummary,
} from "./admin-types.ts";
import { actingAs, admit, limitsNow, quote } from "./admission.ts";
import { BacklogPacer } from "./backlog-pacer.ts";
import { type Books, openBooks } from "./books.ts";
import { cleanUp, cleanUpDueAt } from "./clean-up.ts";
import { UNKNOWN_KEY } from "./credentials.ts";
import { judgeEndpoints } from "./delivery-desk.ts";
import { NOTHING_TOLD } from "./event-desk.ts";
import { type IdentifyAnswer, identify } from "./identity.ts";
import { countMint, IssuerKeyRing, putIssuer, removeIssuer } from "./issuer-desk.ts";
import type { IssuerKeys } from "./issuer-keys.ts";
import type { KeptIssuer } from "./issuer-store.ts";
import type { Issuer } from "./issuers.ts";
import { freezeKey, type KeyAnswer, type KeyText, makeTeamKey, revokeKey, rotateKey } from "./key-admin.ts";
import { type KeyKind, keyDigest, makeKey, makeWebhookSecret } from "./keys.ts";
import { sendDue } from "./outbox.ts";
import { DEFAULT_PLAN, defaultPlan, type Plan } from "./plan.ts";
import { type Price, type PriceTable, priceFor } from "./prices.ts";
import { type Removal, WHOLE_TEAM } from "./removal-store.ts";
import { carryOutRemovals, subjectOf } from "./removals.ts";
import { runReplayJob } from "./replay-jobs.ts";
import { listRequests } from "./request-list.ts";
import { release, settle, settleByWord } from "./settlement.ts";
import {
  alertsOf,
  choosePlan,
  forgetUser,
  freezeTeam,
  freezeUser,
  putAlerts,
  putPlan,
  putPrices,
  userSummary,
} from "./team-admin.ts";
import { orderTeamRemoval, removeTeam } from "./team-removal.ts";
import { hasTables, migrate } from "./team-schema.ts";
import { type TeamRoom, TeamWebhooks } from "./team-webhooks.ts";
import type {
  ActingFor,
  AdmitAnswer,
  AdmitInput,
  Credential,
  KeySummary,
  ListAnswer,
  ListInput,
  Me,
  QuoteAnswer,
  QuoteInput,
  Refused,
  Settled,
  SettleInput,
} from "./types.ts";
import { endUpload, findUpload, listUploads, type UploadListInput } from "./upload-list.ts";
import { removeUploadBytes } from "./upload-removal.ts";
import type { Upload } from "./upload-store.ts";
import * as uploads from "./uploads.ts";

/** A team's object. Naming a team that does not exist is harmless: its object answers and leaves no store behind. */
export function teamFor(env: Env, teamId: string): DurableObjectStub<Team> {
  return env.TEAM.getByName(teamId);
}

/** Asks a team, again on a fresh stub if need be. Only for methods that may run twice (all but `create`, `createKey` and `rotateKey`). */
export function askTeam<T>(env: Env, teamId: string, ask: (team: DurableObjectStub<Team>) => T): Promise<Awaited<T>> {
  return askAgain(() => teamFor(env, teamId), ask);
}

/** What everybody is told by a team that does not exist. */
const REFUSED: Refused = { kind: "refused", refusal: UNKNOWN_KEY };

const FIRST_KEY: KeyWish = {
  ...{ kind: "secret", name: "First key", scopes: ["run", "read", "admin"], expiresAt: null },
  ...{ user: null, plan: null, models: null, origins: null, turnstile: null },
};

export class Team extends TeamWebhooks {
  readonly #books: Books;
  /** Whether `create` ever ran: the object of a team that does not exist refuses everything and stores nothing. */
  #exists: boolean;
  /** When the alarm rings, as far as this instance has set or seen it. */
  #armedFor: number | null = null;
  readonly #issuerKeys = new IssuerKeyRing();
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
    by: Actor;
  }): Promise<{ kind: "created"; team: TeamSummary; key: NewKey } | { kind: "exists" }> {
    const text = await keyText(input.id, "secret");
    if (this.#exists) return { kind: "exists" };
    const now = Date.now();
    const { id, name, by } = input;
    const team: TeamSummary = { id, name, plan: DEFAULT_PLAN, createdAt: now, frozenAt: null };
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

  // --- Administration --------------------------------------------------------------------------------------------

  /** Makes a key and tells its text, this once. */
  async createKey(wish: KeyWish, by: Actor): Promise<{ kind: "created"; key: KeySummary; secret: string } | Refused> {
    if (!this.#exists) return REFUSED;
    const text = await keyText(this.#books.team.team().id, wish.kind);
    const made = this.#ask((now) => makeTeamKey(this.#books, wish, text, by, now));
    return made.kind === "refused" ? made : { kind: "created", key: made.key, secret: text.text };
  }

  /** Gives a key another text and tells it, this once. The old one works for `overlapS` more. */
  async rotateKey(id: string, overlapS: number, by: Actor): Promise<{ kind: "rotated"; key: NewKey } | Refused> {
    if (!this.#exists) return REFUSED;
    const text = await keyText(this.#books.team.team().id, this.#books.keys.byId(id)?.kind ?? "secret");
    const made = this.#ask((now) => rotateKey(this.#books, id, text, overlapS, by, now));
    return made.kind === "refused" ? made : { kind: "rotated", key: { id, secret: text.text } };
  }

  listKeys(): KeySummary[] {
    return this.#exists ? this.#books.keys.all() : [];
  }

  revokeKey(id: string, by: Actor): KeyAnswer {
    return this.#ask((now) => revokeKey(this.#books, id, by, now));
  }

  freezeKey(id: string, frozen: boolean, by: Actor): KeyAnswer {
    return this.#ask((now) => freezeKey(this.#books, id, frozen, by, now));
  }

  /** The team; null when it does not exist. */
  summary(): TeamSummary | null {
    return this.#exists ? this.#books.team.team() : null;
  }

  freezeTeam(frozen: boolean, by: Actor): TeamSummary | null {
    return this.#decide<TeamSummary | null>(null, (now) => freezeTeam(this.#books, frozen, by, now));
  }

  /** Removes the team with all that it stored. Null: there is no such team. Again: how far it is. */
  async remove(by: Actor): Promise<Removal | null> {
    const removal = this.#decide<Removal | null>(null, (now) => orderTeamRemoval(this.#books, by, now));
    if (removal !== null) await this.#arm();
    return removal;
  }

  /** How far the removal of the team is; null when none was ordered, or nothing of the team is left. */
  removal(): Removal | null {
    return this.#exists ? this.#books.removals.removal(WHOLE_TEAM) : null;
  }

  putPlan(name: string, plan: Plan, by: Actor): void {
    this.#decide(undefined, (now) => putPlan(this.#books, name, plan, by, now));
  }

  listPlans(): NamedPlan[] {
    return this.#exists ? this.#books.team.plans() : [];
  }

  choosePlan(name: string, by: Actor): { kind: "chosen"; team: TeamSummary } | Refused {
    return this.#ask((now) => choosePlan(this.#books, name, by, now));
  }

  /** Price tables, the one in force first. */
  prices(limit: number): PricesInForce[] {
    return this.#exists ? this.#books.prices.history(limit) : [];
  }

  /** What these models cost, in their order; null where the table has no price. */
  pricesOf(models: string[]): (Price | null)[] {
    if (!this.#exists) return [];
    const table = this.#books.prices.current();
    return models.map((model) => priceFor(table, model));
  }

  putPrices(table: PriceTable, by: Actor): void {
    this.#decide(undefined, (now) => putPrices(this.#books, table, by, now));
  }

  user(user: string): UserSummary | null {
    return this.#decide<UserSummary | null>(null, (now) => userSummary(this.#books, user, now));
  }

  freezeUser(user: string, frozen: boolean, by: Actor): UserSummary | null {
    return this.#decide<UserSummary | null>(null, (now) => freezeUser(this.#books, user, frozen, by, now));
  }

  /** Takes a user out of the books; their requests are removed by alarm. Again: also what came since. */
  async forgetUser(user: string, by: Actor): Promise<Removal | null> {
    if (!this.#exists) return null;
    const subject = await subjectOf(this.#books.team.team().id, user);
    const removal = this.#decide<Removal | null>(null, (now) => forgetUser(this.#books, user, subject, by, now));
    await this.#arm();
    return removal;
  }

  /** How far the forgetting of a user is; null when there was none, or none lately. */
  async userRemoval(user: string): Promise<Removal | null> {
    return this.#exists ? this.#books.removals.removal(await subjectOf(this.#books.team.team().id, user)) : null;
  }

  /** Somebody's word on a charge that nobody could judge. */
  settleByWord(word: ChargeWord, by: Actor): Settled | Refused {
    return this.#ask((now) => settleByWord(this.#books, word, by, now));
  }

  alerts(): Alerts {
    return this.#decide({ percents: [], latest: [] }, () => alertsOf(this.#books));
  }

  putAlerts(percents: number[], by: Actor): void {
    this.#decide(undefined, (now) => putAlerts(this.#books, percents, by, now));
  }

  audit(before: number | null, limit: number): AuditPage {
    return this.#exists ? this.#books.audit.page(before, limit) : { data: [], nextBefore: null };
  }

  /** An admin changed something of the deployment's, which this team's audit remembers. */
  noteChange(action: "connection.created" | "connection.deleted", target: string, by: Actor): void {
    if (this.#exists) this.#books.audit.note(by, action, target, {}, Date.now());
  }

  // --- Issuers and exchanges -------------------------------------------------------------------------------------

  issuers(): KeptIssuer[] {
    return this.#exists ? this.#books.issuers.all() : [];
  }

  putIssuer(issuer: Issuer, by: Actor): { kind: "kept" } | Refused {
    this.#issuerKeys.forget(issuer);
    return this.#ask((now) => putIssuer(this.#books, issuer, by, now));
  }

  removeIssuer(name: string, by: Actor): { kind: "removed" } | Refused {
    return this.#ask((now) => removeIssuer(this.#books, name, by, now));
  }

  /** An issuer's keys, asked for first when that is due. Null: there are none. */
  async issuerKeys({ name, unknownKey }: { name: string; unknownKey: boolean }): Promise<IssuerKeys | null> {
    if (!this.#exists) return null;
    const rules = { allowHosts: requireConfig(this.env).RELAY_ALLOW_HOSTS, ownHosts: [] };
    return this.#issuerKeys.keys(this.#books, name, unknownKey, rules);
  }

  /** Counts one exchange of a publishable key by an address, or refuses it. */
  countMint(exchange: { keyId: string; ip: string }): { kind: "counted" } | Refused {
    return this.#ask((now) => countMint(this.#books, exchange, now));
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
      cleanUp(this.#books, now);
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
    const tracker = this.env.TRACKER.get(this.env.TRACKER.idFromString(requestId));
    const answer = await tracker.closeIfUnstarted();
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

async function keyText(team: string, kind: KeyKind): Promise<KeyText> {
  const text = await makeKey(team, kind);
  return { text, digest: await keyDigest(text) };
}

// Every timeout, cap, retry table and retention of Sluice, with its unit in the name and its reason beside it.
// Imports nothing.

export const SECOND_MS = 1_000;
export const MINUTE_MS = 60 * SECOND_MS;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

// --- Sizes -----------------------------------------------------------------------------------------------------

/** A SQLite row holds 2 MB and a state row is written often; longer text goes to R2 and the row keeps key and hash. */
export const ROW_TEXT_MAX_BYTES = 512 * 1024;
/** A webhook body above this is not read: the call is taken as a doorbell and the result is fetched instead. */
export const WEBHOOK_BODY_MAX_BYTES = 1024 * 1024;
/** Caller's JSON body. Inputs are links or small data URIs; larger media goes through uploads. */
export const REQUEST_BODY_MAX_BYTES = 10 * 1024 * 1024;
/** A result body (data URIs of sync_mode make them big). Held in memory once, under the byte semaphore. */
export const RESULT_BODY_MAX_BYTES = 16 * 1024 * 1024;
/** A result that is a file itself instead of JSON: kept as base64 until it is stored, which is then as long as the longest JSON. */
export const RESULT_FILE_MAX_BYTES = 12 * 1024 * 1024;
/** Upstream answers that are never results: submit, status, cancel, connections, JWKS. */
export const UPSTREAM_REPLY_MAX_BYTES = 1024 * 1024;
/** All buffers of an isolate together; objects of a class share its 128 MB. */
export const BUFFER_BUDGET_BYTES = 48 * 1024 * 1024;
/** The part of it that callers' bodies may take, so that answers of paid calls always find room. */
export const INBOUND_BUDGET_BYTES = 24 * 1024 * 1024;
/** A body up to this is not counted: nobody who holds bytes may have to wait for a short answer. */
export const FREE_BODY_BYTES = 16 * 1024;
/** Callers who send slower than this for a whole body hold bytes that others wait for. */
export const INBOUND_READ_TIMEOUT_MS = 30 * SECOND_MS;
/** A request that the runtime cuts off runs no `finally`: its bytes come back after this. Longer uses go uncounted then. */
export const PERMIT_LEASE_MS = 2 * MINUTE_MS;
/** Who waits for bytes looks again this often: little beside the time that megabytes take to come in. */
export const PERMIT_LOOK_AGAIN_MS = 50;
/** fal's error text kept per request: message for people, and its own JSON for callers and compatible replays. */
export const ERROR_MESSAGE_MAX_CHARS = 500;
export const ERROR_DETAIL_MAX_BYTES = 16 * 1024;
/** The longest published endpoint id has seven segments; a namespace adds one. */
export const MODEL_ID_MAX_CHARS = 200;
export const MODEL_ID_MAX_SEGMENTS = 10;
/** Bytes of upstream logs kept per request; the newest lines win. */
export const LOGS_MAX_BYTES = 64 * 1024;
/** Bytes of caller's `metadata`, `tags` entries and their lengths. */
export const METADATA_MAX_BYTES = 16 * 1024;
export const TAGS_MAX = 10;
export const TAG_TEXT_MAX_CHARS = 128;
export const USER_MAX_CHARS = 128;
export const URL_MAX_CHARS = 2_048;

// --- Files -----------------------------------------------------------------------------------------------------

/** Files of one output that are copied; an output that names more keeps the rest at their source, with an error. */
export const FILES_PER_REQUEST_MAX = 1_000;
/** One stored file: what R2 takes in a single put, so that a source without ranges can be stored too. */
export const FILE_MAX_BYTES = 4_900 * 1024 * 1024;
/** All files of one request together. */
export const REQUEST_FILES_MAX_BYTES = 20 * 1024 * 1024 * 1024;
/** Up to this a file is copied in one pass: downloading it again costs less than the calls of an upload in parts. */
export const FILE_ONE_PASS_MAX_BYTES = 16 * 1024 * 1024;
/**
 * Part of a larger one: the most that a kill makes us download again. R2 takes 5 MiB to 5 GiB and 10,000 of them; of sources without a
 * length a part is held in memory, and six fit the byte budget.
 */
export const FILE_PART_BYTES = 8 * 1024 * 1024;
/** Read of a source at once: below 64 KiB the calls per chunk cost more than the bytes, above this it gains nothing. */
export const FILE_COPY_CHUNK_BYTES = 256 * 1024;
/** First bytes that are looked at for a signature; the farthest that counts (tar) ends at byte 265. */
export const FILE_SNIFF_BYTES = 4 * 1024;
/** File name in a URL or a download: file systems take 255 bytes, and people paste URLs. */
export const FILE_NAME_MAX_CHARS = 100;
/** Time for one try at copying one file. */
export const FILE_COPY_TIMEOUT_MS = 10 * MINUTE_MS;
/** Body of one upload call. Cloudflare's own cap (100 MB in most plans) would otherwise answer with a page of HTML. */
export const UPLOAD_PUT_MAX_BYTES = 100 * 1024 * 1024;
/** From here on an upload is better sent in parts: below the cap by the room that a form's own bytes take. fal's clients agree. */
export const UPLOAD_PARTS_FROM_BYTES = 90 * 1024 * 1024;
/** Size of a part that we advise, and that fal's clients send. */
export const UPLOAD_PART_BYTES = 10 * 1024 * 1024;
/** R2's rules for parts: this at least, but for the last one, and so many (developers.cloudflare.com/r2/objects/upload-objects). */
export const UPLOAD_PART_MIN_BYTES = 5 * 1024 * 1024;
export const UPLOAD_PARTS_MAX = 10_000;
/** An upload URL takes bytes this long: minutes for a person who picks a file, and some for a slow phone. */
export const UPLOAD_URL_MS = HOUR_MS;
/** Largest uploaded file where the plan says nothing. */
export const UPLOAD_MAX_BYTES_DEFAULT = 1024 * 1024 * 1024;
/** Days that an uploaded file is kept where the plan says nothing: inputs are tried again within a week or not at all. */
export const INPUTS_DAYS_DEFAULT = 7;
/** Copies of an uploaded file in one browser: short, because the file goes away. */
export const INPUT_CACHE_S = 300;
/** Uploads that one request may use: each is looked up in its admit. */
export const INPUT_UPLOADS_MAX = 50;
/** Files inside an input above this many characters are stored and sent as URLs; fal advises data URIs for a few KB only. */
export const INLINE_KEEP_MAX_CHARS = 8 * 1024;
/** Files that are taken out of one input; each is a write to R2 before the submit. */
export const INLINE_FILES_MAX = 50;
/** Time for one part of it: a source slower than 100 kB/s is no source. */
export const FILE_PART_TIMEOUT_MS = 90 * SECOND_MS;
/** A copy that can be resumed gives its lane back at the first part boundary after this; it goes on under the next alarm. */
export const FILE_COPY_TURN_MS = 45 * SECOND_MS;
/** A file that is not stored this long after its copy was owed is given up, whatever progress it makes; others go before it. */
export const FILE_DEADLINE_MS = 2 * HOUR_MS;
/** Share links of one request; all are shown in one list. Ended ones make room. */
export const SHARES_PER_REQUEST_MAX = 100;
export const SHARE_DEFAULT_S = 7 * 24 * 3_600;
/** Below a minute a link would end on its way to whoever it is for. */
export const SHARE_MIN_S = 60;
export const SHARE_MAX_S = 365 * 24 * 3_600;
/** Links of private files live at least this long: a page shows them, and a film plays for a while. */
export const FILE_LINK_MIN_S = 300;
export const FILE_LINK_MAX_S = 30 * 24 * 3_600;
/** Waits between tries at one file, then it is given up and keeps its source URL. */
export const MIRROR_RETRY_MS = [2 * SECOND_MS, 10 * SECOND_MS, 30 * SECOND_MS, 2 * MINUTE_MS] as const;

// --- Let go ----------------------------------------------------------------------------------------------------

/** Objects that R2 lists at once and deletes at once (developers.cloudflare.com/r2/api/workers/workers-api-reference). */
export const R2_PAGE_KEYS = 1_000;
/** Pages of a prefix that one try deletes; a page takes well under a second, and the try's lease is a minute. */
export const PURGE_PAGES_PER_TRY = 10;
/** A copy that still runs would outlive the deletion: the purge comes back after this. */
export const PURGE_WAIT_MS = 5 * SECOND_MS;
/** An object younger than this may belong to something that is being made: its row and its bytes do not come at once. */
export const SWEEP_GRACE_MS = DAY_MS;
/** A sweep that R2 or a team could not answer goes on after this. */
export const SWEEP_RETRY_MS = 5 * MINUTE_MS;
/** How long a caller who deletes waits in place for the bytes to be gone; the rest is done by alarm. */
export const PURGE_IN_PLACE_MS = 10 * SECOND_MS;

// --- Upstream --------------------------------------------------------------------------------------------------

/** Maton and fal answer a submit in well under a second; past this the answer counts as lost. */
export const SUBMIT_TIMEOUT_MS = 30 * SECOND_MS;
export const STATUS_TIMEOUT_MS = 15 * SECOND_MS;
export const RESULT_TIMEOUT_MS = 60 * SECOND_MS;
export const CANCEL_TIMEOUT_MS = 15 * SECOND_MS;
export const CONNECTION_TIMEOUT_MS = 15 * SECOND_MS;
/** How long an admin's call about connections waits for its turn of the pace, before it is told to come back. */
export const CONNECTION_TURN_WAIT_MS = 10 * SECOND_MS;
export const JWKS_TIMEOUT_MS = 5 * SECOND_MS;
/** fal's rule: a key set is trusted for at most a day. */
export const JWKS_MAX_AGE_MS = DAY_MS;
/** A signature that no key fits forces one fresh look at the key set, at most this often. */
export const JWKS_REFRESH_GAP_MS = MINUTE_MS;
/** An older set is renewed while it still counts, so that a key host that is down for hours costs nothing. */
export const JWKS_REFRESH_AFTER_MS = 12 * HOUR_MS;
/** fal publishes a handful of keys; every one is tried on each webhook. */
export const JWKS_KEYS_MAX = 16;
/** A look-up that failed (connection, key set) is asked again at most this often. */
export const LOOKUP_RETRY_MS = 5 * SECOND_MS;
/** Who finds no turn for the look-up of the connection comes back this soon. */
export const LOOKUP_FIRST_RETRY_MS = 50;
/** fal accounts that may sign webhooks of one connection; the oldest pin gives way. */
export const PINNED_USERS_MAX = 16;
/** fal's clients refuse a start deadline of one second or less; what is left below this is sent as this. */
export const START_DEADLINE_MIN_S = 1.1;
/** fal's signature time stamp may differ from our clock by this much, both ways. */
export const WEBHOOK_TOLERANCE_S = 300;
/** A 429 without Retry-After closes the account this long. */
export const RATE_LIMITED_PAUSE_MS = 2 * SECOND_MS;
/** A Retry-After beyond this is taken as this. */
export const RETRY_AFTER_MAX_MS = HOUR_MS;
/** A grant is used within this long of its start, or handed back. A call that is late within it keeps its place for longer. */
export const GRANT_USE_MS = 500;
/** A call whose answer was not heard for so long after its turn has arrived or never will: its tracker may be dead. */
export const CALL_UNHEARD_MS = 10 * SECOND_MS;
/**
 * Answers of a kind of call that its quickest is learned from, and how many that takes. A minute at full pace: a machine that
 * was busy for shorter does not count as the usual, and its calls cannot bunch with the first quick ones after it.
 */
export const ANSWERS_KEPT = 512;
export const ANSWERS_NEEDED = 16;
/** How far the quickest answer may be from what the next one could have been: clocks tick, loops turn. */
export const ANSWER_NOISE_MS = 25;
/** Turns that one try asks for before it comes back later, and how far ahead a late caller may have its next one. */
export const GRANT_TRIES = 3;
export const GRANT_LEAD_MAX_MS = 500;
/** Grants whose turn is at most this far off are waited for in place; others come back by alarm. */
export const GRANT_WAIT_IN_PLACE_MS = SECOND_MS;
/** Slack over Maton's window of one second, so that clocks and networks that differ do not make an 11th call. */
export const PACE_SLACK = 1.05;
/** A busy account notes so at most this often; it stays below the 10 s after which an idle object may be put to sleep. */
export const PACE_NOTE_MS = 8 * SECOND_MS;
/** Turns are given this far ahead to those who wait, so that an alarm that is late costs none of them. */
export const TURNS_AHEAD_MS = 600;
/** A turn that is told by a call begins no sooner: the call takes its time. */
export const WAKE_LEAD_MS = 60;
/** A tracker that could not be woken is tried again after this; it also comes by itself. */
export const WAKE_RETRY_MS = 5 * SECOND_MS;
/** Who waits for a turn comes by itself half as much later than told, and this: the net under a wake that got lost. */
export const WAKE_MISSED_MS = 15 * SECOND_MS;
/** The same at most: an estimate may be wrong by hours. */
export const WAKE_MISSED_MAX_MS = 10 * MINUTE_MS;
/** A waiting call whose tracker is this late to come by itself has gone. */
export const WAITER_GONE_MS = 10 * MINUTE_MS;
/** Calls that have waited this long get every second turn. Results come before fal forgets them (six minutes). */
export const OVERDUE_MS = {
  submit: Number.POSITIVE_INFINITY,
  cancel: 5 * SECOND_MS,
  result: 10 * SECOND_MS,
  status: 30 * SECOND_MS,
} as const;
/** Submits without an answer at a time, in seconds of a full pace: a gateway that hangs makes no more of them uncertain. */
export const UNANSWERED_SUBMITS_S = 2;
/** A slot that was not heard of for so long is asked about; sooner while somebody waits for one. */
export const SLOT_CHECK_MS = 10 * MINUTE_MS;
export const SLOT_CHECK_WAITED_MS = MINUTE_MS;
/** Slots asked about at a time. */
export const SLOT_CHECK_BATCH = 20;
/** Failed calls in a row that close a connection. */
export const FAILURES_IN_A_ROW_MAX = 4;
/** Pauses of a closed connection: doubling. At most a minute, because a locked account is unlocked by a payment. */
export const HEALTH_PAUSE_FIRST_MS = 5 * SECOND_MS;
export const HEALTH_PAUSE_MAX_MS = MINUTE_MS;
/** A request that itself found the account locked so often, while others were taken in between, is not held again. */
export const LOCKED_TRIES_MAX = 3;
/** A second 429 within this of the last doubles the pause, up to RATE_LIMITED_PAUSE_MAX_MS. */
export const RATE_LIMITED_CALM_MS = MINUTE_MS;
export const RATE_LIMITED_PAUSE_MAX_MS = MINUTE_MS;
/** Anybody may ask for the account's health: an isolate asks the one object at most this often, whoever and how many do. */
export const GLANCE_GAP_MS = 5 * SECOND_MS;
/** How long whoever asks waits for the account: a health check that hangs says less than one that does not know. */
export const GLANCE_WAIT_MS = 500;
/** Beyond this an earlier look says nothing of now. */
export const GLANCE_OLD_MS = MINUTE_MS;
/** Models whose durations the operator is shown. */
export const DURATIONS_SHOWN_MAX = 50;
/** Requests of a model that its durations are learned from, and how many it takes. */
export const DURATIONS_KEPT = 64;
export const DURATIONS_NEEDED = 3;
/** What is learned of an end that the first look found already: it may have been there for a while. */
export const FIRST_LOOK_PART = 0.9;
/** Models whose durations are kept; the one that ended longest ago gives way. */
export const DURATION_MODELS_MAX = 500;
/** Held requests tell their place anew at most this often, however many read them. */
export const PLACE_REREAD_MS = 2 * SECOND_MS;

// --- Requests --------------------------------------------------------------------------------------------------

/** How long a submit call of a caller waits in place for the upstream answer before it says 202 with what is known. */
export const SUBMIT_ANSWER_WAIT_MS = 10 * SECOND_MS;
/** How long the edge retries `start` on fresh stubs after an admit, before it closes the request and says 503. */
export const START_RETRY_MS = 10 * SECOND_MS;
/** Plans that a submit is tried under: the one at hand, the one in force, and one that is written just then. */
export const PLAN_TRIES = 3;
/** A reservation nobody acked for this long makes Team ask the tracker whether it ever started. */
export const UNSTARTED_SWEEP_MS = MINUTE_MS;
/** A submit whose answer was lost may still be proven by a webhook for this long (fal may queue for hours). */
export const UNCERTAIN_GRACE_MS = 6 * HOUR_MS;
/** fal shows a new request at once, but a 404 this soon after submitting is not yet taken as the end. */
export const GONE_CONFIRM_MS = MINUTE_MS;
/** Longest `wait` of a caller. */
export const WAIT_MAX_S = 60;
/** A hold whose socket stands reads the state again this often: seldom enough to let the object hibernate in between. */
export const HOLD_REREAD_MS = 30 * SECOND_MS;
/** How long who waits for an end waits for its settling too: normally milliseconds. */
export const SETTLED_WAIT_MS = 2 * SECOND_MS;
/** The same without a socket. */
export const HOLD_BLIND_REREAD_MS = 5 * SECOND_MS;
/** A comment this often keeps an event stream open through proxies. */
export const SSE_COMMENT_MS = 15 * SECOND_MS;
export const IDEMPOTENCY_MS = DAY_MS;

// --- Effects ---------------------------------------------------------------------------------------------------

/** The alarm is put here before any row runs; a handler that is cut off is woken again. */
export const SAFETY_ALARM_MS = 2 * MINUTE_MS;
/** An alarm handler starts nothing after this; the rest runs under the next alarm. */
export const ALARM_BUDGET_MS = MINUTE_MS;
/** Time over an effect's own time-outs before its lease counts as lost. */
export const LEASE_SLACK_MS = 5 * SECOND_MS;
/** Faults of our own in a row that use up no try: about a day. What still fails then is taken as the other side's. */
export const STUMBLES_MAX = 36;
/** A row taken this often without any outcome crashes its object: it backs off. */
export const TAKES_BEFORE_BACKOFF = 5;
/** Growing gaps of effects that never stop (poll, fetch_result, settle, expire, hash): doubling from 2 s to 1 h. */
export const RETRY_FIRST_MS = 2 * SECOND_MS;
export const RETRY_MAX_MS = HOUR_MS;
/** Waits between tries at a cancel, then it is given up: the polls go on and tell the end. */
export const CANCEL_RETRY_MS = [2 * SECOND_MS, 5 * SECOND_MS, 15 * SECOND_MS, MINUTE_MS, 5 * MINUTE_MS] as const;
/** Tries at the result call that tells billed units, seconds apart; then the output is measured, and customers are told. */
export const EXACT_COST_TRIES = 3;

// --- Webhook endpoints -----------------------------------------------------------------------------------------

/** Endpoints of a team: every end of a request is matched against each. */
export const ENDPOINTS_PER_TEAM_MAX = 20;
/** A rotated secret signs beside the new one this long by default, and at most (a week, as others in the field have it). */
export const SECRET_OVERLAP_DEFAULT_S = 24 * 3_600;
export const SECRET_OVERLAP_MAX_S = 7 * 24 * 3_600;
/** Turns at recovering endpoints that a team remembers: at ten a second, more than come within an hour. */
export const BACKLOG_TURNS_MAX = 50_000;
/** Deliveries that one piece of a bulk replay sends, and the gap between two: ten a second. */
export const REPLAY_BATCH_ROWS = 50;
export const REPLAY_GAP_MS = 5 * SECOND_MS;
/** Deliveries, their attempts and the event feed are kept this long: what was missed is found after a holiday. */
export const DELIVERY_KEEP_MS = 30 * DAY_MS;
export const EVENT_KEEP_MS = 30 * DAY_MS;

// --- Polls -----------------------------------------------------------------------------------------------------

/** First poll of a model without learned durations while webhooks arrive: they nearly always win. */
export const POLL_FIRST_WITH_WEBHOOKS_MS = 60 * SECOND_MS;
/** The same with no PUBLIC_URL, or while webhooks are missing: the poll is the only news. */
export const POLL_FIRST_WITHOUT_WEBHOOKS_MS = 3 * SECOND_MS;
/** Beside webhooks the first poll comes so long after nearly all requests of the model have ended: a late webhook still wins. */
export const POLL_AFTER_P95_MS = 20 * SECOND_MS;
/** First polls by learned durations: not closer than this, and not farther than fal keeps what ended early. */
export const POLL_FIRST_MIN_MS = SECOND_MS;
export const POLL_FIRST_MAX_MS = 5 * MINUTE_MS;
/** fal keeps a result of 10 KB or more for about six minutes: no gap may come near that. */
export const POLL_MAX_GAP_MS = 120 * SECOND_MS;
/** Somebody waits for the end and no webhook will tell it: no gap above this. */
export const POLL_WAITED_GAP_MS = 5 * SECOND_MS;
/** Somebody follows the progress, which only polls show: first gap, and the most it grows to. */
export const POLL_FOLLOWED_FIRST_MS = 2 * SECOND_MS;
export const POLL_FOLLOWED_GAP_MS = 10 * SECOND_MS;
/** Failed looks at fal in a row that stay within POLL_MAX_GAP_MS of each other: about four hours of an outage. */
export const PATIENT_LOOKS = 120;
/** A doorbell makes a poll due at once, but not more often than this: who rings all day must not spend the pace. */
export const DOORBELL_GAP_MS = 10 * SECOND_MS;
/** So must who cancels all day. */
export const CANCEL_GAP_MS = 10 * SECOND_MS;
/**
 * fal's 202 to a cancel is a wish, and most runners obey at once: the first look comes so soon, each further one after as long again
 * as the wish is old. A model that does not obey so costs a handful of looks.
 */
export const CANCEL_LOOK_FIRST_MS = 500;

// --- Access ----------------------------------------------------------------------------------------------------

/** Every limit of a plan is read and counted in each admit, so a plan has few. */
export const PLAN_LIMITS_MAX = 20;
/** Globs of a plan's allow or deny list; each is compiled in each admit. */
export const PLAN_MODEL_GLOBS_MAX = 100;
/** Entries of each of a plan's input rules, and of its origins: all are walked in each submit. */
export const PLAN_INPUT_RULES_MAX = 50;
export const PLAN_ORIGINS_MAX = 50;
/** Equal posts of a page within so many seconds are one request, unless its plan says otherwise: a visitor who reloads. */
export const PUBLISHABLE_DEDUPE_S = 30;
/** Longest window in which equal posts may count as one request. Above it, people mean two. */
export const DEDUPE_MAX_S = 3_600;
/** A visitor's equal post is looked for this long past its time: longer than runs take, so that a reload finds one that is open. */
export const RECENT_POST_KEPT_MS = 24 * HOUR_MS;
/** Most days that a plan may keep anything; who wants more keeps it for good (null). */
export const RETENTION_MAX_DAYS = 3_650;
/** A thousand million dollars. Sums of several such still fit a safe integer of micro-dollars. */
export const MONEY_MAX_MICRO = 1_000_000_000 * 1_000_000;
/** Nobody knows when a running request ends; most images do within this, so a retry then is worth while. */
export const CONCURRENT_RETRY_AFTER_S = 5;
/** An amount beyond this (pixels, seconds, characters) is taken as this: dearer than any limit, and still a number. */
export const MEASURE_MAX = 1_000_000_000_000;
/** Entries of a team's price table; the globs among them are matched in each admit. */
export const PRICES_PER_TEAM_MAX = 500;
/** How long the compatible surfaces hold a status call: fal's clients poll every 0.1 to 0.5 s otherwise. */
export const COMPAT_HOLD_S = 10;
/** Above this, clients and proxies with a 30 s patience would give up. */
export const COMPAT_HOLD_MAX_S = 20;
/** Status texts that an isolate remembers having told; past this it forgets all, and tells them once more. */
export const COMPAT_TOLD_MAX = 5_000;
/** Keys of one team, revoked ones included: the list is shown whole. */
export const KEYS_PER_TEAM_MAX = 1_000;
/** A rotated key's old text goes on working this long, so that servers can be given the new one; a leaked key is revoked. */
export const KEY_OVERLAP_DEFAULT_S = 24 * 3_600;
export const KEY_OVERLAP_MAX_S = 30 * 24 * 3_600;
/** Entries of the audit, the price history or the alerts that one answer shows. */
export const HISTORY_LIMIT_MAX = 100;
/** Percentages of a limit in USD that may be told. */
export const ALERT_PERCENTS_MAX = 5;
/** An open request's tracker is asked again this often: that wakes it, should its alarm have been lost. */
export const OPEN_SWEEP_MS = HOUR_MS;
/** A key's last use is written at most this often: a written row costs a thousand times a read one. */
export const KEY_LAST_USED_STEP_MS = 10 * MINUTE_MS;
/** Unstarted requests that one alarm of a team asks about; the rest comes with the next. */
export const SWEEP_BATCH_ROWS = 100;
/** Rows past their time (counters, idempotency keys) that one alarm of a team deletes; more are left to the next, at once. */
export const CLEAN_UP_BATCH_ROWS = 500;
/** How long such a row may stay: each alarm costs a wake-up, each early one deletes less. */
export const CLEAN_UP_DELAY_MS = HOUR_MS;
/** Trackers that one alarm of a team asks to forget their requests, and how many of them side by side. */
export const REMOVAL_BATCH_ROWS = 100;
export const REMOVAL_LANES = 6;
/** Requests that one alarm of a team that is removed puts on the list of those to forget. */
export const REMOVAL_FILL_ROWS = 1_000;
/** A request that has not ended, or could not be asked, is asked again after this, doubling to an hour. */
export const REMOVAL_RETRY_MS = MINUTE_MS;
export const REMOVAL_RETRY_MAX_MS = HOUR_MS;
/** How long the report of a finished removal can be read. */
export const REMOVAL_REPORT_MS = 30 * DAY_MS;
/** Lines of the index that one page looks at: a rare filter answers with a cursor instead of walking a team's whole history. */
export const LIST_SCAN_MAX_ROWS = 2_000;
/** Tries at a Durable Object that a deploy or a move has just reset, each on a fresh stub. */
export const STUB_TRIES = 3;
/** Pause before such a try, times its number. */
export const STUB_RETRY_MS = 100;
/** Life of a client token: minutes, because a token that got away cannot be taken back without its key. */
export const TOKEN_TTL_DEFAULT_S = 600;
export const TOKEN_TTL_MIN_S = 60;
export const TOKEN_TTL_MAX_S = 3_600;
/** Exchanges of a publishable key for a token, per address: a page needs one in ten minutes, an office a few dozen an hour. */
export const MINTS_PER_HOUR = 60;
/** Rows of addresses whose hour is over that one mint deletes, so that the table does not grow for ever. */
export const MINT_CLEAN_UP_ROWS = 10;
/** Model globs that a token or a key may name. */
export const KEY_MODEL_GLOBS_MAX = 20;
/** Clocks of issuers and ours may differ by this much when a JWT's `exp` and `nbf` are judged. */
export const JWT_LEEWAY_S = 30;
/** A JWT longer than this is not read: Clerk's and Firebase's stay below 4 KB, and proxies cut headers at 8 to 16 KB. */
export const JWT_MAX_CHARS = 16_384;
/** An issuer's keys are asked for again after this: a key that its issuer took back is believed no longer, if the host answers. */
export const ISSUER_KEYS_REFRESH_AFTER_MS = HOUR_MS;
/** Keys of an issuer whose host is down count this long, then its tokens are refused. */
export const ISSUER_KEYS_MAX_AGE_MS = DAY_MS;
/** A token with an unknown key id makes an isolate ask the issuer at most this often: who makes key ids up must not. */
export const ISSUER_KEYS_GAP_MS = 30 * SECOND_MS;
/** A key set is kept in a row; the longest of the known issuers (Firebase) is below 3 KB. */
export const ISSUER_KEYS_MAX_BYTES = 64 * 1024;
/** Issuers of a team; every one is sent with each answer about issuers. */
export const ISSUERS_PER_TEAM_MAX = 10;
/** Cloudflare's siteverify answers in well under a second. */
export const TURNSTILE_TIMEOUT_MS = 5 * SECOND_MS;
/** Longest token of a Turnstile widget (developers.cloudflare.com/turnstile/get-started/server-side-validation). */
export const TURNSTILE_TOKEN_MAX_CHARS = 2_048;
/** Identities an isolate remembers; past this it forgets all and asks again. */
export const IDENTITIES_CACHED_MAX = 1_000;

// --- Edge ------------------------------------------------------------------------------------------------------

/** A caller's identity is remembered this long for reads, so a revoke acts on them within it. Submits always ask. */
export const IDENTITY_CACHE_MS = 10 * SECOND_MS;
export const LIST_LIMIT_DEFAULT = 20;
export const LIST_LIMIT_MAX = 100;
/** Requests that one bulk cancel asks; each is a call to its tracker. */
export const BULK_CANCEL_MAX = 100;
export const IDEMPOTENCY_KEY_MAX_CHARS = 255;
/** An event stream ends after this; clients come back with Last-Event-ID by themselves. */
export const EVENT_STREAM_MAX_MS = HOUR_MS;
/** Edge copies of files live at most this long, so a deletion holds within it; browsers keep them for good. */
export const FILE_EDGE_CACHE_S = 300;
export const CORS_MAX_AGE_S = 7_200;
/** JSON nested deeper than any model's input or output; walking it recursively stays far from the stack's end. */
export const JSON_DEPTH_MAX = 200;
/** Values of one JSON text that is walked: a tree of that many takes about 30 MB of the isolate's 128. */
export const JSON_VALUES_MAX = 500_000;

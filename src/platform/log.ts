// Structured logs: one JSON line per event with allow-listed fields. Never logs a prompt, a key, a body or a signed URL.

/** Allowed log fields: ids and codes, no free text from callers or upstream. */
export interface LogFields {
  /** A Sluice request. */
  request?: string;
  /** Value of `X-Request-Id`. */
  call?: string;
  team?: string;
  key?: string;
  route?: string;
  method?: string;
  status?: number;
  code?: string;
  stage?: string;
  effect?: string;
  attempt?: number;
  outcome?: string;
  reason?: string;
  error?: string;
  ms?: number;
  bytes?: number;
  /** A host that a model's output named; no path, no query. */
  host?: string;
  /** Database rows read. */
  rows?: number;
  /** Peak bytes of bodies held by the isolate; the budget is 48 MiB. */
  held?: number;
}

/** Writes `{ event, ...fields }`. Event names are `subject.verb_in_past`, e.g. `effect.attempted`. */
export function logEvent(event: string, fields: LogFields = {}): void {
  console.log(JSON.stringify({ event, ...fields }));
}

/** The highest `held` that this isolate has logged. */
let heldLogged = 0;

/**
 * Logs an attempt. A first attempt that went well is routine: each request makes three, a line costs what a row does, and the
 * request's timeline tells the same. It is logged for a share of requests and events (`id`), all attempts of one; and whenever
 * `held` is higher than logged before, so that an isolate's last `held` is its highest.
 */
export function logAttempt(
  event: string,
  { id, share, wentWell }: { id: string; share: number; wentWell: boolean },
  fields: LogFields,
): void {
  const { attempt = 1, held = 0 } = fields;
  if (wentWell && attempt === 1 && held <= heldLogged && !isSampled(id, share)) return;
  heldLogged = Math.max(heldLogged, held);
  logEvent(event, fields);
}

/**
 * Whether routine lines of this id are logged, for a share (0 to 1) of all ids: always the same for one id, so that all lines of a
 * request are found or none.
 */
export function isSampled(id: string, share: number): boolean {
  let hash = 0x811c9dc5; // FNV-1a, 32 bits; the shifts mix its high bits, which decide.
  for (let at = 0; at < id.length; at++) hash = Math.imul(hash ^ id.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x7feb352d);
  hash = (hash ^ (hash >>> 15)) >>> 0;
  return hash < share * 2 ** 32;
}

/** Class name of an error. Its message is never logged: it may quote caller data. */
export function faultName(fault: unknown): string {
  return fault instanceof Error ? fault.name : typeof fault;
}

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
  /** Peak bytes of bodies held by the isolate; the budget is 48 MiB. */
  held?: number;
}

/** Writes `{ event, ...fields }`. Event names are `subject.verb_in_past`, e.g. `effect.attempted`. */
export function logEvent(event: string, fields: LogFields = {}): void {
  console.log(JSON.stringify({ event, ...fields }));
}

/** Class name of an error. Its message is never logged: it may quote caller data. */
export function faultName(fault: unknown): string {
  return fault instanceof Error ? fault.name : typeof fault;
}

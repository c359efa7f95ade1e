// One JSON line per event, with allow-listed fields only: never a prompt, a key, a body or a signed URL.

/** The only things a log line may carry. Ids and codes, no free text from callers or upstream. */
export interface LogFields {
  /** A Sluice request. */
  request?: string;
  /** One HTTP call: what `X-Request-Id` said. */
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
  /** The most bytes of bodies that the isolate has held at once since it began; the budget is 48 MiB. */
  held?: number;
}

/** Writes `{ event, ...fields }`. Event names are `subject.verb_in_past`, e.g. `effect.attempted`. */
export function logEvent(event: string, fields: LogFields = {}): void {
  console.log(JSON.stringify({ event, ...fields }));
}

/** The class of a fault for a log line: never its message, which may quote what a caller sent. */
export function faultName(fault: unknown): string {
  return fault instanceof Error ? fault.name : typeof fault;
}

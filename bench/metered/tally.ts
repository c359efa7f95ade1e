// What the meter counts, and who wrote what. Shared by the metered Worker and the measurements that read it.

/** Of all objects of one class. */
export interface Count {
  /** Calls by RPC or fetch. */
  requests: number;
  /** Alarm invocations. */
  alarms: number;
  /** Each is billed as a row written. */
  alarmsSet: number;
  rowsRead: number;
  rowsWritten: number;
  /** Time in which at least one call or alarm was in an object, by object, in ms. */
  activeMs: number;
  /** Size of each object's database, by object id. */
  bytes: Record<string, number>;
}

export interface Tally {
  /** Calls of the Worker from outside. */
  invocations: number;
  /** Lines of the log, of the Worker and its objects. */
  logLines: number;
  objects: Record<string, Count>;
  /** Rows written, an alarm that was set being one, by `writerOf`. */
  writes: Record<string, number>;
  /** Operations on the bucket, by method. */
  bucket: Record<string, number>;
}

export const tally: Tally = { invocations: 0, logLines: 0, objects: {}, writes: {}, bucket: {} };

/** Which object writes in which of its methods. The step moves with the calls that the object is in. */
export interface Writer {
  readonly name: string;
  step: string;
}

const BETWEEN = " | ";

export function countOf(name: string): Count {
  tally.objects[name] ??= { requests: 0, alarms: 0, alarmsSet: 0, rowsRead: 0, rowsWritten: 0, activeMs: 0, bytes: {} };
  return tally.objects[name];
}

/** Books rows under their object, its step, and what was written. */
export function bookWrite(name: string, step: string, what: string, rows: number): void {
  if (rows === 0) return;
  const writer = [name, step, what].join(BETWEEN);
  tally.writes[writer] = (tally.writes[writer] ?? 0) + rows;
}

/** The object, the step and the table or key of a line in `writes`. */
export function partsOfWriter(writer: string): [name: string, step: string, what: string] {
  const [name = "", step = "", ...what] = writer.split(BETWEEN);
  return [name, step, what.join(BETWEEN)];
}

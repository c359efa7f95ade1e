// Builder of a transition: next state, files, effect orders and timeline entries. Pure.

import type { RequestFile } from "../../files/request-file.ts";
import type { EffectKind, EffectOrder } from "./effect-types.ts";
import type { RequestError, RequestState, TimelineNote, Transition } from "./types.ts";

/** Effects of the upstream call, dropped at the end. */
export const UPSTREAM_EFFECTS = ["submit", "poll", "fetch_result", "cancel", "expire"] as const;

export type OwedName = EffectKind | readonly [EffectKind, string | number];

/** An applied transition while it is being put together. Every change of what callers can see is a new revision. */
export class TransitionBuilder implements Extract<Transition, { kind: "applied" }> {
  readonly kind = "applied";
  readonly now: number;
  readonly #revision: number;
  state: RequestState;
  files: RequestFile[];
  orders: EffectOrder[] = [];
  notes: TimelineNote[] = [];

  constructor(state: RequestState, files: readonly RequestFile[], now: number) {
    this.#revision = state.revision;
    this.state = state;
    this.files = [...files];
    this.now = now;
  }

  asApplied(): Extract<Transition, { kind: "applied" }> {
    return { kind: "applied", state: this.state, files: this.files, orders: this.orders, notes: this.notes };
  }

  change(fields: Partial<RequestState>): this {
    this.state = { ...this.state, ...fields, revision: this.#revision + 1 };
    return this;
  }

  stage(stage: RequestState["stage"], fields: Partial<RequestState>): this {
    return this.change({ ...fields, stage });
  }

  file(n: number, fields: Partial<RequestFile>): this {
    this.files = this.files.map((file) => (file.n === n ? { ...file, ...fields } : file));
    return this.change({});
  }

  owe(name: OwedName, dueAt: number): this {
    this.orders.push({ do: "owe", ...named(name), dueAt });
    return this;
  }

  hasten(name: OwedName, dueAt: number): this {
    this.orders.push({ do: "hasten", ...named(name), dueAt });
    return this;
  }

  drop(...names: OwedName[]): this {
    for (const name of names) this.orders.push({ do: "drop", ...named(name) });
    return this;
  }

  /** Drops every row that is owed so far. */
  clear(): this {
    this.orders.push({ do: "clear" });
    return this;
  }

  note(what: string, detail?: TimelineNote["detail"]): this {
    this.notes.push(detail === undefined ? { what } : { what, detail });
    return this;
  }

  /** Ends the request: drops the upstream effects and owes the settlement. */
  end(stage: "completed" | "failed" | "canceled", by: RequestState["endedBy"], error: RequestError | null): this {
    return this.stage(stage, { endedBy: by, error, endedAt: this.now, queuePosition: null, waiting: null })
      .drop(...UPSTREAM_EFFECTS)
      .owe("settle", this.now)
      .note(stage);
  }
}

function named(name: OwedName): { kind: EffectKind; target?: string } {
  return typeof name === "string" ? { kind: name } : { kind: name[0], target: String(name[1]) };
}

/** An ignored event and the reason; `notes` are still added to the timeline. */
export function ignored(reason: string, notes: TimelineNote[] = []): Transition {
  return { kind: "ignored", reason, notes };
}

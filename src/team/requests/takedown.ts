// A take-down, on the team's side: who made the file, what is frozen for it, and the audit entry, in one transaction before any
// byte goes. Repeating one is safe.

import { RpcTarget } from "cloudflare:workers";
import type { TakedownAnswer, TakedownOrder, TeamTakedowns } from "../../contracts/team-admin.ts";
import type { Actor } from "../../contracts/team-keys.ts";
import type { Env } from "../../platform/bindings.ts";
import { refusal, refused } from "../../platform/errors.ts";
import type { TeamStores } from "../stores.ts";
import type { TeamContext } from "../team-context.ts";
import { archivedMaker } from "./archive.ts";

type TakedownStores = Pick<TeamStores, "archive" | "audit" | "keys" | "requests" | "team" | "uploads" | "users">;

const NOTHING_KNOWN = refused(
  refusal("not_found", "The team has no record of the file at this URL.", {
    hint: "An upload leaves no record after its removal; a request's line is kept.",
  }),
);

export class Takedowns extends RpcTarget implements TeamTakedowns {
  readonly #env: Pick<Env, "FILES">;
  readonly #context: TeamContext;
  readonly #stores: TakedownStores;

  constructor(env: Pick<Env, "FILES">, context: TeamContext, stores: TakedownStores) {
    super();
    this.#env = env;
    this.#context = context;
    this.#stores = stores;
  }

  async order({ kind, id, n, freeze }: TakedownOrder, by: Actor): Promise<TakedownAnswer> {
    const { audit, requests, uploads } = this.#stores;
    // Files outlive the index: who made an old one stands in the archive.
    const archived = kind === "request" ? await this.#archivedMaker(id) : null;
    return this.#context.ask((now) => {
      const upload = kind === "upload" ? uploads.findUpload(id) : null;
      const made = upload ?? (kind === "request" ? (requests.findRequest(id) ?? archived) : null);
      if (made === null) return NOTHING_KNOWN;
      const { user, keyId } = made;
      const requestId = kind === "request" ? id : (upload?.requestId ?? null);
      const frozen = freeze ? this.#freeze(user, keyId, now) : null;
      if (frozen !== null && "refusal" in frozen) return frozen;
      audit.note(by, "file.taken_down", id, { kind, ...(n === null ? {} : { n }), frozen: frozen?.id ?? null }, now);
      return { kind: "ordered" as const, requestId, user, keyId, frozen };
    });
  }

  #archivedMaker(id: string): Promise<{ user: string | null; keyId: string } | null> {
    const isArchived = this.#context.decide(false, () => this.#stores.archive.partWith(id) !== null);
    return isArchived ? archivedMaker(this.#env, this.#stores, id) : Promise.resolve(null);
  }

  /** The user, else the key: nobody else is stopped for what one user made. */
  #freeze(user: string | null, keyId: string, now: number) {
    const { keys, users } = this.#stores;
    if (user !== null) {
      users.freezeUser(user, now);
      return { kind: "user" as const, id: user };
    }
    const key = keys.findKey(keyId);
    // Whoever holds an admin key would resume it, and a team without one cannot be managed.
    if (key?.scopes.includes("admin") === true) return ADMIN_KEY;
    if (key !== null && key.frozenAt === null) keys.setFrozen(keyId, now);
    return { kind: "key" as const, id: keyId };
  }
}

const ADMIN_KEY = refused(
  refusal("conflict", "The file was made with an admin key and names no user, so there is nobody to freeze.", {
    hint: "Take it down without `freeze`, and revoke the key if it leaked.",
  }),
);

// What one attempt at an effect may use of its tracker. Outcomes and events count only while the attempt holds its lease.

import type { Granted } from "../../contracts/account.ts";
import type { Env } from "../../platform/bindings.ts";
import { requireConfig } from "../../platform/config.ts";
import type { Effect } from "../machine/effect-types.ts";
import { leaseOf } from "../machine/record.ts";
import type { EffectContext } from "./effects/context.ts";
import type { MissedTurns } from "./effects/missed-turns.ts";
import type { RequestRepository } from "./repository.ts";

export interface ContextParts {
  ctx: DurableObjectState;
  env: Env;
  repository: RequestRepository;
  /** Grants that started an attempt and are not used yet, by lease. */
  grants: Map<string, Granted>;
  missedTurns: MissedTurns;
}

export function contextOf({ ctx, env, repository, grants, missedTurns }: ContextParts, effect: Effect): EffectContext {
  return {
    env,
    config: requireConfig(env),
    now: () => Date.now(),
    currentRecord: () => repository.requireRecord(),
    storedText: (name) => repository.store.storedText(name),
    event: (id, format) => repository.deliveries.eventOf(id, format),
    keepEvent: (event) => repository.deliveries.saveEvent(event),
    lastAttempt: (delivery) => repository.deliveries.attempts(delivery).at(-1) ?? null,
    currentView: () => repository.viewOf(repository.requireRecord()),
    applyEvent: (event) => repository.applyWithin(event, effect),
    storageSynced: () => ctx.storage.sync(),
    noteBucketKey: (key) => repository.noteBucketKey(key),
    bucketKeys: () => repository.store.bucketKeys(),
    multipartUploadOf: (n) =>
      repository.uploads.logOf(n, (work, isProgress) => repository.renewLease(effect, work, isProgress)),
    unfinishedUploads: () => repository.uploads.unfinishedUploads(),
    watch: () => repository.currentWatch(),
    hasOtherAttempts: () => repository.hasOtherAttempts(effect),
    useGrant: () => {
      const grant = grants.get(leaseOf(effect)) ?? null;
      grants.delete(leaseOf(effect));
      return grant;
    },
    missedTurns,
    releaseSlotOnce: () => repository.releaseSlotOnce(),
    inBackground: (telling) => repository.inBackground(telling),
  };
}

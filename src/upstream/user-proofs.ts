// Webhook users that are being proved: one request makes the authenticated call that shows that its webhook told the truth, the
// others that fal reported meanwhile wait for it. In memory: who asks after a restart proves anew.

import { SECOND_MS } from "../platform/time.ts";
import { PROOF_WAIT_MS } from "../requests/machine/unverified-reports.ts";

/** How long the bearer of a report waits for the proof: it is over before the request's own call. */
export const PROOF_HOLD_MS = 8 * SECOND_MS;
/** Users proved at a time: far more than one fal account has. Others are proved without anybody waiting. */
const PROOFS_MAX = 64;

interface Proof {
  /** Whose call proves the user. */
  requestId: string;
  /** Epoch ms. */
  until: number;
  ended: Promise<boolean>;
  end: (isProved: boolean) => void;
}

export class UserProofs {
  readonly #proofs = new Map<string, Proof>();

  /** Whether this request is to prove the user, or to wait for another's call. Null: a request that has nothing to prove. */
  stepOf(user: string, requestId: string | null, now: number): "prove" | "wait" {
    for (const [known, { until }] of this.#proofs) if (until <= now) this.#proofs.delete(known);
    const proof = this.#proofs.get(user);
    if (proof !== undefined) return proof.requestId === requestId ? "prove" : "wait";
    if (requestId === null) return "wait";
    if (this.#proofs.size < PROOFS_MAX) {
      const { promise: ended, resolve: end } = Promise.withResolvers<boolean>();
      this.#proofs.set(user, { requestId, until: now + PROOF_WAIT_MS, ended, end });
    }
    return "prove";
  }

  /** The call is made: whoever waits for it goes on. */
  end(user: string, isProved: boolean): void {
    this.#proofs.get(user)?.end(isProved);
    this.#proofs.delete(user);
  }

  /** Resolves when the user is proved; false after `ms`, or where nobody proves it. */
  async waitFor(user: string, ms: number): Promise<boolean> {
    const proof = this.#proofs.get(user);
    if (proof === undefined) return false;
    let timer: ReturnType<typeof setTimeout> | null = null;
    const timeUp = new Promise<false>((resolve) => {
      timer = setTimeout(resolve, ms, false);
    });
    const isProved = await Promise.race([proof.ended, timeUp]);
    clearTimeout(timer);
    return isProved;
  }
}

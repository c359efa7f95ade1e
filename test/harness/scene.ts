// The scene of delivery flows: one team, its receivers, and a request that ends.

import { expect } from "vitest";
import { SECOND_MS } from "../../src/platform/time.ts";
import { DELIVER_RETRY_MS } from "../../src/webhooks/retry-schedule.ts";
import { passTime } from "./clock.ts";
import { type DeliveryAnswer, deliveriesOf, deliveryOf, newSecret, saveEndpoint, teamSecret } from "./deliveries.ts";
import type { Receivers } from "./receiver.ts";
import type { Team } from "./team.ts";
import { ring } from "./tracker.ts";
import { deliverWebhooks } from "./upstream.ts";

/** The address that requests name; its host is `own.example`. */
export const HOOK = "https://own.example/hook?token=abc";

export class Scene {
  readonly team: Team;
  readonly receivers: Receivers;

  private constructor(team: Team, receivers: Receivers) {
    this.team = team;
    this.receivers = receivers;
  }

  /** The receiver of the requests' own address verifies what it gets, and takes it. */
  static async open(team: Team, receivers: Receivers): Promise<Scene> {
    receivers.secrets.set("own.example", [await teamSecret(team)]);
    receivers.answer("own.example", 200);
    return new Scene(team, receivers);
  }

  /** A request that fal has finished; the alarm that follows books its end and tells of it. */
  async finished(more: Record<string, unknown> = { webhook_url: HOOK }, by = this.team): Promise<string> {
    const { id } = await by.submit("a cat", more);
    await passTime(5 * SECOND_MS);
    await deliverWebhooks();
    return id;
  }

  /** One that has just ended, its first tries made. */
  async ended(more?: Record<string, unknown>, by = this.team): Promise<string> {
    const id = await this.finished(more, by);
    await ring(id);
    return id;
  }

  /** An endpoint of the team on this host. */
  async endpoint(host: string, secrets = [{ secret: newSecret(), validUntil: null }]): Promise<string> {
    this.receivers.secrets.set(
      host,
      secrets.map(({ secret }) => secret),
    );
    return (await saveEndpoint(this.team, { url: `https://${host}/hook`, secrets })).id;
  }

  /** Lets the longest wait of a try pass, jitter included, and rings. */
  async nextTry(id: string, plannedMs: number): Promise<void> {
    await passTime(Math.ceil(1.2 * plannedMs));
    await ring(id);
  }

  /** All tries of the schedule, one after the other. */
  async tired(id: string): Promise<void> {
    for (const wait of DELIVER_RETRY_MS) await this.nextTry(id, wait);
  }

  async onlyDelivery(id: string): Promise<DeliveryAnswer> {
    const lines = await deliveriesOf(this.team, id);
    expect(lines).toHaveLength(1);
    return deliveryOf(this.team, lines[0]?.id ?? "");
  }

  async replay(delivery: string): Promise<void> {
    expect((await this.team.send("POST", `/v1/deliveries/${delivery}/replay`)).status).toBe(202);
  }
}

// The operator's webhook: its signing secret, and a test delivery. Its URL is configuration (OPERATOR_WEBHOOK_URL).

import { refusal } from "../../../platform/errors.ts";
import { lazy } from "../../../platform/schema.ts";
import { notifyOperator, operatorSecrets, operatorTestEvent } from "../../../webhooks/operator.ts";
import { defineRoute, type Route } from "../../route.ts";

export const webhookTestBody = lazy((z) =>
  z.object({
    event_id: z.string(),
    delivered: z.boolean(),
    status: z.int().nullable(),
    category: z.string(),
    reason: z.string(),
  }),
);

export const operatorWebhookRoutes: readonly Route[] = [
  defineRoute({
    method: "GET",
    path: "/v1/admin/webhook_secret",
    summary: "Retrieve the signing secret of the operator webhook",
    access: "operator",
    answers: { 200: { description: "A Standard Webhooks secret.", schema: (z) => z.object({ secret: z.string() }) } },
    errors: [],
    async handle({ config }) {
      const [secret] = await operatorSecrets(config().SIGNING_KEY);
      if (secret === undefined) throw new Error("SIGNING_KEY yields no webhook secret");
      return { status: 200, body: { secret } };
    },
  }),
  defineRoute({
    method: "POST",
    path: "/v1/admin/webhook_test",
    summary: "Send a test event to the operator webhook",
    access: "operator",
    answers: {
      200: {
        description: "The receiver's response. The event is sent once, without retries.",
        schema: webhookTestBody,
      },
    },
    errors: ["conflict"],
    async handle({ config }) {
      const event = operatorTestEvent(Date.now());
      const answer = await notifyOperator(config(), event, () => Date.now());
      if (answer === null) {
        const hint = "Set OPERATOR_WEBHOOK_URL and deploy.";
        return { refusal: refusal("conflict", "No operator webhook is configured.", { hint }) };
      }
      const { kind, status, category, reason } = answer;
      return { status: 200, body: { event_id: event.id, delivered: kind === "taken", status, category, reason } };
    },
  }),
];

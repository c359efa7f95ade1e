// GET /healthz: whether this deployment is configured. Wakes no object and answers when nothing else does.
// Problems are told by name and reason, never by value.

import * as z from "zod";
import { readConfig } from "../env.ts";
import { defineRoute, type Route } from "./route.ts";

const health = z.object({
  status: z.enum(["ok", "misconfigured"]),
  configuration: z.object({
    ok: z.boolean(),
    problems: z.array(z.object({ name: z.string(), message: z.string() })),
  }),
});

export const healthRoutes: readonly Route[] = [
  defineRoute({
    method: "GET",
    path: "/healthz",
    summary: "Whether the deployment is configured",
    access: "public",
    answers: { 200: { description: "It answers; `configuration` says whether it can do more.", schema: health } },
    errors: [],
    async handle({ env }) {
      const read = readConfig(env);
      const problems = read.ok ? [] : read.problems;
      const body: z.input<typeof health> = {
        status: read.ok ? "ok" : "misconfigured",
        configuration: { ok: read.ok, problems },
      };
      return { status: 200, body };
    },
  }),
];

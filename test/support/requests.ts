// Made-up requests for tests of the pure rules.

import type { StartInput } from "../../src/requests/types.ts";

export const REQUEST = "ab".repeat(32);

export function aStart(changes: Partial<StartInput> = {}): StartInput {
  return {
    id: REQUEST,
    team: "acme",
    keyId: "key_1",
    user: null,
    model: "fal-ai/flux/schnell",
    input: { at: "row", text: '{"prompt":"a cat"}' },
    options: {},
    tags: {},
    metadata: null,
    webhookUrl: null,
    startTimeoutS: null,
    origin: "https://sluice.test",
    admittedAt: 1_800_000_000_000,
    ...changes,
  };
}

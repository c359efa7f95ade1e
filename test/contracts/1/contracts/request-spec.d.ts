import type { EventFormat } from "../webhooks/event-body.ts";
export interface UpstreamOptions {
    priority?: "normal" | "low";
    runnerHint?: string;
    noRetry?: boolean;
    connection?: string;
}
export interface RequestSpec {
    model: string;
    user: string | null;
    tags: Record<string, string>;
    chosenTags?: Record<string, string>;
    metadata: string | null;
    options: UpstreamOptions;
    startTimeoutS: number | null;
    webhookUrl: string | null;
    webhookFormat: EventFormat;
    origin: string;
}

import type * as z from "zod";
export declare const END_EVENT_TYPES: readonly ["request.completed", "request.failed", "request.canceled", "request.recovered"];
export type EndEventType = (typeof END_EVENT_TYPES)[number];
export declare const TEAM_EVENT_TYPES: readonly ["limit.reached", "upstream.paused", "endpoint.failing"];
export type TeamEventType = (typeof TEAM_EVENT_TYPES)[number];
declare const requestPayload: () => z.ZodObject<{
    id: z.ZodString;
    model: z.ZodString;
    status: z.ZodEnum<{
        CANCELED: "CANCELED";
        COMPLETED: "COMPLETED";
        FAILED: "FAILED";
        IN_PROGRESS: "IN_PROGRESS";
        IN_QUEUE: "IN_QUEUE";
    }>;
    links: z.ZodRecord<z.ZodString, z.ZodString>;
    caller: z.ZodOptional<z.ZodObject<{
        tags: z.ZodRecord<z.ZodString, z.ZodString>;
        metadata: z.ZodUnknown;
    }, z.core.$strip>>;
}, z.core.$loose>;
export type RequestPayload = z.output<ReturnType<typeof requestPayload>>;
export declare const limitAlert: () => z.ZodObject<{
    limit_name: z.ZodString;
    scope: z.ZodString;
    subject: z.ZodString;
    percent: z.ZodInt;
    limit_usd: z.ZodString;
    used_usd: z.ZodString;
    reset: z.ZodNullable<z.ZodISODateTime>;
}, z.core.$strict>;
export declare const anyEvent: () => z.ZodDiscriminatedUnion<[z.ZodObject<{
    type: z.ZodLiteral<"request.completed">;
    timestamp: z.ZodISODateTime;
    data: z.ZodUnion<readonly [z.ZodObject<{
        id: z.ZodString;
        model: z.ZodString;
        links: z.ZodRecord<z.ZodString, z.ZodString>;
        caller: z.ZodOptional<z.ZodObject<{
            tags: z.ZodRecord<z.ZodString, z.ZodString>;
            metadata: z.ZodUnknown;
        }, z.core.$strip>>;
        status: z.ZodEnum<{
            COMPLETED: "COMPLETED";
        }>;
    }, z.core.$loose>, z.ZodObject<{
        id: z.ZodString;
        links: z.ZodRecord<z.ZodString, z.ZodString>;
        status: z.ZodEnum<{
            COMPLETED: "COMPLETED";
        }>;
    }, z.core.$strict>]>;
}, z.core.$strict>, z.ZodObject<{
    type: z.ZodLiteral<"request.failed">;
    timestamp: z.ZodISODateTime;
    data: z.ZodUnion<readonly [z.ZodObject<{
        id: z.ZodString;
        model: z.ZodString;
        links: z.ZodRecord<z.ZodString, z.ZodString>;
        caller: z.ZodOptional<z.ZodObject<{
            tags: z.ZodRecord<z.ZodString, z.ZodString>;
            metadata: z.ZodUnknown;
        }, z.core.$strip>>;
        status: z.ZodEnum<{
            FAILED: "FAILED";
        }>;
    }, z.core.$loose>, z.ZodObject<{
        id: z.ZodString;
        links: z.ZodRecord<z.ZodString, z.ZodString>;
        status: z.ZodEnum<{
            FAILED: "FAILED";
        }>;
    }, z.core.$strict>]>;
}, z.core.$strict>, z.ZodObject<{
    type: z.ZodLiteral<"request.canceled">;
    timestamp: z.ZodISODateTime;
    data: z.ZodUnion<readonly [z.ZodObject<{
        id: z.ZodString;
        model: z.ZodString;
        links: z.ZodRecord<z.ZodString, z.ZodString>;
        caller: z.ZodOptional<z.ZodObject<{
            tags: z.ZodRecord<z.ZodString, z.ZodString>;
            metadata: z.ZodUnknown;
        }, z.core.$strip>>;
        status: z.ZodEnum<{
            CANCELED: "CANCELED";
        }>;
    }, z.core.$loose>, z.ZodObject<{
        id: z.ZodString;
        links: z.ZodRecord<z.ZodString, z.ZodString>;
        status: z.ZodEnum<{
            CANCELED: "CANCELED";
        }>;
    }, z.core.$strict>]>;
}, z.core.$strict>, z.ZodObject<{
    type: z.ZodLiteral<"request.recovered">;
    timestamp: z.ZodISODateTime;
    data: z.ZodUnion<readonly [z.ZodObject<{
        id: z.ZodString;
        model: z.ZodString;
        links: z.ZodRecord<z.ZodString, z.ZodString>;
        caller: z.ZodOptional<z.ZodObject<{
            tags: z.ZodRecord<z.ZodString, z.ZodString>;
            metadata: z.ZodUnknown;
        }, z.core.$strip>>;
        status: z.ZodEnum<{
            CANCELED: "CANCELED";
            COMPLETED: "COMPLETED";
            FAILED: "FAILED";
        }>;
    }, z.core.$loose>, z.ZodObject<{
        id: z.ZodString;
        links: z.ZodRecord<z.ZodString, z.ZodString>;
        status: z.ZodEnum<{
            CANCELED: "CANCELED";
            COMPLETED: "COMPLETED";
            FAILED: "FAILED";
        }>;
    }, z.core.$strict>]>;
}, z.core.$strict>, z.ZodObject<{
    type: z.ZodLiteral<"limit.reached">;
    timestamp: z.ZodISODateTime;
    data: z.ZodObject<{
        limit_name: z.ZodString;
        scope: z.ZodString;
        subject: z.ZodString;
        percent: z.ZodInt;
        limit_usd: z.ZodString;
        used_usd: z.ZodString;
        reset: z.ZodNullable<z.ZodISODateTime>;
    }, z.core.$strict>;
}, z.core.$strict>, z.ZodObject<{
    type: z.ZodLiteral<"upstream.paused">;
    timestamp: z.ZodISODateTime;
    data: z.ZodObject<{
        why: z.ZodEnum<{
            failing: "failing";
            key_refused: "key_refused";
            locked: "locked";
        }>;
        since: z.ZodISODateTime;
    }, z.core.$strict>;
}, z.core.$strict>, z.ZodObject<{
    type: z.ZodLiteral<"endpoint.failing">;
    timestamp: z.ZodISODateTime;
    data: z.ZodObject<{
        endpoint_id: z.ZodString;
        url: z.ZodString;
        description: z.ZodString;
        state: z.ZodEnum<{
            disabled: "disabled";
            disabling_soon: "disabling_soon";
            failing: "failing";
        }>;
        reason: z.ZodEnum<{
            "it answered 410": "it answered 410";
            "only failures": "only failures";
        }>;
        failing_since: z.ZodNullable<z.ZodISODateTime>;
        last_success_at: z.ZodNullable<z.ZodISODateTime>;
        failed_deliveries: z.ZodInt;
        disables_at: z.ZodNullable<z.ZodISODateTime>;
    }, z.core.$strict>;
}, z.core.$strict>, z.ZodObject<{
    type: z.ZodLiteral<"upstream.resumed">;
    timestamp: z.ZodISODateTime;
    data: z.ZodObject<{
        why: z.ZodEnum<{
            failing: "failing";
            key_refused: "key_refused";
            locked: "locked";
        }>;
        since: z.ZodISODateTime;
    }, z.core.$strict>;
}, z.core.$strict>, z.ZodObject<{
    type: z.ZodLiteral<"team.nearly_full">;
    timestamp: z.ZodISODateTime;
    data: z.ZodObject<{
        team: z.ZodString;
        percent: z.ZodInt;
        bytes: z.ZodInt;
        limit_bytes: z.ZodInt;
    }, z.core.$strict>;
}, z.core.$strict>, z.ZodObject<{
    type: z.ZodLiteral<"media_host.unlisted">;
    timestamp: z.ZodISODateTime;
    data: z.ZodObject<{
        host: z.ZodString;
        request_id: z.ZodString;
    }, z.core.$strict>;
}, z.core.$strict>, z.ZodObject<{
    type: z.ZodLiteral<"webhook.test">;
    timestamp: z.ZodISODateTime;
    data: z.ZodUnion<readonly [z.ZodObject<{
        test: z.ZodLiteral<true>;
        endpoint_id: z.ZodString;
        message: z.ZodString;
    }, z.core.$strict>, z.ZodObject<{
        test: z.ZodLiteral<true>;
    }, z.core.$strict>]>;
}, z.core.$strict>], "type">;
export declare const feedLine: () => z.ZodDiscriminatedUnion<[z.ZodObject<{
    cursor: z.ZodString;
    id: z.ZodString;
    type: z.ZodLiteral<"request.completed">;
    timestamp: z.ZodISODateTime;
    data: z.ZodObject<{
        request_id: z.ZodString;
        model: z.ZodString;
        status: z.ZodEnum<{
            canceled: "canceled";
            completed: "completed";
            failed: "failed";
        }>;
    }, z.core.$strict>;
}, z.core.$strict>, z.ZodObject<{
    cursor: z.ZodString;
    id: z.ZodString;
    type: z.ZodLiteral<"request.failed">;
    timestamp: z.ZodISODateTime;
    data: z.ZodObject<{
        request_id: z.ZodString;
        model: z.ZodString;
        status: z.ZodEnum<{
            canceled: "canceled";
            completed: "completed";
            failed: "failed";
        }>;
    }, z.core.$strict>;
}, z.core.$strict>, z.ZodObject<{
    cursor: z.ZodString;
    id: z.ZodString;
    type: z.ZodLiteral<"request.canceled">;
    timestamp: z.ZodISODateTime;
    data: z.ZodObject<{
        request_id: z.ZodString;
        model: z.ZodString;
        status: z.ZodEnum<{
            canceled: "canceled";
            completed: "completed";
            failed: "failed";
        }>;
    }, z.core.$strict>;
}, z.core.$strict>, z.ZodObject<{
    cursor: z.ZodString;
    id: z.ZodString;
    type: z.ZodLiteral<"request.recovered">;
    timestamp: z.ZodISODateTime;
    data: z.ZodObject<{
        request_id: z.ZodString;
        model: z.ZodString;
        status: z.ZodEnum<{
            canceled: "canceled";
            completed: "completed";
            failed: "failed";
        }>;
    }, z.core.$strict>;
}, z.core.$strict>, z.ZodObject<{
    cursor: z.ZodString;
    id: z.ZodString;
    type: z.ZodLiteral<"limit.reached">;
    timestamp: z.ZodISODateTime;
    data: z.ZodObject<{
        limit_name: z.ZodString;
        scope: z.ZodString;
        subject: z.ZodString;
        percent: z.ZodInt;
        limit_usd: z.ZodString;
        used_usd: z.ZodString;
        reset: z.ZodNullable<z.ZodISODateTime>;
    }, z.core.$strict>;
}, z.core.$strict>, z.ZodObject<{
    cursor: z.ZodString;
    id: z.ZodString;
    type: z.ZodLiteral<"upstream.paused">;
    timestamp: z.ZodISODateTime;
    data: z.ZodObject<{
        why: z.ZodEnum<{
            failing: "failing";
            key_refused: "key_refused";
            locked: "locked";
        }>;
        since: z.ZodISODateTime;
    }, z.core.$strict>;
}, z.core.$strict>, z.ZodObject<{
    cursor: z.ZodString;
    id: z.ZodString;
    type: z.ZodLiteral<"endpoint.failing">;
    timestamp: z.ZodISODateTime;
    data: z.ZodObject<{
        endpoint_id: z.ZodString;
        url: z.ZodString;
        description: z.ZodString;
        state: z.ZodEnum<{
            disabled: "disabled";
            disabling_soon: "disabling_soon";
            failing: "failing";
        }>;
        reason: z.ZodEnum<{
            "it answered 410": "it answered 410";
            "only failures": "only failures";
        }>;
        failing_since: z.ZodNullable<z.ZodISODateTime>;
        last_success_at: z.ZodNullable<z.ZodISODateTime>;
        failed_deliveries: z.ZodInt;
        disables_at: z.ZodNullable<z.ZodISODateTime>;
    }, z.core.$strict>;
}, z.core.$strict>], "type">;
type AnyEvent = z.output<ReturnType<typeof anyEvent>>;
export type AnyEventType = AnyEvent["type"];
export type EventData<T extends AnyEventType> = Extract<AnyEvent, {
    type: T;
}>["data"];
type FeedLine = z.output<ReturnType<typeof feedLine>>;
export type FeedData<T extends FeedLine["type"]> = Extract<FeedLine, {
    type: T;
}>["data"];
export type TypedEvent<T extends AnyEventType> = T extends AnyEventType ? {
    type: T;
    data: EventData<T>;
} : never;
export {};

import type * as z from "zod";
import { LIMIT_COUNTS } from "../../platform/errors.ts";
import { type LimitWindow } from "./windows.ts";
export declare const usdSchema: () => z.ZodString;
declare const COUNTED_FOR: readonly ["team", "key", "user", "visitor", "ip", "network"];
export declare const limitSchema: () => z.ZodDiscriminatedUnion<[z.ZodObject<{
    name: z.ZodString;
    scope: z.ZodUnion<readonly [z.ZodEnum<{
        ip: "ip";
        key: "key";
        network: "network";
        team: "team";
        user: "user";
        visitor: "visitor";
    }>, z.ZodTemplateLiteral<`tag:${string}`>]>;
    per: z.ZodLiteral<"request">;
    limit: z.ZodInt;
    window: z.ZodPipe<z.ZodPipe<z.ZodString, z.ZodTransform<"1d" | "1h" | "1m" | "1mo", string>>, z.ZodEnum<{
        "1d": "1d";
        "1h": "1h";
        "1m": "1m";
        "1mo": "1mo";
    }>>;
    count: z.ZodOptional<z.ZodEnum<{
        admitted: "admitted";
        completed: "completed";
    }>>;
}, z.core.$strict>, z.ZodObject<{
    name: z.ZodString;
    scope: z.ZodUnion<readonly [z.ZodEnum<{
        ip: "ip";
        key: "key";
        network: "network";
        team: "team";
        user: "user";
        visitor: "visitor";
    }>, z.ZodTemplateLiteral<`tag:${string}`>]>;
    per: z.ZodLiteral<"usd">;
    limit: z.ZodString;
    window: z.ZodPipe<z.ZodPipe<z.ZodString, z.ZodTransform<"1d" | "1h" | "1m" | "1mo", string>>, z.ZodEnum<{
        "1d": "1d";
        "1h": "1h";
        "1m": "1m";
        "1mo": "1mo";
    }>>;
}, z.core.$strict>, z.ZodObject<{
    name: z.ZodString;
    scope: z.ZodUnion<readonly [z.ZodEnum<{
        ip: "ip";
        key: "key";
        network: "network";
        team: "team";
        user: "user";
        visitor: "visitor";
    }>, z.ZodTemplateLiteral<`tag:${string}`>]>;
    per: z.ZodLiteral<"output_byte">;
    limit: z.ZodInt;
    window: z.ZodPipe<z.ZodPipe<z.ZodString, z.ZodTransform<"1d" | "1h" | "1m" | "1mo", string>>, z.ZodEnum<{
        "1d": "1d";
        "1h": "1h";
        "1m": "1m";
        "1mo": "1mo";
    }>>;
}, z.core.$strict>, z.ZodObject<{
    name: z.ZodString;
    scope: z.ZodUnion<readonly [z.ZodEnum<{
        ip: "ip";
        key: "key";
        network: "network";
        team: "team";
        user: "user";
        visitor: "visitor";
    }>, z.ZodTemplateLiteral<`tag:${string}`>]>;
    per: z.ZodLiteral<"upload">;
    limit: z.ZodInt;
    window: z.ZodPipe<z.ZodPipe<z.ZodString, z.ZodTransform<"1d" | "1h" | "1m" | "1mo", string>>, z.ZodEnum<{
        "1d": "1d";
        "1h": "1h";
        "1m": "1m";
        "1mo": "1mo";
    }>>;
    count: z.ZodOptional<z.ZodEnum<{
        admitted: "admitted";
        completed: "completed";
    }>>;
}, z.core.$strict>, z.ZodObject<{
    name: z.ZodString;
    scope: z.ZodUnion<readonly [z.ZodEnum<{
        ip: "ip";
        key: "key";
        network: "network";
        team: "team";
        user: "user";
        visitor: "visitor";
    }>, z.ZodTemplateLiteral<`tag:${string}`>]>;
    per: z.ZodLiteral<"upload_byte">;
    limit: z.ZodInt;
    window: z.ZodPipe<z.ZodPipe<z.ZodString, z.ZodTransform<"1d" | "1h" | "1m" | "1mo", string>>, z.ZodEnum<{
        "1d": "1d";
        "1h": "1h";
        "1m": "1m";
        "1mo": "1mo";
    }>>;
    count: z.ZodOptional<z.ZodEnum<{
        admitted: "admitted";
        completed: "completed";
    }>>;
}, z.core.$strict>, z.ZodObject<{
    name: z.ZodString;
    scope: z.ZodUnion<readonly [z.ZodEnum<{
        ip: "ip";
        key: "key";
        network: "network";
        team: "team";
        user: "user";
        visitor: "visitor";
    }>, z.ZodTemplateLiteral<`tag:${string}`>]>;
    per: z.ZodLiteral<"concurrent">;
    limit: z.ZodInt;
    window: z.ZodOptional<z.ZodNever>;
}, z.core.$strict>], "per">;
export type PlanLimit = z.output<ReturnType<typeof limitSchema>>;
export type LimitScope = PlanLimit["scope"];
export type LimitCount = (typeof LIMIT_COUNTS)[number];
export type CountedFor = {
    kind: (typeof COUNTED_FOR)[number];
} | {
    kind: "tag";
    name: string;
};
export type { LimitWindow };
export declare function countedFor(scope: LimitScope): CountedFor;
export declare function limitSize(limit: PlanLimit): number;

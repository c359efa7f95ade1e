import type * as z from "zod";
export declare const PLAN_ORIGINS_MAX = 50;
export declare const DEFAULT_PLAN = "default";
export declare const planNameSchema: () => z.ZodString;
export declare const modelPatternSchema: () => z.ZodString;
export declare const originSchema: () => z.ZodString;
export declare const planSchema: () => z.ZodObject<{
    limits: z.ZodDefault<z.ZodArray<z.ZodDiscriminatedUnion<[z.ZodObject<{
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
    }, z.core.$strict>], "per">>>;
    require_tags: z.ZodDefault<z.ZodArray<z.ZodString>>;
    tag_values: z.ZodDefault<z.ZodRecord<z.ZodString, z.ZodArray<z.ZodString>>>;
    models: z.ZodPrefault<z.ZodObject<{
        allow: z.ZodDefault<z.ZodArray<z.ZodString>>;
        deny: z.ZodDefault<z.ZodArray<z.ZodString>>;
    }, z.core.$strict>>;
    input: z.ZodPrefault<z.ZodObject<{
        max: z.ZodDefault<z.ZodRecord<z.ZodString, z.ZodNumber>>;
        force: z.ZodDefault<z.ZodRecord<z.ZodString, z.ZodUnion<readonly [z.ZodUnion<readonly [z.ZodString, z.ZodNumber, z.ZodBoolean, z.ZodNull]>, z.ZodArray<z.ZodUnion<readonly [z.ZodString, z.ZodNumber, z.ZodBoolean, z.ZodNull]>>, z.ZodRecord<z.ZodString, z.ZodUnion<readonly [z.ZodString, z.ZodNumber, z.ZodBoolean, z.ZodNull]>>]>>>;
        forbid: z.ZodDefault<z.ZodArray<z.ZodString>>;
    }, z.core.$strict>>;
    max_cost_per_request: z.ZodDefault<z.ZodNullable<z.ZodString>>;
    unknown_price: z.ZodDefault<z.ZodEnum<{
        allow: "allow";
        refuse: "refuse";
    }>>;
    assumed_cost: z.ZodDefault<z.ZodNullable<z.ZodString>>;
    charge_422: z.ZodDefault<z.ZodBoolean>;
    exact_cost: z.ZodDefault<z.ZodBoolean>;
    dedupe_s: z.ZodDefault<z.ZodInt>;
    hold_s: z.ZodDefault<z.ZodInt>;
    file_link_s: z.ZodDefault<z.ZodNullable<z.ZodInt>>;
    retention: z.ZodPrefault<z.ZodObject<{
        records_days: z.ZodDefault<z.ZodNullable<z.ZodInt>>;
        files_days: z.ZodDefault<z.ZodNullable<z.ZodInt>>;
        inputs_days: z.ZodDefault<z.ZodNullable<z.ZodInt>>;
    }, z.core.$strict>>;
    uploads: z.ZodPrefault<z.ZodObject<{
        max_bytes: z.ZodDefault<z.ZodInt>;
        browser_max_bytes: z.ZodDefault<z.ZodInt>;
        types: z.ZodDefault<z.ZodNullable<z.ZodArray<z.ZodString>>>;
    }, z.core.$strict>>;
    origins: z.ZodDefault<z.ZodArray<z.ZodString>>;
    webhooks: z.ZodDefault<z.ZodNullable<z.ZodBoolean>>;
    when_paused: z.ZodDefault<z.ZodEnum<{
        hold: "hold";
        refuse: "refuse";
    }>>;
    store_false: z.ZodDefault<z.ZodBoolean>;
}, z.core.$strict>;
export type Plan = z.output<ReturnType<typeof planSchema>>;
export type InputRules = Plan["input"];
export type UploadRules = Plan["uploads"];
export declare function defaultPlan(): Plan;
export interface Retention {
    recordsDays: number | null;
    filesDays: number | null;
    inputsDays: number | null;
}
export declare function retentionOf({ retention }: Plan): Retention;
export declare function limitsKeyMoney({ limits }: Plan): boolean;
export declare function missingTags(plan: Plan, tags: Readonly<Record<string, string>>): string[];
export declare function unlistedTag({ tag_values: listed }: Pick<Plan, "tag_values">, tags: Readonly<Record<string, string>>): {
    name: string;
    allowed: readonly string[];
} | null;
export declare function listedValues(listed: Plan["tag_values"], name: string): readonly string[] | null;
export declare function matchesModel(patterns: readonly string[], model: string): boolean;
export declare function modelAllowed(plan: Pick<Plan, "models">, model: string): boolean;

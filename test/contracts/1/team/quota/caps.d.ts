import type * as z from "zod";
import type { AppliedLimit } from "./counters.ts";
import { type Plan } from "./plan.ts";
export declare const capsSchema: () => z.ZodObject<{
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
    models: z.ZodPrefault<z.ZodObject<{
        allow: z.ZodDefault<z.ZodArray<z.ZodString>>;
        deny: z.ZodDefault<z.ZodArray<z.ZodString>>;
    }, z.core.$strict>>;
}, z.core.$strict>;
export type OperatorCaps = z.output<ReturnType<typeof capsSchema>>;
interface Terms {
    plan: Plan;
    caps: OperatorCaps | null;
}
export declare function capLimits(caps: OperatorCaps | null): AppliedLimit[];
export declare function termsAllow({ plan, caps }: Terms, model: string): boolean;
export declare function capsAllow(caps: OperatorCaps | null, model: string): boolean;
export declare function capsMoney(caps: OperatorCaps | null): boolean;
export {};

import type * as z from "zod";
export declare const issuerNameSchema: () => z.ZodString;
export declare const issuerBodySchema: () => z.ZodObject<{
    preset: z.ZodOptional<z.ZodEnum<{
        auth0: "auth0";
        clerk: "clerk";
        firebase: "firebase";
        supabase: "supabase";
    }>>;
    issuer: z.ZodString;
    audience: z.ZodOptional<z.ZodUnion<readonly [z.ZodString, z.ZodArray<z.ZodString>]>>;
    audience_claim: z.ZodOptional<z.ZodEnum<{
        aud: "aud";
        azp: "azp";
    }>>;
    jwks_url: z.ZodOptional<z.ZodURL>;
    algs: z.ZodOptional<z.ZodArray<z.ZodEnum<{
        ES256: "ES256";
        ES384: "ES384";
        ES512: "ES512";
        Ed25519: "Ed25519";
        EdDSA: "EdDSA";
        PS256: "PS256";
        PS384: "PS384";
        PS512: "PS512";
        RS256: "RS256";
        RS384: "RS384";
        RS512: "RS512";
    }>>>;
    user_claim: z.ZodDefault<z.ZodString>;
    user_prefix: z.ZodOptional<z.ZodString>;
    plan_claim: z.ZodDefault<z.ZodNullable<z.ZodString>>;
    tag_claims: z.ZodDefault<z.ZodRecord<z.ZodString, z.ZodString>>;
}, z.core.$strict>;
export declare const ISSUERS_PER_TEAM_MAX = 10;
export declare const issuerSchema: () => z.ZodObject<{
    name: z.ZodString;
    preset: z.ZodNullable<z.ZodEnum<{
        auth0: "auth0";
        clerk: "clerk";
        firebase: "firebase";
        supabase: "supabase";
    }>>;
    issuer: z.ZodString;
    audience: z.ZodArray<z.ZodString>;
    audience_claim: z.ZodEnum<{
        aud: "aud";
        azp: "azp";
    }>;
    jwks_url: z.ZodString;
    algs: z.ZodArray<z.ZodEnum<{
        ES256: "ES256";
        ES384: "ES384";
        ES512: "ES512";
        Ed25519: "Ed25519";
        EdDSA: "EdDSA";
        PS256: "PS256";
        PS384: "PS384";
        PS512: "PS512";
        RS256: "RS256";
        RS384: "RS384";
        RS512: "RS512";
    }>>;
    user_claim: z.ZodString;
    user_prefix: z.ZodString;
    plan_claim: z.ZodNullable<z.ZodString>;
    tag_claims: z.ZodRecord<z.ZodString, z.ZodString>;
}, z.core.$strip>;
export type IssuerBody = z.output<ReturnType<typeof issuerBodySchema>>;
export type Issuer = z.output<ReturnType<typeof issuerSchema>>;
export declare function completeIssuer(name: string, body: IssuerBody): {
    ok: true;
    issuer: Issuer;
} | {
    ok: false;
    detail: string;
};
export declare function issuerKeyId(issuer: string): string;
export interface UserClaims {
    user: string;
    plan: string | null;
    tags: Record<string, string>;
}
export declare function userClaims(issuer: Issuer, payload: Readonly<Record<string, unknown>>): {
    ok: true;
    claims: UserClaims;
} | {
    ok: false;
    claim: string;
};
export declare function claimAt(payload: Readonly<Record<string, unknown>>, name: string): unknown;

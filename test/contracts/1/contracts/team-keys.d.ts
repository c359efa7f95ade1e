import type { Refused } from "../platform/errors.ts";
import type { IfMatch } from "../platform/version-tag.ts";
import type { Issuer } from "../team/auth/issuers.ts";
import type { RequestSpec } from "./request-spec.ts";
import type { Answer } from "./rpc.ts";
export interface Actor {
    id: string;
    ip: string | null;
}
export type KeyKind = "secret" | "publishable";
export type Scope = "run" | "read" | "mint" | "admin";
export type Credential = {
    kind: "key";
    digest: string;
} | {
    kind: "token";
    keyId: string;
    user: string;
    visitor: string | null;
    ip: string | null;
    network: string | null;
    models: string[] | null;
    plan: string | null;
    scopes?: Scope[];
    tags?: Record<string, string>;
} | {
    kind: "jwt";
    issuer: string;
    user: string;
    plan: string | null;
    tags: Record<string, string>;
};
export interface ActingFor extends Pick<RequestSpec, "user" | "tags"> {
    credential: Credential;
    visitor: string | null;
    ip: string | null;
    network: string | null;
}
export interface Turnstile {
    siteKey: string;
    secret: string;
    hostname: string | null;
}
export interface KeyTerms {
    user: string | null;
    plan: string | null;
    models: string[] | null;
    origins: string[] | null;
    turnstile: Turnstile | null;
    contactUrl: string | null;
    plans: string[];
    issuerUsers: string[];
    tags: Record<string, string>;
}
export interface KeySummary extends KeyTerms {
    id: string;
    kind: KeyKind;
    name: string;
    scopes: Scope[];
    shown: string;
    createdAt: number;
    lastUsedAt: number | null;
    expiresAt: number | null;
    revokedAt: number | null;
    frozenAt: number | null;
}
export interface NewKeyTerms extends KeyTerms {
    kind: KeyKind;
    name: string;
    scopes: Scope[];
    expiresAt: number | null;
}
export interface NewKey {
    id: string;
    secret: string;
}
export type CreateKeyAnswer = {
    kind: "created";
    key: KeySummary;
    secret: string;
} | Refused;
export type KeyAnswer = {
    kind: "changed";
    key: KeySummary;
} | Refused;
export type KeySettings = Pick<KeySummary, "name" | "plan" | "models" | "origins" | "contactUrl" | "expiresAt">;
export interface TeamKeys {
    read(id: string): Answer<{
        kind: "known";
        key: KeySummary;
    } | Refused>;
    change(id: string, settings: KeySettings, by: Actor, ifMatch?: IfMatch): Answer<KeyAnswer>;
    create(terms: NewKeyTerms, by: Actor): Answer<CreateKeyAnswer>;
    rotate(id: string, overlapS: number, by: Actor): Answer<{
        kind: "rotated";
        key: NewKey;
        oldValidUntil: number | null;
    } | Refused>;
    list(): Answer<KeySummary[]>;
    revoke(id: string, by: Actor, ifMatch?: IfMatch): Answer<KeyAnswer>;
    freeze(id: string, frozen: boolean, by: Actor): Answer<KeyAnswer>;
}
export interface IssuerKeys {
    json: string;
    fetchedAt: number;
}
export interface StoredIssuer {
    issuer: Issuer;
    keys: IssuerKeys | null;
}
export interface TeamIssuers {
    list(): Answer<StoredIssuer[]>;
    put(issuer: Issuer, adoptUsers: boolean, by: Actor): Answer<{
        kind: "stored";
    } | Refused>;
    remove(name: string, by: Actor): Answer<{
        kind: "removed";
    } | Refused>;
    keysOf(lookup: {
        name: string;
        unknownKey: boolean;
    }): Answer<IssuerKeys | null>;
    countMint(exchange: {
        keyId: string;
        ip: string;
        network: string | null;
        visitor: string | null;
    }): Answer<{
        kind: "counted";
    } | Refused>;
}

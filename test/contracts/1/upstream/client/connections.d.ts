import { type Refusal, type Refused } from "../../platform/errors.ts";
import { type JsonTree } from "../../platform/json.ts";
export declare const CONNECTED_APP = "fal-ai";
export declare const CONNECTION_ID: RegExp;
export type ConnectionRequest = {
    kind: "list";
    filters: ConnectionFilters;
} | {
    kind: "create";
    method?: string | undefined;
} | {
    kind: "get";
    id: string;
} | {
    kind: "delete";
    id: string;
};
export interface ConnectionFilters {
    status?: string | undefined;
    method?: string | undefined;
    limit?: string | undefined;
}
export type ConnectionReply = {
    kind: "read";
    status: number;
    text: string;
    retryAfterMs: number | null;
} | {
    kind: "failed";
};
export type ConnectionAnswer = {
    kind: "done";
    body: {
        [key: string]: JsonTree;
    };
    inUse: string | null;
} | {
    kind: "declined";
    status: number;
    message: string;
} | Refused;
export declare function connectionCall(request: ConnectionRequest): {
    method: string;
    path: string;
    body?: string;
};
export declare function connectionMeaning(request: ConnectionRequest, { reply, inUse }: {
    reply: ConnectionReply;
    inUse: string | null;
}): ConnectionAnswer;
export declare function connectionCallsExhausted(waitMs: number): Refusal;
export declare function connectionNotFound(id: string): Extract<ConnectionAnswer, {
    kind: "declined";
}>;
export declare function isFalConnection(connection: JsonTree): boolean;

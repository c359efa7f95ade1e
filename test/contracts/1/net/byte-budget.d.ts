export declare const BUFFER_BUDGET_BYTES: number;
export declare const INBOUND_BUDGET_BYTES: number;
export declare const TEAM_SHARE_BYTES: number;
export declare const ADDRESS_SHARE_BYTES: number;
export declare const PERMIT_LEASE_MS: number;
export declare const PERMIT_RETRY_MS = 50;
export declare const INBOUND_WAIT_MAX_MS: number;
export interface Permit {
    readonly bytes: number;
    shrink(toBytes: number): void;
    release(): void;
}
export interface RenewedPermit extends Permit {
    renew(): void;
}
export interface GrowingPermit extends Permit {
    grow(toBytes: number): Promise<"granted" | "overloaded" | "lapsed">;
    settle(): void;
}
export type Sender = {
    team: string;
    address: string | null;
} | {
    team: null;
    address: string;
};
export declare function openPermit(mostBytes: number): GrowingPermit;
export declare function openInboundPermit(sender: Sender, mostBytes: number): GrowingPermit;
export declare function takeInbound(sender: Sender, bytes: number): RenewedPermit | null;
export declare function acquire(bytes: number): Promise<Permit | null>;
export declare function highWaterBytes(): number;

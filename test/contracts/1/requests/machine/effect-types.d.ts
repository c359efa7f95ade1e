export type EffectKind = "submit" | "poll" | "fetch_result" | "mirror" | "hash" | "settle" | "deliver" | "report" | "cancel" | "expire" | "delete";
export type DeletionTarget = "inputs" | "files" | "deliveries" | "record";
export type EffectName = string;
export interface Effect {
    name: EffectName;
    kind: EffectKind;
    target: string | null;
    dueAt: number;
    failures: number;
    internalFailures: number;
    leaseUntil: number | null;
    leaseId: number;
    attempts: number;
    lastFailure: string | null;
    parkedAt: number | null;
}
export type EffectOrder = {
    do: "owe";
    kind: EffectKind;
    target?: string;
    dueAt: number;
} | {
    do: "hasten";
    kind: EffectKind;
    target?: string;
    dueAt: number;
} | {
    do: "drop";
    kind: EffectKind;
    target?: string;
} | {
    do: "clear";
};

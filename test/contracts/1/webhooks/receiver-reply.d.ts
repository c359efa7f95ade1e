export declare const DELIVER_REPLY_READ_MAX_BYTES: number;
export declare const DELIVER_REPLY_KEPT_MAX_CHARS: number;
export interface Reply {
    text: string;
    end: "whole" | "cut" | "broken";
}
export declare function readReply(body: ReadableStream<Uint8Array> | null, known: readonly string[]): Promise<Reply>;

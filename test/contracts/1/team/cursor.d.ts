export declare const HISTORY_LIMIT_MAX = 100;
export interface ListPosition {
    createdAt: number;
    id: string;
}
export declare function encodeCursor(position: ListPosition): string;
export declare function decodeCursor(text: string, idShape: RegExp): ListPosition | null;
export declare function encodePlace(place: number): string;
export declare function decodePlace(text: string): number | null;

/**
 * Events that no intake has answered for yet, in the browser's storage: an entry for each, so that
 * several tabs never write the same one. Any page of the site may send them; who has the answer
 * removes them. All of it throws where the browser keeps nothing.
 */
/** How many may wait, in a page and in the storage; the oldest give way. */
export declare const MOST = 500;
/** One event as JSON. */
export interface Letter {
    /** Its entry in the storage; in their order the oldest is first. */
    readonly _key: string;
    readonly _text: string;
    /** When it was first sent, in ms, if it may have arrived since; 0: it has not. */
    _sentAt?: number;
    /** What was written down of it; undefined: nothing. */
    _kept?: string;
}
/** An event that is to be sent to this intake. */
export declare function letter(url: string | null, text: string): Letter;
/** Writes it down, with what has become of it. */
export declare function keep(letter: Letter): void;
/** Whether nobody has removed it; what was never written down nobody removes. */
export declare function isThere({ _key, _kept }: Letter): boolean;
export declare function remove(key: string): void;
/** The entries for an intake, the oldest first. */
export declare function keys(url: string | null): string[];
/**
 * Reads an entry; null if it may have arrived so long ago that the intake would not know it, or if
 * it is damaged.
 */
export declare function read(key: string): Letter | null;

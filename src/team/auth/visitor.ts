// Who a visitor of a page is, without asking the page: the address it comes from, or the token that we gave it before. Both are
// marks under SIGNING_KEY; a raw address is kept nowhere. Rotating SIGNING_KEY for good makes everybody new, which is accepted.

import { randomText } from "../../platform/ids.ts";
import { checkMark, makeMark } from "../../platform/signing.ts";

/** 20 hex digits: 80 bits tell addresses apart, and nobody can compute them without the key. */
const MARK_CHARS = 20;
/** Key id in front of a mark (platform/signing.ts); it says nothing about the address. */
const KEY_ID_CHARS = 4;
/** Where there is no edge in front (a local run), everybody comes from the same place. */
const NO_ADDRESS = "local";

/**
 * The part of an address that stands for one household: IPv4 whole, IPv6 its /64, because a provider gives a customer that
 * many addresses at least. An IPv4 address inside IPv6 (`::ffff:…`) is the IPv4 one. Text that is no address stays as it is.
 */
export function networkOf(address: string | null): string {
  if (address === null || address === "") return NO_ADDRESS;
  if (!address.includes(":")) return address;
  const host = URL.parse(`http://[${address}]/`)?.hostname;
  if (host === undefined) return address;
  const groups = groupsOf(host.slice(1, -1));
  const [a, b, c, d, e, f, high = 0, low = 0] = groups;
  if (a === 0 && b === 0 && c === 0 && d === 0 && e === 0 && f === 0xffff) {
    return [high >> 8, high & 0xff, low >> 8, low & 0xff].join(".");
  }
  const prefix = groups.slice(0, 4).map((group) => group.toString(16));
  return `${prefix.join(":")}::/64`;
}

/** The eight groups of an IPv6 address in the URL parser's spelling, which compresses one run of zeros. */
function groupsOf(host: string): number[] {
  const [head = "", tail] = host.split("::");
  const numbers = (part: string) => (part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16)));
  const [before, after] = [numbers(head), numbers(tail ?? "")];
  return [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after];
}

/** Who calls by address, as limits with scope `ip` count it. Another team sees another mark for the same address. */
export async function addressMark(
  signingKeys: readonly string[],
  team: string,
  address: string | null,
): Promise<string> {
  const mark = await makeMark(signingKeys, "address", [team, networkOf(address)]);
  return mark.slice(KEY_ID_CHARS, KEY_ID_CHARS + MARK_CHARS);
}

/** A visitor nobody has seen before. */
export function newVisitor(): string {
  return randomText(MARK_CHARS);
}

/** What a page keeps and sends back, so that the same visitor is known at another address. Good for its team only. */
export async function makeVisitorToken(signingKeys: readonly string[], team: string, visitor: string): Promise<string> {
  return `sl_vt_${visitor}.${await makeMark(signingKeys, "visitor", [team, visitor])}`;
}

/** The visitor that a token names, or null for a token that is not ours or another team's. */
export async function visitorOf(signingKeys: readonly string[], team: string, token: string): Promise<string | null> {
  const [, visitor, mark] = /^sl_vt_([0-9A-Za-z]{1,64})\.([0-9a-f]+)$/.exec(token) ?? [];
  if (visitor === undefined || mark === undefined) return null;
  return (await checkMark(signingKeys, "visitor", [team, visitor], mark)) ? visitor : null;
}

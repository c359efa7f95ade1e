// Identifies visitors by their address or a visitor token, both as HMACs with SIGNING_KEY; raw addresses are never stored.
// Removing a signing key makes every visitor new.

import { randomText } from "../../platform/ids.ts";
import { checkMark, makeMark } from "../../platform/signing.ts";

/** 20 hex digits: 80 bits distinguish addresses and cannot be computed without the key. */
const MARK_CHARS = 20;
/** Length of the key id prefix (platform/signing.ts). */
const KEY_ID_CHARS = 4;
/** Address in local deployments. */
const NO_ADDRESS = "local";

/**
 * The part of an address that identifies a household: IPv4 in full, the /64 of IPv6. IPv4-mapped IPv6 (`::ffff:…`) counts as
 * IPv4. Invalid text is returned unchanged.
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

/** The eight groups of an IPv6 address as the URL parser prints it, with one compressed run of zeros. */
function groupsOf(host: string): number[] {
  const [head = "", tail] = host.split("::");
  const numbers = (part: string) => (part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16)));
  const [before, after] = [numbers(head), numbers(tail ?? "")];
  return [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after];
}

/** Pseudonym of an address for limits with scope `ip`; differs between teams. */
export async function addressMark(
  signingKeys: readonly string[],
  team: string,
  address: string | null,
): Promise<string> {
  const mark = await makeMark(signingKeys, "address", [team, networkOf(address)]);
  return mark.slice(KEY_ID_CHARS, KEY_ID_CHARS + MARK_CHARS);
}

/** A new visitor id. */
export function newVisitor(): string {
  return randomText(MARK_CHARS);
}

/** Visitor token that a page stores, so that a visitor is recognized at another address. Valid for its team only. */
export async function makeVisitorToken(signingKeys: readonly string[], team: string, visitor: string): Promise<string> {
  return `sl_vt_${visitor}.${await makeMark(signingKeys, "visitor", [team, visitor])}`;
}

/** The visitor of a token, or null if it is invalid or of another team. */
export async function visitorOf(signingKeys: readonly string[], team: string, token: string): Promise<string | null> {
  const [, visitor, mark] = /^sl_vt_([0-9A-Za-z]{1,64})\.([0-9a-f]+)$/.exec(token) ?? [];
  if (visitor === undefined || mark === undefined) return null;
  return (await checkMark(signingKeys, "visitor", [team, visitor], mark)) ? visitor : null;
}

// Visitors of a page and their addresses. A visitor is a random id that the first exchange makes and the page keeps in a token signed
// with SIGNING_KEY; an address is its HMAC, and never stored raw. Removing a signing key makes every visitor new.

import { randomText } from "../../platform/ids.ts";
import { checkMark, makeMark } from "../../platform/signing.ts";

/** 20 hex digits: 80 bits distinguish addresses and cannot be computed without the key. */
const MARK_CHARS = 20;
/** Length of the key id prefix (platform/signing.ts). */
const KEY_ID_CHARS = 4;
/** What the marks of addresses look like. A random id of this form comes up once in 10^11. */
const ADDRESS_MARK = /^[0-9a-f]{20}$/;
/** Address in local deployments. */
const NO_ADDRESS = "local";

/**
 * The part of an address that identifies a household: IPv4 in full, the /64 of IPv6. IPv4-mapped IPv6 (`::ffff:…`) counts as
 * IPv4. Invalid text is returned unchanged.
 */
export function networkOf(address: string | null): string {
  if (address === null || address === "") return NO_ADDRESS;
  const groups = groupsOf(address);
  if (groups === null) return address;
  const v4 = mappedIpv4(groups);
  return v4 ?? prefixOf(groups, 4);
}

/** The /48 of an IPv6 address, which one customer of a provider may have whole (RFC 6177); null for IPv4 and for no address. */
export function wideNetworkOf(address: string | null): string | null {
  const groups = address === null ? null : groupsOf(address);
  return groups === null || mappedIpv4(groups) !== null ? null : prefixOf(groups, 3);
}

function prefixOf(groups: readonly number[], count: number): string {
  const prefix = groups.slice(0, count).map((group) => group.toString(16));
  return `${prefix.join(":")}::/${16 * count}`;
}

function mappedIpv4([a, b, c, d, e, f, high = 0, low = 0]: readonly number[]): string | null {
  const isMapped = a === 0 && b === 0 && c === 0 && d === 0 && e === 0 && f === 0xffff;
  return isMapped ? [high >> 8, high & 0xff, low >> 8, low & 0xff].join(".") : null;
}

/** The eight groups of an IPv6 address; null for anything else. */
function groupsOf(address: string): number[] | null {
  const host = address.includes(":") ? URL.parse(`http://[${address}]/`)?.hostname : undefined;
  if (host === undefined) return null;
  // The URL parser prints one compressed run of zeros.
  const [head = "", tail] = host.slice(1, -1).split("::");
  const numbers = (part: string) => (part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16)));
  const [before, after] = [numbers(head), numbers(tail ?? "")];
  return [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after];
}

/** Pseudonyms of an address for limits with the scopes `ip` and `network`; they differ between teams. */
export interface AddressMarks {
  ip: string;
  network: string | null;
}

/** The pseudonyms of an address. */
export async function addressMarks(
  signingKeys: readonly string[],
  team: string,
  address: string | null,
): Promise<AddressMarks> {
  const wide = wideNetworkOf(address);
  const [ip, network] = await Promise.all([
    shortMark(signingKeys, team, networkOf(address)),
    wide === null ? null : shortMark(signingKeys, team, wide),
  ]);
  return { ip, network };
}

async function shortMark(signingKeys: readonly string[], team: string, network: string): Promise<string> {
  const mark = await makeMark(signingKeys, "address", [team, network]);
  return mark.slice(KEY_ID_CHARS, KEY_ID_CHARS + MARK_CHARS);
}

/** A new visitor id: 119 bits, so that nobody finds another's. */
export function newVisitor(): string {
  return randomText(MARK_CHARS);
}

/** Visitor token that a page stores: who has it is that visitor, at whatever address. Valid for its team only. */
export async function makeVisitorToken(signingKeys: readonly string[], team: string, visitor: string): Promise<string> {
  return `sl_vt_${visitor}.${await makeMark(signingKeys, "visitor", [team, visitor])}`;
}

/** The visitor of a token, or null if it is invalid, of another team, or of an address, which is no one person. */
export async function visitorOf(signingKeys: readonly string[], team: string, token: string): Promise<string | null> {
  const [, visitor, mark] = /^sl_vt_([0-9A-Za-z]{1,64})\.([0-9a-f]+)$/.exec(token) ?? [];
  if (visitor === undefined || mark === undefined || ADDRESS_MARK.test(visitor)) return null;
  return (await checkMark(signingKeys, "visitor", [team, visitor], mark)) ? visitor : null;
}

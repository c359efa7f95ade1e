// Makes what a recorded walk says the same on every run: ids, secrets and signatures by the order in which they first appear, years
// as they are to be read. Equal values stay equal, so that an id leads from one example to the next.

import { randomFrom } from "../../sandbox/src/random.ts";
import { SECOND_MS } from "../../src/platform/time.ts";

interface Kind {
  name: string;
  pattern: RegExp;
  /** What stands for the n-th value of this kind. */
  made(n: number, found: string): string;
}

const text = (n: number, length: number) => randomFrom("example", n).text(length);
const hex = (n: number, length: number) => randomFrom("example", n).hex(length);

/** Keys and secrets are cut short, so that nobody takes one for theirs, and no scanner for a leak. */
const KINDS: readonly Kind[] = [
  { name: "jwt", pattern: /\beyJ[\w-]+\.[\w-]+\.[\w-]+/g, made: () => "eyJhbGciOiJIUzI1NiJ9…" },
  { name: "key", pattern: /\bsl_(?:sk|pk)_[a-z0-9-]+_\w+/g, made: (_n, found) => `${found.replace(/_\w{4,}$/, "")}_…` },
  { name: "signing", pattern: /\bwhsec_[\w+/=]+/g, made: () => "whsec_…" },
  { name: "id", pattern: /\b(?:key|whk|dlv|evt|upl|shr|rpl)_[0-9A-Za-z]{20}\b/g, made: idLike },
  { name: "hex", pattern: /\b[0-9a-f]{64}\b/g, made: (n) => hex(n, 64) },
  {
    name: "uuid",
    pattern: /\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g,
    made: (n) => randomFrom("example", n).uuid(),
  },
  { name: "session", pattern: /(?<=session_token=)[0-9a-f]{40}\b/g, made: (n) => hex(n, 40) },
  { name: "cursor", pattern: /(?<="next_cursor":")[\w-]{24,}(?=")/g, made: (n) => text(n, 32) },
  { name: "hex32", pattern: /\b[0-9a-f]{32}\b/g, made: (n) => hex(n, 32) },
  { name: "call", pattern: /(?<=urn:sluice:call:|"request_id":")[0-9A-Za-z]{20}(?=")/g, made: (n) => text(n, 20) },
  // The signature in a file's path, after the id of the request or the upload, and when the link ends.
  {
    name: "mark",
    pattern: /(?<=(?:[0-9a-f]{64}|upl_[0-9A-Za-z]{20}|\.\d{10})\.)[\w-]{16,}/g,
    made: (n) => text(n, 24),
  },
];

function idLike(n: number, found: string): string {
  return `${found.slice(0, 4)}${text(n, 20)}`;
}

export class Steady {
  readonly #known = new Map<string, string>();
  readonly #years: readonly [recorded: string, shown: string];

  constructor(years: readonly [recorded: string, shown: string]) {
    this.#years = years;
  }

  /** The text with everything random replaced. */
  text(recorded: string): string {
    const [from, to] = this.#years;
    const steady = KINDS.reduce((sofar, kind) => {
      return sofar.replaceAll(kind.pattern, (found) => this.#standIn(kind, found));
    }, recorded);
    const shiftS = (Date.UTC(Number(from), 0) - Date.UTC(Number(to), 0)) / SECOND_MS;
    return steady
      .replaceAll(new RegExp(`\\b${from}(?=-\\d\\d)`, "g"), to)
      .replaceAll(/(?<=\.)2\d{9}(?=\.)/g, (seconds) => String(Number(seconds) - shiftS));
  }

  #standIn({ name, made }: Kind, found: string): string {
    const key = `${name} ${found}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const standIn = made(this.#known.size + 1, found);
    this.#known.set(key, standIn);
    // What was put in is not replaced again by a later pattern.
    for (const each of KINDS) this.#known.set(`${each.name} ${standIn}`, standIn);
    return standIn;
  }
}

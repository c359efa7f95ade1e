// Takes secrets out of text that a stranger's server sent back, before it is kept: receivers echo tokens, headers, links.
// Rather too much than too little. Pure.

const REMOVED = "[removed]";

/**
 * `name: value` and `name=value`, JSON's quotes included, where the name says that the value is secret. All repeats here are
 * bounded: the text is a stranger's, and may be made to keep an expression busy.
 */
const NAMED =
  /(\b(?:[\w-]{0,40}(?:passw(?:or)?d|secret|token|api[_-]?key|authorization|signature|credential|private[_-]?key|session|cookie)[\w-]{0,40})["']?\s{0,4}[:=]\s{0,4})("(?:[^"\\]|\\.)*"?|'[^']*'?|(?:(?:Bearer|Basic) {1,4})?[^\s,;&"'<>{}]+)/gi;

/** What is a secret by its looks: our keys and signatures, bearer credentials, JWTs, well-known key prefixes, long random text. */
const BY_LOOKS: readonly RegExp[] = [
  /\bwhs[ek]c?_[A-Za-z0-9+/=_-]+/g,
  /\bsl_[a-z]{2,4}_[\w-]+/g,
  /\bv1a?,[A-Za-z0-9+/]{20,}={0,2}/g,
  /\b(?:Bearer|Basic)\s{1,4}[\w.~+/=-]{6,}/gi,
  /\beyJ[\w-]{8,400}\.[\w-]{1,4000}\.[\w-]*/g,
  /\b(?:sk|pk|rk)[_-][\w-]{12,}/g,
  /\b(?:gh[pousr]|github_pat|xox[a-z]|AKIA|ASIA)[_-]?[\w-]{12,}/g,
  /\b[A-Za-z0-9_-]{40,}={0,2}/g,
  /\b[A-Za-z0-9+/]{40,}={0,2}/g,
];

const LINK = /\bhttps?:\/\/[^\s"'<>\\]+/gi;

/** The text without its secrets; `known` are those that this delivery itself carried. */
export function scrub(text: string, known: readonly string[] = []): string {
  let clean = text;
  for (const secret of known) if (secret.length >= 6) clean = clean.replaceAll(secret, REMOVED);
  clean = clean.replace(LINK, scrubLink).replace(NAMED, `$1${REMOVED}`);
  for (const look of BY_LOOKS) clean = clean.replace(look, REMOVED);
  return clean;
}

/** A link without what may give access: user name, password, query, fragment. Signed links carry it there. */
export function scrubLink(link: string): string {
  const url = URL.parse(link);
  if (url === null) return REMOVED;
  const rest = url.search === "" && url.hash === "" ? "" : `?${REMOVED}`;
  return `${url.protocol}//${url.host}${url.pathname}${rest}`;
}

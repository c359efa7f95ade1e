// Removes secrets from text received from external servers before it is stored: receivers echo tokens, headers and links.
// Prefers false positives. Pure.

const REMOVED = "[removed]";

/**
 * `name: value` and `name=value`, JSON quotes included, where the name indicates a secret. All repeats are bounded against
 * catastrophic backtracking on untrusted text.
 */
const NAMED =
  /(\b(?:[\w-]{0,40}(?:passw(?:or)?d|secret|token|api[_-]?key|authorization|signature|credential|private[_-]?key|session|cookie)[\w-]{0,40})["']?\s{0,4}[:=]\s{0,4})("(?:[^"\\]|\\.)*"?|'[^']*'?|(?:(?:Bearer|Basic) {1,4})?[^\s,;&"'<>{}]+)/gi;

/** Secrets by their format: Sluice keys and signatures, bearer credentials, JWTs, well-known key prefixes, long random text. */
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

/** The text without secrets; `known` are those that the delivery itself carried. */
export function scrub(text: string, known: readonly string[] = []): string {
  let clean = text;
  for (const secret of known) if (secret.length >= 6) clean = clean.replaceAll(secret, REMOVED);
  clean = clean.replace(LINK, scrubLink).replace(NAMED, `$1${REMOVED}`);
  for (const look of BY_LOOKS) clean = clean.replace(look, REMOVED);
  return clean;
}

/** A URL without user name, password, query and fragment, which may grant access. */
export function scrubLink(link: string): string {
  const url = URL.parse(link);
  if (url === null) return REMOVED;
  const rest = url.search === "" && url.hash === "" ? "" : `?${REMOVED}`;
  return `${url.protocol}//${url.host}${url.pathname}${rest}`;
}

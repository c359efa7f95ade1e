// Patterns over model ids, for plans, keys, tokens and prices. The work for one pattern is at most its length times the model's, so
// that a pattern of a caller cannot hold up its team. Pure.
//
//   *      any characters of one segment, none too      fal-ai/flux*       fal-ai/flux, fal-ai/flux-pro
//   ?      one character of a segment                   acme/v?            acme/v2
//   **     as a segment: any segments, none too         fal-ai/flux/**     fal-ai/flux, fal-ai/flux/dev/image-to-image
//   {a,b}  one of these texts                           fal-ai/{flux,sdxl}/**
//
// Everything else stands for itself; case matters, and a whole id has to match.

/** Characters of a model pattern. */
export const MODEL_PATTERN_MAX_CHARS = 200;
/** Texts that the braces of one model pattern stand for together. */
const PATTERN_TEXTS_MAX = 32;

/** A segment of a model or of a pattern, character by character. */
type Segment = ArrayLike<string>;

/** Whether a pattern, or one that can be no pattern, matches a model id. */
export function matchesPattern(pattern: string, model: string): boolean {
  const read = readPattern(pattern);
  return read.kind === "read" && read.alternatives.some((each) => matchesSegments(each, model.split("/")));
}

/** Why a text is no pattern: a clause that names it and the way out. Null when it is one. */
export function patternFault(pattern: string): string | null {
  const read = readPattern(pattern);
  return read.kind === "read" ? null : `is ${JSON.stringify(pattern)}, but ${read.why}`;
}

type PatternRead = { kind: "read"; alternatives: string[][] } | { kind: "fault"; why: string };

/** The segments of each text that the pattern stands for. */
export function readPattern(pattern: string): PatternRead {
  if (pattern.length > MODEL_PATTERN_MAX_CHARS) {
    return fault(`a model pattern must have at most ${MODEL_PATTERN_MAX_CHARS} characters: use several patterns`);
  }
  const stray = /[^A-Za-z0-9._/*?{},-]/u.exec(pattern)?.[0];
  if (stray !== undefined) {
    return fault(`a model pattern must not contain ${JSON.stringify(stray)}: use *, ?, ** as a segment, or {a,b}`);
  }
  const texts = alternativesOf(pattern);
  if (texts === null) return fault("braces must enclose two texts or more, as in {a,b}, and no other braces");
  if (texts.length > PATTERN_TEXTS_MAX) {
    return fault(`its braces must stand for at most ${PATTERN_TEXTS_MAX} texts: use several patterns`);
  }
  if (texts.some((text) => text.split("/").includes(""))) {
    return fault("a model pattern must have no empty segment: it must not begin or end with /, or contain //");
  }
  return { kind: "read", alternatives: texts.map((text) => text.split("/")) };
}

/** The texts that a pattern's braces stand for, no more than one above the limit; null when the braces are not in pairs. */
function alternativesOf(pattern: string): string[] | null {
  let texts = [""];
  for (let at = 0; at < pattern.length; ) {
    const plain = /^[^{},]+/.exec(pattern.slice(at))?.[0];
    const braces = /^\{([^{}]*,[^{}]*)\}/.exec(pattern.slice(at));
    if (plain === undefined && braces === null) return null;
    const choices = plain === undefined ? (braces?.[1] ?? "").split(",") : [plain];
    texts = texts.flatMap((text) => choices.map((choice) => text + choice)).slice(0, PATTERN_TEXTS_MAX + 1);
    at += plain?.length ?? braces?.[0].length ?? 1;
  }
  return texts;
}

/**
 * Whether the segments of a pattern match those of a model. Only the last `**` is ever tried again: what stands before it has matched
 * as far to the left as it can. So no segment of the pattern meets a segment of the model twice.
 */
export function matchesSegments(pattern: readonly Segment[], model: readonly Segment[]): boolean {
  return matchesItems(
    pattern.length,
    model.length,
    (p) => isAnySegments(pattern[p]),
    (p, m) => matchesSegment(pattern[p] ?? "", model[m] ?? ""),
  );
}

function isAnySegments(segment: Segment | undefined): boolean {
  return segment !== undefined && segment.length === 2 && segment[0] === "*" && segment[1] === "*";
}

function matchesSegment(pattern: Segment, text: Segment): boolean {
  return matchesItems(
    pattern.length,
    text.length,
    (p) => pattern[p] === "*",
    (p, t) => pattern[p] === "?" || pattern[p] === text[t],
  );
}

/** The rule of both levels: items of a pattern, of which some stand for any number of items. */
function matchesItems(
  patternLength: number,
  length: number,
  isAny: (p: number) => boolean,
  isOne: (p: number, at: number) => boolean,
): boolean {
  let p = 0;
  let retryPattern = -1;
  let retryAt = 0;
  for (let at = 0; at < length; ) {
    if (p < patternLength && isAny(p)) {
      retryPattern = ++p;
      retryAt = at;
    } else if (p < patternLength && isOne(p, at)) {
      p++;
      at++;
    } else if (retryPattern >= 0) {
      p = retryPattern;
      at = ++retryAt;
    } else {
      return false;
    }
  }
  while (p < patternLength && isAny(p)) p++;
  return p === patternLength;
}

function fault(why: string): PatternRead {
  return { kind: "fault", why };
}

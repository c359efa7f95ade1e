// Holds that secrets are compared in one place: an ordinary compare tells by its time how much of a guess is right.

import { codeOnly, lineOf, type Offence, type SourceTree } from "./source.ts";

/** Everybody else asks it. */
const COMPARES_SECRETS = "platform/signing.ts";
const COMPARE = /([A-Za-z_$][\w$.?]*)\s*[!=]==?\s*([A-Za-z_$][\w$.?]*)/g;
const SECRET_NAME = /(?:secret|token|password|digest|signature|mark|hmac)$/i;
/** What a secret may be compared with: that tells only whether there is one. */
const NOTHING = /^(?:null|undefined)$/;
const CONSTANT_TIME = /\btimingSafeEqual\b/g;

export function checkCompares(tree: SourceTree): Offence[] {
  return [...tree].flatMap(([file, text]) => {
    if (file === COMPARES_SECRETS) return [];
    const code = codeOnly(text);
    const compares = [...code.matchAll(COMPARE)].filter(([, one = "", other = ""]) => {
      return [one, other].some((name) => SECRET_NAME.test(name)) && ![one, other].some((name) => NOTHING.test(name));
    });
    return [...compares, ...code.matchAll(CONSTANT_TIME)].map((match) => {
      return { file, line: lineOf(code, match.index), reason: `${match[0]}: secrets are compared by sameSecret alone` };
    });
  });
}

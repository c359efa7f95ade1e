// Texts of people in headers: names and tags. A header carries ASCII (RFC 9110, 5.5), so other characters come percent-encoded as UTF-8;
// raw ones arrive differently by client and proxy, and two names could become one. Pure.

export type HeaderText = { ok: true; text: string } | { ok: false; reason: string };

/** The text of a header's value. The reason is a clause to follow the header's name; `field`: the body's field for the same. */
export function headerText(value: string, field: string): HeaderText {
  if (!/^[\t -~]*$/.test(value)) {
    return {
      ok: false,
      reason: `must be ASCII: percent-encode other characters as UTF-8 (%C3%BC), or use \`${field}\` in the body`,
    };
  }
  try {
    return { ok: true, text: decodeURIComponent(value) };
  } catch {
    return {
      ok: false,
      reason: `must be percent-encoded UTF-8 (write a percent sign as %25), or use \`${field}\` in the body`,
    };
  }
}

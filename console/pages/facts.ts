// What holds for every call, in sentences: the introduction of the reference in all its forms.

import { ADDRESS } from "./shell.tsx";

export interface Fact {
  title: string;
  text: string;
}

export const FACTS: readonly Fact[] = [
  { title: "Address", text: `All paths begin at this deployment's own address, here \`${ADDRESS}\`.` },
  {
    title: "Key",
    text: "`Authorization: Bearer sl_sk_…` (or `Key sl_sk_…`) with a secret key, a client token or a user's JWT. Scopes: `run` submits and reads what it made, `read` reads, `admin` changes the team.",
  },
  {
    title: "Bodies",
    text: "JSON in UTF-8, names in snake case. Money is USD as decimal text. Model inputs and outputs are passed on as written, so seeds above 2^53 stay exact: parse them as text if your language rounds.",
  },
  {
    title: "Repeat safely",
    text: "Send `Idempotency-Key` with every submit. After a lost answer repeat the same call with the same key: it is the same request, and is paid once. Never submit again without it.",
  },
  {
    title: "Wait",
    text: "`Prefer: wait=N` on a submit, `?wait=N` on a read: the answer is held up to 60 seconds until there is something new.",
  },
  {
    title: "Lists",
    text: "Newest first, `{ data, next_cursor }`. Send `cursor` for the next page, `limit` for its size.",
  },
  {
    title: "Limits",
    text: "`RateLimit` and `RateLimit-Policy` say what is left. 402 means used up: do not retry. 429 means too fast: retry after `Retry-After` seconds.",
  },
  {
    title: "Errors",
    text: "RFC 9457 problems with a stable `code`, a sentence in `detail` that names the field, a `hint`, and `retryable`.",
  },
  {
    title: "Browsers",
    text: "CORS is open to every origin; the key decides which may use it. No cookies. Never put a secret key into a page: exchange a publishable key for a token.",
  },
];

// Windows of limits: four words on the wire, four codes in counters and stored plans. Other spellings of the same window are read;
// what is near one is named in the refusal. Pure.

import { lazy } from "../../platform/schema.ts";
import { nearest } from "../../platform/suggest.ts";
import { oneOfText } from "../../platform/validate.ts";

/** The words, each with the code that counters and stored plans hold. */
const CODES = { minute: "1m", hour: "1h", day: "1d", month: "1mo" } as const;

export type WindowWord = keyof typeof CODES;
export type LimitWindow = (typeof CODES)[WindowWord];

export const WINDOW_WORDS = ["minute", "hour", "day", "month"] as const satisfies readonly WindowWord[];

/** Seconds of the windows that a duration can name exactly. A month has no fixed length: only `P1M` names it. */
const WORD_OF_SECONDS: ReadonlyMap<number, WindowWord> = new Map([
  [60, "minute"],
  [3_600, "hour"],
  [86_400, "day"],
]);

/** What people write for a window, in lower case and without spaces, beside what is read. */
const MEANT: Readonly<Record<WindowWord, readonly string[]>> = {
  minute: ["min", "mins", "minutes", "1min", "1minute", "minutely", "perminute", "60s", "60sec", "m"],
  hour: ["hr", "hrs", "hours", "1hr", "1hour", "hourly", "perhour", "60m", "60min", "h"],
  day: ["days", "1day", "daily", "perday", "24h", "24hr", "24hours", "d"],
  month: ["mo", "mon", "months", "1month", "monthly", "permonth", "30d", "30days", "p30d", "31d"],
};

export function windowWord(code: LimitWindow): WindowWord {
  switch (code) {
    case "1m":
      return "minute";
    case "1h":
      return "hour";
    case "1d":
      return "day";
    case "1mo":
      return "month";
  }
}

/** The window that a text names: a word, a code, or an ISO 8601 duration of exactly that length (`PT1M`, `PT60M`, `P1D`, `P1M`). */
export function readWindow(text: string): LimitWindow | null {
  const word = WINDOW_WORDS.find((each) => each === text || CODES[each] === text) ?? wordOfDuration(text);
  return word === null ? null : CODES[word];
}

/** ISO 8601-1, 5.5.2.2: `M` before the `T` is months, after it minutes. */
function wordOfDuration(text: string): WindowWord | null {
  const parts = /^P(?:(\d{1,3})M)?(?:(\d{1,3})D)?(?:T(?:(\d{1,3})H)?(?:(\d{1,5})M)?(?:(\d{1,6})S)?)?$/.exec(text);
  if (parts === null || /[PT]$/.test(text)) return null;
  const [months = 0, days = 0, hours = 0, minutes = 0, seconds = 0] = parts.slice(1).map((part) => Number(part ?? 0));
  const length = days * 86_400 + hours * 3_600 + minutes * 60 + seconds;
  if (months !== 0) return months === 1 && length === 0 ? "month" : null;
  return WORD_OF_SECONDS.get(length) ?? null;
}

function windowFault(input: unknown): string {
  const list = oneOfText(WINDOW_WORDS, null);
  const meant = typeof input === "string" ? meantBy(input) : null;
  return meant === null ? list : `${list}; did you mean "${meant}"?`;
}

function meantBy(text: string): WindowWord | null {
  const plain = text.toLowerCase().replaceAll(/[\s_-]+/g, "");
  const known = WINDOW_WORDS.find((word) => word === plain || MEANT[word].includes(plain));
  return known ?? wordOfDuration(text.toUpperCase()) ?? (nearest(plain, WINDOW_WORDS) as WindowWord | null);
}

export const limitWindow = lazy((z) =>
  z
    .string({ error: ({ input }) => windowFault(input) })
    .transform((text, context) => {
      const window = readWindow(text);
      if (window !== null) return window;
      context.addIssue({ code: "custom", message: windowFault(text) });
      return z.NEVER;
    })
    .pipe(z.enum(Object.values(CODES) as [LimitWindow, ...LimitWindow[]]))
    .meta({
      type: "string",
      enum: WINDOW_WORDS,
      description:
        "`minute` and `hour` are sliding windows; `day` and `month` are calendar days and months in UTC. `1m`, `1h`, `1d`, `1mo` and ISO 8601 durations of these lengths (`PT1M`, `PT1H`, `P1D`, `P1M`) are read too, and returned as the words.",
    }),
);

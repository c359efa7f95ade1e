// A moment, short, with the whole of it on focus and hover.

import { now } from "./clock.ts";
import { agoText, fullTime, timeText } from "./format.ts";

export function Time({ at, relative = false }: { at: string; relative?: boolean }) {
  const text = relative ? agoText(at, now.value) : timeText(at, now.value);
  return (
    <time dateTime={at} title={fullTime(at)}>
      {text}
    </time>
  );
}

// What is left of each limit, the tightest first.

import type { Limit } from "../../api/types.ts";
import { countText } from "../../parts/format.ts";
import { Time } from "../../parts/time.tsx";
import { amountWords, scopeWord } from "../plans/words.ts";

/** From this share on the meter warns. */
const NEARLY = 0.8;

export function LimitMeters({ limits }: { limits: readonly Limit[] }) {
  if (limits.length === 0) return <p class="card-body soft">The plan has no limits.</p>;
  const ranked = [...limits].sort((one, other) => shareOf(other) - shareOf(one));
  return (
    <ul class="meters">
      {ranked.map((limit) => {
        const share = shareOf(limit);
        const tone = share >= 1 ? "bad" : share >= NEARLY ? "wait" : "ok";
        const window = limit.window === null ? "" : ` and ${limit.window}`;
        return (
          <li key={limit.name}>
            <div class="row-between">
              <span>
                {limit.name}{" "}
                <span class="faint">
                  per {scopeWord(limit.scope)}
                  {window}
                </span>
              </span>
              <span class="number">
                {usedWords(limit)} <span class="faint">of {amountWords(limit.per, limit.limit)}</span>
              </span>
            </div>
            <meter class={tone} min={0} max={1} value={Math.min(1, share)} aria-label={`${limit.name}: used`} />
            {limit.reset === null || share < NEARLY ? null : (
              <p class="field-hint">
                Again at <Time at={limit.reset} />
              </p>
            )}
          </li>
        );
      })}
    </ul>
  );
}

/** What the limit counts is said once, after it. */
function usedWords({ per, used }: Limit): string {
  return per === "usd" || per === "output_byte" || per === "upload_byte"
    ? amountWords(per, used).replace(/ of \w+$/, "")
    : countText(Number(used));
}

function shareOf({ used, limit }: Limit): number {
  const most = Number(limit);
  if (most === 0) return 1;
  return Number(used) / most;
}

// What the key can cost at worst, in one sentence that is true whatever callers do.

import { Note } from "../../parts/note.tsx";
import { ceilingText, type WorstCase } from "./worst-case.ts";

export function WorstCaseNote({ worst, isPage }: { worst: WorstCase; isPage: boolean }) {
  const whoever = isPage ? "visitors" : "callers";
  if (worst.day === null) {
    return (
      <Note tone={isPage ? "bad" : "wait"} icon="triangle-alert" title="Worst case: no ceiling">
        No limit of this plan counts USD per key or team, so nothing stops what {whoever} may spend.
      </Note>
    );
  }
  const month = worst.month === null ? "" : `, ${ceilingText(worst.month)} in a month of 31`;
  const isOpen = worst.unknown === "uncounted";
  return (
    <Note
      tone={isOpen ? "wait" : "ok"}
      icon={isOpen ? "triangle-alert" : "shield"}
      title={`Worst case: ${ceilingText(worst.day)} a day${month}`}
    >
      Stopped by <code>{worst.by}</code>, whatever {whoever} do.{UNKNOWN_WORDS[worst.unknown]}
    </Note>
  );
}

const UNKNOWN_WORDS: Record<WorstCase["unknown"], string> = {
  refused: " Requests of unknown price are refused.",
  assumed: " A request of unknown price counts with what the plan assumes, and may turn out dearer.",
  uncounted: " But the plan lets requests of unknown price run, and those count towards no USD limit.",
};

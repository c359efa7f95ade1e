// The keys of every screen: the palette, `g` and a letter, the filter, moving through rows. Single keys are dead while typing, under a
// dialog, and when switched off (WCAG 2.1.4).

import { singleKeys } from "./preferences.ts";
import { SCREENS } from "./screens.ts";

/** The second key of `g …` counts this long. */
const SEQUENCE_MS = 1_500;

export interface KeyActions {
  go: (path: string) => void;
  openPalette: () => void;
  openHelp: () => void;
}

/** Listens until the returned function is called. */
export function listenToKeys({ go, openPalette, openHelp }: KeyActions): () => void {
  let goesUntil = 0;
  const onKey = (event: KeyboardEvent) => {
    if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      if (document.querySelector("dialog[open]") === null) openPalette();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || !mayUseSingleKeys(event.target)) return;
    if (event.timeStamp < goesUntil) {
      goesUntil = 0;
      const screen = SCREENS.find((each) => each.key === event.key);
      if (screen !== undefined) {
        event.preventDefault();
        go(screen.path);
        return;
      }
    }
    switch (event.key) {
      case "g":
        goesUntil = event.timeStamp + SEQUENCE_MS;
        return;
      case "/":
        focusFilter(event);
        return;
      case "?":
        event.preventDefault();
        openHelp();
        return;
      case "j":
      case "k":
        moveRow(event.key === "j" ? 1 : -1);
        return;
    }
  };
  document.addEventListener("keydown", onKey);
  return () => document.removeEventListener("keydown", onKey);
}

function mayUseSingleKeys(target: EventTarget | null): boolean {
  if (singleKeys.value === "off" || document.querySelector("dialog[open]") !== null) return false;
  if (!(target instanceof HTMLElement)) return true;
  return !target.isContentEditable && target.closest("input, textarea, select") === null;
}

function focusFilter(event: KeyboardEvent): void {
  const filter = document.querySelector<HTMLElement>("[data-filter]");
  if (filter === null) return;
  event.preventDefault();
  filter.focus();
}

/** Focuses the link of the next or previous row. */
function moveRow(step: 1 | -1): void {
  const links = [...document.querySelectorAll<HTMLElement>("[data-row-link]")];
  const at = links.indexOf(document.activeElement as HTMLElement);
  const next = links[at === -1 ? (step === 1 ? 0 : links.length - 1) : at + step];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

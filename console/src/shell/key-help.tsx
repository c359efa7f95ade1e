// Every key of the console, on one sheet.

import { Dialog } from "../parts/dialog.tsx";
import type { ScreenEntry } from "./screens.ts";

const KEYS: readonly (readonly [keys: string, does: string])[] = [
  ["Ctrl K", "Search screens, or open a pasted id"],
  ["/", "Filter"],
  ["j  k", "Next, previous row"],
  ["Enter", "Open the row"],
  ["Esc", "Close what lies on top"],
  ["Ctrl Enter", "Submit the form, from any field"],
  ["?", "This sheet"],
];

export function KeyHelp({ screens, onClose }: { screens: readonly ScreenEntry[]; onClose: () => void }) {
  const rows = [...KEYS, ...screens.map(({ key, title }) => [`g ${key}`, `Go to ${title}`] as const)];
  return (
    <Dialog title="Keyboard" onClose={onClose}>
      <dl class="keys">
        {rows.map(([keys, does]) => (
          <div key={keys}>
            <dt>
              {keys.split(/ +/).map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}

// A coloured note: one sentence that must be seen, and what belongs to it.

import type { ComponentChildren } from "preact";
import { Icon, type IconName } from "./icon.tsx";

export function Note({
  tone,
  icon,
  title,
  children,
}: {
  tone: "bad" | "wait" | "unsure" | "ok";
  icon: IconName;
  title: string;
  children?: ComponentChildren;
}) {
  return (
    <div class={`note ${tone}`}>
      <Icon name={icon} />
      <div>
        <p class="note-title">{title}</p>
        {children === undefined ? null : <p>{children}</p>}
      </div>
    </div>
  );
}

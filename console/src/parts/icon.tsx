// Icons of one sprite (icons.svg, from Lucide). Decoration: words stand beside them, or on the button's label.

import sprite from "../icons.svg?no-inline";

export type IconName =
  | "activity"
  | "archive"
  | "ban"
  | "box"
  | "check"
  | "chevron-left"
  | "chevron-right"
  | "circle-alert"
  | "circle-check"
  | "circle-dashed"
  | "circle-help"
  | "circle-slash"
  | "circle-x"
  | "clock"
  | "copy"
  | "download"
  | "ellipsis"
  | "external-link"
  | "file-text"
  | "film"
  | "gauge"
  | "hard-drive-download"
  | "image"
  | "key-round"
  | "list"
  | "loader"
  | "log-out"
  | "monitor"
  | "music"
  | "play"
  | "plus"
  | "rocket"
  | "rotate-ccw"
  | "scroll-text"
  | "search"
  | "send"
  | "server"
  | "settings"
  | "shield"
  | "snowflake"
  | "sun"
  | "trash-2"
  | "triangle-alert"
  | "user"
  | "webhook"
  | "x";

export function Icon({ name, size = 16 }: { name: IconName; size?: 14 | 16 | 20 }) {
  return (
    <svg class="icon" width={size} height={size} aria-hidden="true">
      <use href={`${sprite}#${name}`} />
    </svg>
  );
}

// What stands around every screen: the rail (a bar at the bottom on phones), the account menu, the palette, toasts.

import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { useLocation } from "preact-iso";
import { Icon } from "../parts/icon.tsx";
import { Mark } from "../parts/mark.tsx";
import { isOperator, keyProblem } from "../session/credential.ts";
import { me, who } from "../session/me.ts";
import { may } from "../session/permissions.ts";
import { AccountMenu } from "./account-menu.tsx";
import { announcement } from "./announce.ts";
import { KeyHelp } from "./key-help.tsx";
import { listenToKeys } from "./keyboard.ts";
import { screenOf } from "./navigation.ts";
import { Palette } from "./palette.tsx";
import { GROUPS, SCREENS, type ScreenEntry } from "./screens.ts";
import { Reauthenticate } from "./sign-in.tsx";
import { UpstreamNote } from "./upstream-note.tsx";

/** Places of the phone's bar, the last being "More". */
const BAR_PLACES = 5;

export function Frame({ children }: { children: ComponentChildren }) {
  const { path, route } = useLocation();
  const [overlay, setOverlay] = useState<"palette" | "keys" | "more" | null>(null);
  const screens = SCREENS.filter((screen) => may(who.value, screen.need));
  useEffect(() => setOverlay(null), [path]);
  useEffect(
    () => listenToKeys({ go: route, openPalette: () => setOverlay("palette"), openHelp: () => setOverlay("keys") }),
    [route],
  );
  const open = screenOf(path);
  return (
    <div class="frame">
      <a class="skip" href="#content">
        Skip to content
      </a>
      <nav class="rail" aria-label="Screens">
        <a class="brand" href="/console">
          <Mark />
          <span class="brand-name">{me.value?.team.name ?? "Deployment"}</span>
        </a>
        <button
          type="button"
          class="search-button"
          title="Search, or paste an id"
          onClick={() => setOverlay("palette")}
        >
          <Icon name="search" size={14} />
          <span>Search</span>
          <kbd>{/Mac|iP/.test(navigator.platform) ? "⌘" : "Ctrl"} K</kbd>
        </button>
        <RailLinks screens={screens} open={open} />
        <div class="rail-foot">
          <AccountMenu openHelp={() => setOverlay("keys")} />
        </div>
      </nav>
      <header class="top-bar">
        <a class="brand" href="/console">
          <Mark />
          <span class="brand-name">{me.value?.team.name ?? "Deployment"}</span>
        </a>
        <button
          type="button"
          class="icon-button"
          aria-label="Search or paste an id"
          onClick={() => setOverlay("palette")}
        >
          <Icon name="search" size={20} />
        </button>
      </header>
      <main id="content" tabIndex={-1}>
        <UpstreamNote />
        {children}
      </main>
      <BottomBar
        screens={screens}
        open={open}
        isMoreOpen={overlay === "more"}
        toggleMore={() => setOverlay(overlay === "more" ? null : "more")}
      />
      {overlay === "more" ? (
        <div class="more-sheet">
          <RailLinks screens={screens.slice(BAR_PLACES - 1)} open={open} />
          <AccountMenu openHelp={() => setOverlay("keys")} />
        </div>
      ) : null}
      {overlay === "palette" ? <Palette screens={screens} onClose={() => setOverlay(null)} /> : null}
      {overlay === "keys" ? <KeyHelp screens={screens} onClose={() => setOverlay(null)} /> : null}
      {keyProblem.value === null || me.value === null ? null : <Reauthenticate problem={keyProblem.value} />}
      <p class={announcement.value === "" ? "toast" : "toast shown"} role="status" aria-live="polite">
        {announcement.value}
      </p>
      {isOperator.value ? <span class="hidden-text">Signed in as operator</span> : null}
    </div>
  );
}

function RailLinks({ screens, open }: { screens: readonly ScreenEntry[]; open: ScreenEntry | null }) {
  const groups = Object.keys(GROUPS) as ScreenEntry["group"][];
  return (
    <div class="rail-links">
      {groups.map((group) => {
        const members = screens.filter((screen) => screen.group === group);
        if (members.length === 0) return null;
        return (
          <ul key={group} aria-label={GROUPS[group]}>
            {members.map((screen) => (
              <li key={screen.path}>
                <a href={screen.path} aria-current={screen.path === open?.path ? "page" : undefined}>
                  <Icon name={screen.icon} />
                  {screen.title}
                </a>
              </li>
            ))}
          </ul>
        );
      })}
    </div>
  );
}

function BottomBar({
  screens,
  open,
  isMoreOpen,
  toggleMore,
}: {
  screens: readonly ScreenEntry[];
  open: ScreenEntry | null;
  isMoreOpen: boolean;
  toggleMore: () => void;
}) {
  return (
    <nav class="bottom-bar" aria-label="Main screens">
      {screens.slice(0, BAR_PLACES - 1).map((screen) => (
        <a key={screen.path} href={screen.path} aria-current={screen.path === open?.path ? "page" : undefined}>
          <Icon name={screen.icon} size={20} />
          {screen.title}
        </a>
      ))}
      <button type="button" aria-expanded={isMoreOpen} onClick={toggleMore}>
        <Icon name="ellipsis" size={20} />
        More
      </button>
    </nav>
  );
}

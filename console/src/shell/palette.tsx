// The command palette: screens, models, and any pasted id. A combobox with a list by the ARIA pattern; nothing typed is kept.

import { useEffect, useRef, useState } from "preact/hooks";
import { useLocation } from "preact-iso";
import { callApi } from "../api/client.ts";
import type { Model, PageOf } from "../api/types.ts";
import { Dialog } from "../parts/dialog.tsx";
import { Icon } from "../parts/icon.tsx";
import { signOut } from "../session/credential.ts";
import { who } from "../session/me.ts";
import { may } from "../session/permissions.ts";
import { type Choice, choicesFor } from "./palette-choices.ts";
import type { ScreenEntry } from "./screens.ts";
import { chooseTheme } from "./theme.ts";

export function Palette({ screens, onClose }: { screens: readonly ScreenEntry[]; onClose: () => void }) {
  const { route } = useLocation();
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const [models, setModels] = useState<readonly string[]>([]);
  const list = useRef<HTMLDivElement>(null);
  const mayRead = may(who.value, "read");
  const choices = choicesFor(text, screens, models, { mayRead, isAdmin: may(who.value, "admin") });
  const chosen = choices[Math.min(at, choices.length - 1)];

  useEffect(() => {
    if (!mayRead) return;
    void callApi<PageOf<Model>>("GET", "/v1/models").then((answer) => {
      if (answer.ok) setModels(answer.data.data.map(({ id }) => id));
    });
  }, [mayRead]);

  const take = ({ action }: Choice) => {
    onClose();
    switch (action.kind) {
      case "open":
        return route(action.path);
      case "theme":
        return chooseTheme(action.theme);
      case "sign-out":
        return signOut();
    }
  };
  const onKey = (event: KeyboardEvent) => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step !== 0 && choices.length > 0) {
      event.preventDefault();
      const next = (Math.min(at, choices.length - 1) + step + choices.length) % choices.length;
      setAt(next);
      list.current?.children[next]?.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter" && chosen !== undefined) {
      event.preventDefault();
      take(chosen);
    }
  };
  return (
    <Dialog title="Search" onClose={onClose}>
      <div class="palette">
        <label class="palette-input">
          <Icon name="search" />
          <span class="hidden-text">Search screens, models, or paste an id</span>
          <input
            autofocus
            role="combobox"
            aria-expanded="true"
            aria-controls="palette-list"
            aria-activedescendant={chosen === undefined ? undefined : `palette-${chosen.id}`}
            autocomplete="off"
            spellcheck={false}
            placeholder="Search, or paste an id"
            value={text}
            onInput={(event) => {
              setText(event.currentTarget.value);
              setAt(0);
            }}
            onKeyDown={onKey}
          />
        </label>
        <div class="palette-list" id="palette-list" role="listbox" aria-label="Results" ref={list}>
          {choices.map((choice) => (
            // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are the input's, by the combobox pattern
            <div
              key={choice.id}
              class="palette-choice"
              id={`palette-${choice.id}`}
              role="option"
              aria-selected={choice === chosen}
              tabIndex={-1}
              onClick={() => take(choice)}
            >
              <Icon name={choice.icon} />
              <span class="palette-title">{choice.title}</span>
              <span class="palette-group">{choice.group}</span>
            </div>
          ))}
        </div>
        {choices.length === 0 ? (
          <p class="palette-none">Nothing found. Ids of requests, keys, deliveries, webhooks open theirs.</p>
        ) : null}
      </div>
    </Dialog>
  );
}

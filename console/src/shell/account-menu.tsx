// Who is signed in, the theme, the keys, and the way out.

import { Icon } from "../parts/icon.tsx";
import { Menu } from "../parts/menu.tsx";
import { Segments } from "../parts/segments.tsx";
import { isOperator, signOut } from "../session/credential.ts";
import { me } from "../session/me.ts";
import { singleKeys } from "./preferences.ts";
import { chooseTheme, THEMES, type Theme, theme } from "./theme.ts";

export function AccountMenu({ openHelp }: { openHelp: () => void }) {
  const caller = me.value;
  const name = caller?.key.name ?? "Operator";
  const scopes = [...(caller?.key.scopes ?? []), ...(isOperator.value ? ["operator"] : [])].join(" · ");
  return (
    <Menu
      up
      label={`Account: ${name}`}
      className="account"
      button={
        <>
          <Icon name="user" />
          <span class="account-text">
            <span class="account-name">{name}</span>
            <span class="account-scopes">{scopes}</span>
          </span>
        </>
      }
    >
      {caller?.user == null ? null : <p class="menu-note">Bound to user {caller.user}</p>}
      <Segments<Theme>
        label="Theme"
        chosen={theme.value}
        onChoose={chooseTheme}
        choices={THEMES.map((value) => ({ value, face: value.charAt(0).toUpperCase() + value.slice(1) }))}
      />
      <button type="button" class="menu-item" onClick={() => singleKeys.set(singleKeys.value === "on" ? "off" : "on")}>
        <Icon name={singleKeys.value === "on" ? "check" : "x"} />
        Single keys are {singleKeys.value}
      </button>
      <button type="button" class="menu-item" onClick={openHelp}>
        <Icon name="circle-help" />
        Keyboard
      </button>
      <a class="menu-item" href="/docs" target="_blank" rel="noopener noreferrer">
        <Icon name="file-text" />
        API reference
      </a>
      {isOperator.value ? null : (
        <a class="menu-item" href="/console/sign-in">
          <Icon name="server" />
          Add the operator
        </a>
      )}
      <button type="button" class="menu-item" onClick={signOut}>
        <Icon name="log-out" />
        Sign out
      </button>
    </Menu>
  );
}

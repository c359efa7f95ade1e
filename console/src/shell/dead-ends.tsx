// Screens that cannot be shown: unknown ones, and those that the credential does not open.

import { Empty } from "../parts/states.tsx";
import { who } from "../session/me.ts";
import { whyHidden } from "../session/permissions.ts";
import { Page } from "./page.tsx";
import type { ScreenEntry } from "./screens.ts";

export function NotFound() {
  return (
    <Page title="No such page">
      <Empty
        icon="circle-help"
        title="Nothing is here"
        action={
          <a class="button" href="/console/start">
            Go to Start
          </a>
        }
      >
        The address may be mistyped, or of an older version.
      </Empty>
    </Page>
  );
}

export function Forbidden({ screen }: { screen: ScreenEntry }) {
  return (
    <Page title={screen.title}>
      <Empty
        icon="shield"
        title="Not with this key"
        action={
          <a class="button" href="/console/start">
            Go to Start
          </a>
        }
      >
        {whyHidden(who.value, screen.need)}
      </Empty>
    </Page>
  );
}

// The head of a screen: its title, what stands under it, and its actions.

import type { ComponentChildren } from "preact";
import { useTitle } from "./navigation.ts";

export function Page({
  title,
  name = title,
  lead,
  actions,
  back,
  children,
}: {
  title: ComponentChildren;
  /** The title of the browser's tab, where the heading is more than text. */
  name?: ComponentChildren;
  lead?: ComponentChildren;
  actions?: ComponentChildren;
  back?: { href: string; label: string };
  children: ComponentChildren;
}) {
  useTitle(typeof name === "string" ? name : "Console");
  return (
    <div class="page">
      <header class="page-head">
        {back === undefined ? null : (
          <a class="back" href={back.href}>
            {back.label}
          </a>
        )}
        <div class="title-row">
          <h1 tabIndex={-1}>{title}</h1>
          {actions === undefined ? null : <div class="actions">{actions}</div>}
        </div>
        {lead === undefined ? null : <p class="lead">{lead}</p>}
      </header>
      {children}
    </div>
  );
}

// What the palette offers for a text: the thing of a pasted id first, then screens, actions, models. Pure.

import type { IconName } from "../parts/icon.tsx";
import { queryText } from "./query.ts";
import type { ScreenEntry } from "./screens.ts";
import { THEMES, type Theme } from "./theme.ts";

export interface Choice {
  id: string;
  title: string;
  group: string;
  icon: IconName;
  action: { kind: "open"; path: string } | { kind: "theme"; theme: Theme } | { kind: "sign-out" };
}

const CHOICES_MAX = 12;
const MODELS_MAX = 5;

export function choicesFor(
  typed: string,
  screens: readonly ScreenEntry[],
  models: readonly string[],
  { mayRead, isAdmin }: { mayRead: boolean; isAdmin: boolean },
): Choice[] {
  const text = typed.trim();
  const pasted = thingOf(text, isAdmin);
  if (pasted !== null) return [pasted];
  const all: Choice[] = screens.map(({ path, title, icon }) => {
    return { id: path.slice(1).replaceAll("/", "-"), title, group: "Screen", icon, action: { kind: "open", path } };
  });
  if (isAdmin) all.push(opens("key-new", "Create a key", "Action", "plus", "/console/keys/new"));
  for (const theme of THEMES) {
    all.push({
      id: `theme-${theme}`,
      title: `Theme: ${theme}`,
      group: "Action",
      icon: "sun",
      action: { kind: "theme", theme },
    });
  }
  all.push({ id: "sign-out", title: "Sign out", group: "Action", icon: "log-out", action: { kind: "sign-out" } });
  const words = text.toLowerCase().split(/\s+/);
  const found = all.filter(({ title }) => words.every((word) => title.toLowerCase().includes(word)));
  if (text === "") return found.slice(0, CHOICES_MAX);
  const ofModels = models.filter((id) => words.every((word) => id.toLowerCase().includes(word))).slice(0, MODELS_MAX);
  const requests = ofModels.map((model) => requestsOf("model", model));
  const byText = mayRead && /^\S{2,}$/.test(text) ? [requestsOf("user", text)] : [];
  return [...found, ...requests, ...byText].slice(0, CHOICES_MAX);
}

/** What a pasted id opens. */
export function thingOf(text: string, isAdmin: boolean): Choice | null {
  if (/^[0-9a-f]{64}$/.test(text))
    return opens("request", "Open this request", "Request", "list", `/console/requests/${text}`);
  if (!/^[a-z]{2,5}_[0-9A-Za-z]{8,}$/.test(text) || !isAdmin) return null;
  if (text.startsWith("dlv_"))
    return opens("delivery", "Open this delivery", "Delivery", "send", `/console/deliveries/${text}`);
  if (text.startsWith("whk_"))
    return opens("webhook", "Open this webhook", "Webhook", "webhook", `/console/webhooks/${text}`);
  if (text.startsWith("key_")) return opens("key", "Show this key", "Key", "key-round", `/console/keys/${text}`);
  return null;
}

function requestsOf(name: "model" | "user", value: string): Choice {
  return opens(
    `${name}-${value}`,
    value,
    `Requests by ${name}`,
    name === "model" ? "box" : "user",
    `/console/requests${queryText({ [name]: value })}`,
  );
}

function opens(id: string, title: string, group: string, icon: IconName, path: string): Choice {
  return { id: id.replace(/[^\w-]/g, "-"), title, group, icon, action: { kind: "open", path } };
}

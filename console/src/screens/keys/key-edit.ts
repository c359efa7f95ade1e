// A key that is edited: its settings as text, and what of them goes to the API: the fields that were changed, and no other. Pure.

import type { Key } from "../../api/types.ts";
import { linesOf } from "../../parts/lines.ts";

export interface KeyEdit {
  name: string;
  /** Empty: the team's. */
  plan: string;
  /** One a line, and so are origins. */
  models: string;
  origins: string;
  /** A day in UTC; empty: never. */
  expiresOn: string;
}

type Settings = Pick<Key, "name" | "plan" | "models" | "origins" | "expires_at">;

export function keyEdit({ name, plan, models, origins, expires_at }: Settings): KeyEdit {
  return {
    name,
    plan: plan ?? "",
    models: (models ?? []).join("\n"),
    origins: (origins ?? []).join("\n"),
    expiresOn: expires_at?.slice(0, 10) ?? "",
  };
}

/** The merge patch. A day that was not touched keeps its hour. */
export function changesOf(key: Settings, edit: KeyEdit): Partial<Settings> {
  const before = keyEdit(key);
  const differs = (field: keyof KeyEdit) => edit[field] !== before[field];
  return {
    ...(edit.name.trim() === before.name ? {} : { name: edit.name.trim() }),
    ...(differs("plan") ? { plan: edit.plan === "" ? null : edit.plan } : {}),
    ...listChange("models", key.models, edit.models),
    ...listChange("origins", key.origins, edit.origins),
    ...(differs("expiresOn") ? { expires_at: edit.expiresOn === "" ? null : endOf(edit.expiresOn) } : {}),
  };
}

function listChange(field: "models" | "origins", before: string[] | null, text: string): Partial<Settings> {
  const lines = linesOf(text);
  if (lines.join("\n") === (before ?? []).join("\n")) return {};
  return { [field]: lines.length === 0 ? null : lines };
}

/** The last moment of a day in UTC. */
export function endOf(day: string): string {
  return new Date(`${day}T23:59:59Z`).toISOString();
}

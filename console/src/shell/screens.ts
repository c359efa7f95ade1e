// The screens by name: where they are, what they need, and their key after `g`. The rail, the palette and the routes read this list.

import type { IconName } from "../parts/icon.tsx";
import type { Need } from "../session/permissions.ts";

export interface ScreenEntry {
  path: string;
  title: string;
  icon: IconName;
  need: Need;
  /** Opens it after `g`. */
  key: string;
  group: "watch" | "manage" | "team" | "operator";
}

export const SCREENS = [
  { path: "/console/start", title: "Start", icon: "rocket", need: "any", key: "s", group: "watch" },
  { path: "/console/requests", title: "Requests", icon: "list", need: "read", key: "r", group: "watch" },
  { path: "/console/usage", title: "Usage", icon: "activity", need: "read", key: "u", group: "watch" },
  { path: "/console/deliveries", title: "Deliveries", icon: "send", need: "admin", key: "d", group: "watch" },
  { path: "/console/keys", title: "Keys", icon: "key-round", need: "admin", key: "k", group: "manage" },
  { path: "/console/plans", title: "Plans", icon: "gauge", need: "admin", key: "l", group: "manage" },
  { path: "/console/webhooks", title: "Webhooks", icon: "webhook", need: "admin", key: "w", group: "manage" },
  { path: "/console/settings", title: "Settings", icon: "settings", need: "admin", key: "e", group: "team" },
  { path: "/console/audit", title: "Audit", icon: "scroll-text", need: "admin", key: "a", group: "team" },
  { path: "/console/operator", title: "Operator", icon: "server", need: "operator", key: "t", group: "operator" },
] as const satisfies readonly ScreenEntry[];

export const GROUPS: Record<ScreenEntry["group"], string> = {
  watch: "Watch",
  manage: "Manage",
  team: "Team",
  operator: "Deployment",
};

// What a key is, and whether it works now.

import type { Key } from "../../api/types.ts";
import { Badge } from "../../parts/status.tsx";

export type KeyState = "active" | "frozen" | "expired" | "revoked";

export function stateOf(key: Key, now: number): KeyState {
  if (key.revoked_at !== null) return "revoked";
  if (key.expires_at !== null && Date.parse(key.expires_at) <= now) return "expired";
  return key.frozen_at === null ? "active" : "frozen";
}

export function KeyStateBadge({ state }: { state: KeyState }) {
  switch (state) {
    case "active":
      return (
        <Badge tone="ok" icon="circle-check">
          Active
        </Badge>
      );
    case "frozen":
      return (
        <Badge tone="wait" icon="snowflake">
          Frozen
        </Badge>
      );
    case "expired":
      return (
        <Badge tone="off" icon="clock">
          Expired
        </Badge>
      );
    case "revoked":
      return (
        <Badge tone="off" icon="ban">
          Revoked
        </Badge>
      );
  }
}

export function kindWord(key: Pick<Key, "kind" | "user" | "scopes">): string {
  if (key.kind === "publishable") return "Web page";
  if (key.scopes.includes("admin")) return "Team admin";
  return key.user === null ? "Server" : "Member";
}

// The account as flows see it: what its operator is shown, and a fault of all of it that begins and ends by the test's word.

import { bindings, call, sandbox } from "./world.ts";

export interface AccountView {
  pace: { calls_last_second: number; paused_until: string | null };
  health: {
    state: "open" | "closed";
    why: string | null;
    since: string | null;
    next_probe_at: string | null;
    last_failures: { at: string; sign: string; request_id: string }[];
  };
  slots: { used: number; limit: number };
  waiting: { submit: number; status: number };
  waiting_by_user: { user: string; calls: number }[];
  webhooks: { state: string; last_delay_s: number | null };
  typical_durations: { model: string; p50_s: number; p95_s: number; samples: number }[];
}

export async function accountView(): Promise<AccountView> {
  const headers = { Authorization: `Bearer ${bindings.ADMIN_TOKEN}` };
  return (await call("/v1/admin/upstream", { headers })).json();
}

export type AccountFault = "none" | "locked" | "rate_limited" | "failing" | "dead";

/** From now on upstream behaves so to every call; "none": well again. */
export async function faultAccount(account_fault: AccountFault): Promise<void> {
  await sandbox("PATCH", "settings", { account_fault });
}

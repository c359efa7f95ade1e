// What differs between two states of a plan, as the audit log has it. Pure.

import { differences } from "../../../../src/team/audit/differences.ts";
import type { AuditChange, Plan } from "../../api/types.ts";

export function planDifferences({ name: _was, ...before }: Plan, { name: _is, ...after }: Plan): AuditChange[] {
  return differences(before, after);
}

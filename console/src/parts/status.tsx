// States as a shape, a word and a colour.

import type { Delivery, RequestObject, RequestSummary } from "../api/types.ts";
import { Icon, type IconName } from "./icon.tsx";

export type Tone = "ok" | "run" | "wait" | "bad" | "off" | "unsure";

export function Badge({ tone, icon, children }: { tone: Tone; icon?: IconName; children: string }) {
  return (
    <span class={`badge ${tone}`}>
      {icon === undefined ? null : <Icon name={icon} size={14} />}
      {children}
    </span>
  );
}

type Stage = RequestObject["stage"];
type Look = readonly [tone: Tone, icon: IconName, word: string];

const STAGES: Record<Stage, Look> = {
  held: ["wait", "clock", "In queue"],
  submitting: ["wait", "clock", "In queue"],
  queued: ["wait", "clock", "In queue"],
  running: ["run", "loader", "Running"],
  storing: ["run", "hard-drive-download", "Storing"],
  uncertain: ["unsure", "circle-help", "Uncertain"],
  completed: ["ok", "circle-check", "Completed"],
  failed: ["bad", "circle-x", "Failed"],
  canceled: ["off", "circle-slash", "Canceled"],
};

export function StageBadge({ stage }: { stage: Stage }) {
  const [tone, icon, word] = STAGES[stage];
  return (
    <Badge tone={tone} icon={icon}>
      {word}
    </Badge>
  );
}

export function stageWord(stage: Stage): string {
  return STAGES[stage][2];
}

const OUTCOMES: Record<RequestSummary["status"], Look> = {
  open: ["run", "loader", "Open"],
  completed: STAGES.completed,
  failed: STAGES.failed,
  canceled: STAGES.canceled,
};

export function OutcomeBadge({ status }: { status: RequestSummary["status"] }) {
  const [tone, icon, word] = OUTCOMES[status];
  return (
    <Badge tone={tone} icon={icon}>
      {word}
    </Badge>
  );
}

const DELIVERIES: Record<Delivery["state"], Look> = {
  pending: ["wait", "clock", "Pending"],
  failing: ["wait", "rotate-ccw", "Failing"],
  delivered: ["ok", "circle-check", "Delivered"],
  parked: ["bad", "circle-x", "Parked"],
  gone: ["off", "circle-slash", "Gone"],
};

export function DeliveryBadge({ state }: { state: Delivery["state"] }) {
  const [tone, icon, word] = DELIVERIES[state];
  return (
    <Badge tone={tone} icon={icon}>
      {word}
    </Badge>
  );
}

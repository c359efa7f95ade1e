// Whether an endpoint takes what it is sent.

import type { Endpoint } from "../../api/types.ts";
import { now } from "../../parts/clock.ts";
import { agoText } from "../../parts/format.ts";
import { Badge } from "../../parts/status.tsx";

const REASONS: Record<NonNullable<Endpoint["disabled_reason"]>, string> = {
  by_hand: "Disabled",
  failing: "Disabled: kept failing",
  gone: "Disabled: answered 410",
};

export function EndpointBadge({ endpoint }: { endpoint: Endpoint }) {
  const { status, disabled_reason: reason, health } = endpoint;
  if (status === "disabled") {
    return (
      <Badge tone={reason === "by_hand" ? "off" : "bad"} icon="circle-slash">
        {reason === null ? "Disabled" : REASONS[reason]}
      </Badge>
    );
  }
  if (health.failing_since !== null) {
    return (
      <Badge tone="wait" icon="triangle-alert">
        {`Failing, since ${agoText(health.failing_since, now.value)}`}
      </Badge>
    );
  }
  return (
    <Badge
      tone={health.last_success_at === null ? "off" : "ok"}
      icon={health.last_success_at === null ? "clock" : "circle-check"}
    >
      {health.last_success_at === null ? "Nothing sent yet" : "Healthy"}
    </Badge>
  );
}

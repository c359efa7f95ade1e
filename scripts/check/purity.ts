// Holds that what decides without I/O, clock or chance stays so: such files can be tested as tables. They import each other and
// some basics only.

import { codeOnly, importsOf, lineOf, type Offence, type SourceTree } from "./source.ts";

/** Files, and folders whose every file is pure. */
export const PURE: readonly string[] = [
  "compat/proxy-target.ts",
  "compat/fal-format.ts",
  "files/containers.ts",
  "files/data-uri.ts",
  "files/find-in-text.ts",
  "files/find-urls.ts",
  "files/media-hosts.ts",
  "files/request-file.ts",
  "files/type-names.ts",
  "http/overview/worst.ts",
  "models/durations.ts",
  "models/measures.ts",
  "models/media-urls.ts",
  "models/model-id.ts",
  "models/model-pattern.ts",
  "models/models.ts",
  "net/body-pace.ts",
  "net/byte-shares.ts",
  "net/retry-after.ts",
  "platform/csv.ts",
  "platform/errors.ts",
  "platform/hold-counter.ts",
  "platform/jitter.ts",
  "platform/media-host.ts",
  "platform/merge-patch.ts",
  "platform/money.ts",
  "platform/schema.ts",
  "platform/time.ts",
  "platform/suggest.ts",
  "platform/validate.ts",
  "platform/version-tag.ts",
  "requests/machine/",
  "requests/view/deliveries.ts",
  "requests/view/replayed-failure.ts",
  "requests/view/queue-position.ts",
  "team/audit/differences.ts",
  "team/auth/credentials.ts",
  "team/auth/issuers.ts",
  "team/auth/user-names.ts",
  "team/cursor.ts",
  "team/endpoints/endpoint-health.ts",
  "team/endpoints/endpoint-rules.ts",
  "team/quota/caps.ts",
  "team/quota/counters.ts",
  "team/quota/caller-limits.ts",
  "team/quota/holds.ts",
  "team/quota/input-rules.ts",
  "team/quota/limit-seeds.ts",
  "team/quota/limits.ts",
  "team/quota/offer.ts",
  "team/quota/plan-limits.ts",
  "team/quota/plan-rules.ts",
  "team/quota/plan-wire.ts",
  "team/quota/plan.ts",
  "team/quota/prices.ts",
  "team/quota/presets.ts",
  "team/quota/refusals.ts",
  "team/quota/replay.ts",
  "team/quota/stored-plan.ts",
  "team/quota/windows.ts",
  "team/quota/tag-values.ts",
  "team/attention.ts",
  "team/requests/archive-lines.ts",
  "team/requests/request-filter.ts",
  "team/requests/request-row.ts",
  "team/requests/sweep-schedule.ts",
  "team/uploads/upload-rules.ts",
  "team/usage/usage.ts",
  "team/usage/user-list.ts",
  "team/version-tags.ts",
  "upstream/client/classify.ts",
  "upstream/client/connections.ts",
  "upstream/answer-times.ts",
  "upstream/fair-queue.ts",
  "upstream/grant-counts.ts",
  "upstream/health.ts",
  "upstream/hourly-counts.ts",
  "upstream/pace.ts",
  "upstream/rate-limit-strikes.ts",
  "upstream/scheduler.ts",
  "webhooks/attempt.ts",
  "webhooks/classify.ts",
  "webhooks/event-body.ts",
  "webhooks/event-types.ts",
  "webhooks/events.ts",
  "webhooks/headers.ts",
  "webhooks/retry-schedule.ts",
  "webhooks/scrub.ts",
];
/** What they may use besides each other. */
const BASICS = ["platform/ids.ts", "platform/json.ts", "platform/json-scan.ts"];
/** on-demand.cjs stands for zod. */
const PACKAGES = ["platform/on-demand.cjs"];
const IMPURE = /\bDate\.now\(|\bnew Date\(\)|\bfetch\(|\bMath\.random\(|\bcrypto\.|\bconsole\.|\bawait\b/g;

export function isPure(file: string): boolean {
  return PURE.some((path) => file === path || (path.endsWith("/") && file.startsWith(path)));
}

export function checkPurity(tree: SourceTree): Offence[] {
  return [...tree]
    .filter(([file]) => isPure(file))
    .flatMap(([file, text]) => {
      const imports = importsOf(file, text)
        .filter(({ target, typeOnly }) => !typeOnly && !isPure(target) && ![...BASICS, ...PACKAGES].includes(target))
        .map(({ target, line }) => ({ file, line, reason: `a pure file may not import ${target}` }));
      const code = codeOnly(text);
      const uses = [...code.matchAll(IMPURE)].map((match) => {
        return { file, line: lineOf(code, match.index), reason: `a pure file may not use ${match[0]}` };
      });
      return [...imports, ...uses];
    });
}

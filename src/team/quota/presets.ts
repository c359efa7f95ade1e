// Plans to begin with, each for one kind of caller, in wire format. docs/plans.md gives the reason of each number; the sentence beside
// a preset says whom it is for. Pure.

/** `terms` are those that differ from the defaults. */
export interface Preset {
  purpose: string;
  terms: Readonly<Record<string, unknown>>;
}

/** 10 MB: a photo of a phone. */
const PHOTO_MAX_BYTES = 10_000_000;

export const PRESETS = {
  demo_page: {
    purpose:
      "A public page with a publishable key: strangers, each with a few runs, and one ceiling on the day's money.",
    terms: {
      limits: [
        { name: "visitor-day", scope: "visitor", per: "request", limit: 3, window: "day" },
        { name: "address-day", scope: "ip", per: "request", limit: 20, window: "day" },
        { name: "page-money", scope: "key", per: "usd", limit: "2", window: "day" },
        { name: "page-at-once", scope: "key", per: "concurrent", limit: 5 },
        { name: "visitor-uploads", scope: "visitor", per: "upload", limit: 6, window: "day" },
        { name: "page-upload-bytes", scope: "key", per: "upload_byte", limit: 1_000_000_000, window: "day" },
      ],
      input: { forbid: ["sync_mode"] },
      max_cost_per_request: "0.05",
      unknown_price: "refuse",
      dedupe_s: 30,
      retention: { records_days: 30, files_days: 7, inputs_days: 1 },
      uploads: { max_bytes: PHOTO_MAX_BYTES, types: ["image/*"] },
      webhooks: false,
    },
  },
  team: {
    purpose: "Colleagues with a key each: nobody is slowed down by a minute's limit, and a month has a ceiling.",
    terms: {
      limits: [
        { name: "team-month", scope: "team", per: "usd", limit: "500", window: "month" },
        { name: "member-day", scope: "user", per: "usd", limit: "20", window: "day" },
        { name: "member-at-once", scope: "user", per: "concurrent", limit: 10 },
      ],
      max_cost_per_request: "5",
      unknown_price: "refuse",
    },
  },
  agent: {
    purpose:
      "A program that decides for itself and may run in circles: small steps, a day's ceiling, and equal posts once.",
    terms: {
      limits: [
        { name: "agent-minute", scope: "key", per: "request", limit: 10, window: "minute" },
        { name: "agent-day", scope: "key", per: "usd", limit: "5", window: "day" },
        { name: "agent-month", scope: "key", per: "usd", limit: "50", window: "month" },
        { name: "agent-at-once", scope: "key", per: "concurrent", limit: 3 },
      ],
      max_cost_per_request: "0.5",
      unknown_price: "refuse",
      dedupe_s: 60,
      when_paused: "refuse",
    },
  },
  saas: {
    purpose:
      "The users of an app of yours: each has a month's money and a fair share at once, and all together a day's ceiling.",
    terms: {
      limits: [
        { name: "user-minute", scope: "user", per: "request", limit: 20, window: "minute" },
        { name: "user-month", scope: "user", per: "usd", limit: "10", window: "month" },
        { name: "user-at-once", scope: "user", per: "concurrent", limit: 3 },
        { name: "user-upload-bytes", scope: "user", per: "upload_byte", limit: 1_000_000_000, window: "day" },
        { name: "app-day", scope: "team", per: "usd", limit: "200", window: "day" },
      ],
      max_cost_per_request: "2",
      unknown_price: "refuse",
      file_link_s: 3_600,
      retention: { records_days: 365, files_days: 90, inputs_days: 30 },
      webhooks: false,
    },
  },
} as const satisfies Record<string, Preset>;

export type PresetName = keyof typeof PRESETS;
export const PRESET_NAMES = Object.keys(PRESETS) as [PresetName, ...PresetName[]];

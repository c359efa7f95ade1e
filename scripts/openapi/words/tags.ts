// The groups of operations, in the order in which a reader meets them: tag, title and what it is about.

export interface Tag {
  name: string;
  title: string;
  description: string;
}

export const TAGS: readonly Tag[] = [
  {
    name: "requests",
    title: "Requests",
    description:
      "A request is one run of a model, from submit to end, with its files, cost and history. A submit waits for the end if asked to, and can be repeated with its `Idempotency-Key` without a second charge.",
  },
  {
    name: "models",
    title: "Models",
    description: "Models that the caller's plan includes, with the JSON Schema of their input where it is known.",
  },
  {
    name: "estimate",
    title: "Estimate",
    description: "What a request would cost at most, and by which price, before it is submitted.",
  },
  {
    name: "uploads",
    title: "Uploads",
    description:
      "Files for a model's input: create an upload, send the bytes to `upload_url`, and use `file_url` in the input.",
  },
  {
    name: "files",
    title: "Files",
    description: "Stored copies of outputs. The URL is the permission: no key is needed, and ranges work for players.",
  },
  { name: "inputs", title: "Uploaded files", description: "The bytes behind an upload's `file_url`." },
  {
    name: "me",
    title: "Caller",
    description: "Who the credential is, its plan, and what is left of every limit.",
  },
  {
    name: "tokens",
    title: "Client tokens",
    description:
      "Tokens for a browser or phone, valid for minutes and for one user. A secret key creates them; a publishable key is exchanged for one.",
  },
  {
    name: "keys",
    title: "Keys",
    description:
      "Secret keys are for servers, with scopes `run`, `read`, `mint` and `admin`. Publishable keys may stand in a page.",
  },
  {
    name: "plans",
    title: "Plans",
    description: "A plan says which models, inputs, limits and retention apply. The plan `default` always exists.",
  },
  { name: "prices", title: "Prices", description: "What a unit of a model costs. Requests reserve their worst case." },
  { name: "usage", title: "Usage", description: "Sums of requests and money per hour, day, model, user, key and tag." },
  {
    name: "users",
    title: "Users",
    description: "The team's own names for people: block, unblock, or delete all data.",
  },
  {
    name: "issuers",
    title: "JWT issuers",
    description: "Whose JWTs are accepted, and which claims become user, plan and tags.",
  },
  { name: "team", title: "Team", description: "The team's plan, alerts, freezing, and its webhook secret." },
  {
    name: "webhooks",
    title: "Webhook endpoints",
    description:
      "URLs that receive events, signed by the rules of Standard Webhooks and retried for three days. Answer 2xx within 15 seconds and work afterwards; the same `webhook-id` may arrive more than once.",
  },
  { name: "deliveries", title: "Deliveries", description: "What was delivered where, every attempt, and replays." },
  { name: "events", title: "Event feed", description: "Everything that happened in the team, in order, for 30 days." },
  { name: "audit", title: "Audit log", description: "Who changed what." },
  {
    name: "connections",
    title: "Connections",
    description: "The Maton account's connections to fal, for admins of a team with `manages_connections`.",
  },
  {
    name: "admin",
    title: "Operator",
    description: "Teams, the upstream account and orphaned files of the deployment, with `ADMIN_TOKEN`.",
  },
  { name: "healthz", title: "Health", description: "Whether the deployment is configured, and upstream takes calls." },
  {
    name: "fal",
    title: "fal-compatible",
    description:
      "The protocols of queue.fal.run, fal.run and fal's `proxyUrl`, for clients that exist: other base URL, same calls. Errors are in fal's format.",
  },
  {
    name: "maton",
    title: "Maton-compatible",
    description: "The protocols of gateway.maton.ai and ctrl.maton.ai, for code written for Maton.",
  },
  { name: "hooks", title: "Called by fal", description: "Receive a webhook of fal." },
];

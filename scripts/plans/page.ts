// The text of docs/plans.md: every field of a plan with type, range, default and words, from the schema; the presets in full.

import * as z from "zod";
import { limitsKeyMoney, planSchema } from "../../src/team/quota/plan.ts";
import { planTerms } from "../../src/team/quota/plan-wire.ts";
import { PRESET_NAMES, PRESETS, type PresetName } from "../../src/team/quota/presets.ts";
import { FIELDS } from "../openapi/words/fields.ts";
import { INTRODUCTION, REASONS } from "./words.ts";

interface Schema {
  type?: string;
  description?: string;
  default?: unknown;
  const?: unknown;
  enum?: unknown[];
  minimum?: number;
  maximum?: number;
  minItems?: number;
  maxItems?: number;
  maxLength?: number;
  items?: Schema;
  anyOf?: Schema[];
  oneOf?: Schema[];
  not?: object;
  properties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
}

const HEAD = "| field | type | range | default | meaning |\n|---|---|---|---|---|";

export function plansPage(): string {
  const schema = z.toJSONSchema(planSchema(), { io: "input" }) as Schema;
  const { limits, ...rest } = schema.properties ?? {};
  const fields = fieldRows({ limits: { ...limits, items: { type: "limit" } }, ...rest }, "");
  return [
    INTRODUCTION,
    `## Fields\n\nUnknown fields are refused. What is left out has its default.\n\n${HEAD}\n${fields.join("\n")}\n`,
    limitsSection(limits?.items?.oneOf ?? []),
    presetsSection(),
  ].join("\n");
}

function fieldRows(properties: Record<string, Schema>, at: string): string[] {
  return Object.entries(properties).flatMap(([name, field]) => {
    const path = `${at}${name}`;
    const inner = field.properties === undefined ? [] : fieldRows(field.properties, `${path}.`);
    return [
      `| \`${path}\` | ${typeOf(field)} | ${rangeOf(field)} | ${defaultOf(field)} | ${meaningOf(path, field)} |`,
      ...inner,
    ];
  });
}

function meaningOf(path: string, { description, properties }: Schema): string {
  const text = description ?? FIELDS[`Plan.${path}`] ?? (properties === undefined ? undefined : "");
  if (text === undefined) throw new Error(`the field ${path} of plans has no words`);
  return text.replaceAll("|", "\\|");
}

function typeOf(field: Schema): string {
  if (field.anyOf !== undefined) return [...new Set(field.anyOf.map(typeOf))].join(" or ");
  if (field.type === "array") return `list of ${typeOf(field.items ?? {})}`;
  if (field.type === "object" && field.properties === undefined) return "object by path";
  if (field.enum !== undefined || field.const !== undefined) return "word";
  return field.type ?? "any";
}

function rangeOf(field: Schema): string {
  if (field.enum !== undefined) return field.enum.map((value) => `\`${value}\``).join(", ");
  const { minimum, maximum, maxItems, maxLength } = field;
  if (minimum !== undefined && maximum !== undefined) return `${shown(minimum)} to ${shown(maximum)}`;
  if (maxItems !== undefined) return `at most ${maxItems}`;
  if (maxLength !== undefined) return `at most ${maxLength} characters`;
  return [...new Set((field.anyOf ?? []).map(rangeOf).filter((range) => range !== ""))].join(", ");
}

function shown(bound: number): string {
  return bound.toLocaleString("en");
}

function defaultOf(field: Schema): string {
  return field.default === undefined || field.properties !== undefined ? "" : `\`${JSON.stringify(field.default)}\``;
}

function limitsSection(kinds: readonly Schema[]): string {
  const rows = kinds.map(({ properties = {} }) => {
    const { per, limit, window } = properties;
    const own =
      limit?.description ??
      (per?.const === "usd" ? "Money, reserved by the estimate and corrected at the end." : "Requests.");
    const words = window?.not === undefined ? "required" : "none";
    const range = typeOf(limit ?? {}) === "string" ? 'USD as text, e.g. `"0.25"`' : rangeOf(limit ?? {});
    return `| \`${per?.const}\` | ${own} | ${range} | ${words} |`;
  });
  const common = new Map(kinds.flatMap(({ properties = {} }) => Object.entries(properties)).reverse());
  const names = [...new Set(kinds.flatMap(({ properties = {} }) => Object.keys(properties)))].filter(
    (name) => !["per", "limit"].includes(name),
  );
  const fields = names.map((name) => {
    const field = name === "window" ? (kinds[0]?.properties?.window ?? {}) : (common.get(name) ?? {});
    const meaning = (field.description ?? FIELDS[`PlanLimit.${name}`] ?? "").replaceAll("|", "\\|");
    return `| \`${name}\` | ${typeOf(field)} | ${rangeOf(field)} | ${defaultOf(field)} | ${meaning} |`;
  });
  return `## Limits

Each limit has a name, a scope (whose use counts together), a unit, a size and, but for \`concurrent\`, a window. All limits of a plan are
checked and reserved in one step; a request that exceeds one of them reserves nothing.

| \`per\` | what counts | \`limit\` | \`window\` |
|---|---|---|---|
${rows.join("\n")}

${HEAD}
${fields.join("\n")}
`;
}

function presetsSection(): string {
  const sections = PRESET_NAMES.map((name) => presetSection(name));
  return `## Presets\n\nWhat each begins with and why. Fields that are not named have their defaults.\n\n${sections.join("\n")}`;
}

function presetSection(name: PresetName): string {
  const { purpose, terms } = PRESETS[name];
  const plan = planTerms(planSchema().parse(terms));
  const limits = (terms.limits as readonly { name: string }[]).map((limit) => limit.name);
  const fields = Object.keys(terms).filter((field) => field !== "limits");
  const reasons = REASONS[name];
  const rows = [...limits, ...fields].map((field) => {
    const why = reasons[field];
    if (why === undefined) throw new Error(`${field} of the preset ${name} has no reason`);
    return `| \`${field}\` | ${why} |`;
  });
  const stale = Object.keys(reasons).filter((field) => ![...limits, ...fields].includes(field));
  if (stale.length > 0) throw new Error(`the preset ${name} has no ${stale.join(", ")}`);
  const shownTerms = Object.fromEntries(Object.keys(terms).map((field) => [field, plan[field as keyof typeof plan]]));
  const forPages = limitsKeyMoney(planSchema().parse(terms)) ? " It may stand under publishable keys." : "";
  return `### \`${name}\`

${purpose}${forPages}

| what | why |
|---|---|
${rows.join("\n")}

\`\`\`sh
curl -X PUT "$SLUICE/v1/plans/own_${name}" -H "Authorization: Bearer $ADMIN_KEY" -H "Content-Type: application/json" -d '${termsText(shownTerms)}'
\`\`\`
`;
}

/** One line for each limit, and for each other field. */
function termsText(terms: Record<string, unknown>): string {
  const lines = Object.entries(terms).map(([name, value]) => {
    if (name !== "limits") return `  "${name}": ${inline(value)}`;
    return `  "limits": [\n${(value as object[]).map((limit) => `    ${inline(limit)}`).join(",\n")}\n  ]`;
  });
  return `{\n${lines.join(",\n")}\n}`;
}

function inline(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inline).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).map(([name, field]) => `"${name}": ${inline(field)}`);
  return fields.length === 0 ? "{}" : `{ ${fields.join(", ")} }`;
}

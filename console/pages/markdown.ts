// The whole reference as Markdown, for readers and agents that take text.

import type { Call, NamedSchema, Reference } from "./document.ts";
import { FACTS } from "./facts.ts";
import { type Field, fieldsOf, nameOf, parameterField, typeOf } from "./fields.ts";
import { samplesOf } from "./samples.ts";

export function markdownPage(reference: Reference): string {
  const { groups, objects, events, errors, headers, schemas } = reference;
  const described = objects.filter(({ schema }) => fieldsOf(schema).length > 0);
  const parts = [
    "# Sluice API reference",
    "Runs fal.ai models through one deployment. The same as a page: /docs; as OpenAPI 3.1: /openapi.json; in short: /llms.txt.",
    FACTS.map(({ title, text }) => `- **${title}.** ${text}`).join("\n"),
    ...groups.flatMap(({ title, description, calls }) => [
      `## ${title}`,
      description,
      ...calls.flatMap((call) => callParts(call, schemas)),
    ]),
    "## Events",
    ...events.flatMap(({ name, summary, schema, examples }) => [
      `### ${name}`,
      summary,
      fieldLines(fieldsOf(schema)),
      ...examples.map(({ value }) => fenced("json", JSON.stringify(value, null, 2))),
    ]),
    "## Objects",
    ...described.flatMap(objectParts),
    "## Errors",
    table(
      ["code", "status", "retry", "meaning", "what to do"],
      errors.map(({ code, status, retryable, title, advice }) => [
        `\`${code}\``,
        String(status),
        retryable ? "yes" : "no",
        title,
        advice,
      ]),
    ),
    "## Headers of answers",
    table(
      ["header", "meaning"],
      headers.map(({ name, description }) => [`\`${name}\``, description]),
    ),
  ];
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}

function callParts(call: Call, schemas: Reference["schemas"]): string[] {
  const { method, path, summary, description = "", access, parameters, body, outcomes, errors } = call;
  const bodySchema = body?.schema?.$ref === undefined ? body?.schema : schemas[nameOf(body.schema.$ref)];
  const codes = errors.flatMap(({ status, codes: listed }) => listed.map((code) => `${status} \`${code}\``));
  return [
    `### ${summary}`,
    `\`${method} ${path}\` · ${access}`,
    description,
    parameters.length === 0
      ? ""
      : `Parameters:\n\n${parameters.map((each) => fieldLine(parameterField(each), "", each.in)).join("\n")}`,
    bodySchema === undefined ? "" : `Body:\n\n${fieldLines(fieldsOf(bodySchema)) || `- ${typeOf(bodySchema)}`}`,
    fenced("sh", samplesOf(call).curl),
    ...outcomes.flatMap(({ status, description: said, schema, headers: names, examples }) => [
      `**${status}** ${said}${schema?.$ref === undefined ? "" : ` (${typeOf(schema)})`}${headerText(names)}`,
      schema === undefined || schema.$ref !== undefined ? "" : fieldLines(fieldsOf(schema)),
      ...examples.slice(0, 1).map(({ value }) => exampleText(value)),
    ]),
    codes.length === 0 ? "" : `Errors: ${codes.join(", ")}`,
  ];
}

function objectParts({ name, schema }: NamedSchema): string[] {
  return [`### ${name}`, schema.description ?? "", fieldLines(fieldsOf(schema))];
}

function headerText(names: readonly string[]): string {
  const own = names.filter((name) => name !== "X-Request-Id");
  return own.length === 0 ? "" : ` Headers: ${own.map((name) => `\`${name}\``).join(", ")}.`;
}

function exampleText(value: unknown): string {
  return typeof value === "string" ? fenced("", value) : fenced("json", JSON.stringify(value, null, 2));
}

function fieldLines(fields: readonly Field[], indent = ""): string {
  return fields.map((field) => fieldLine(field, indent)).join("\n");
}

function fieldLine(
  { name, type, required, facts, values, description, fields }: Field,
  indent: string,
  place = "",
): string {
  const about = [type, place === "" ? "" : `in ${place}`, ...facts, required ? "required" : ""].filter(
    (each) => each !== "",
  );
  const closed = values.length === 0 ? "" : ` One of ${values.map((value) => `\`${value}\``).join(", ")}.`;
  const line = `${indent}- \`${name}\` (${about.join(", ")})${description === "" ? "" : `: ${description}`}${closed}`;
  return fields.length === 0 ? line : `${line}\n${fieldLines(fields, `${indent}  `)}`;
}

function fenced(language: string, text: string): string {
  return `\`\`\`${language}\n${text.trimEnd()}\n\`\`\``;
}

function table(head: readonly string[], rows: readonly string[][]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

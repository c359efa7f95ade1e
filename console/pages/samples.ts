// A call as code that runs as it stands: curl, fetch and Python. The credential comes from the environment.

import type { Call, Parameter, Schema } from "./document.ts";
import { ADDRESS } from "./shell.tsx";

export interface Samples {
  curl: string;
  fetch: string;
  python: string;
}

interface Sent {
  method: string;
  url: string;
  headers: [name: string, value: string][];
  credential: Call["credential"];
  /** JSON as a value; `bytes`: those of a file. */
  body: { kind: "json"; value: unknown } | { kind: "bytes" } | null;
  /** What is read of the answer. */
  answer: "json" | "text" | "bytes" | "nothing";
}

const FILE = "cat.png";

export function samplesOf(call: Call): Samples {
  const sent = sentBy(call);
  return { curl: curl(sent), fetch: fetchCall(sent), python: python(sent) };
}

function sentBy({ method, path, parameters, body, credential, outcomes }: Call): Sent {
  const shown = parameters.filter(({ required, example }) => required === true || example !== undefined);
  const inPath = shown.filter((each) => each.in === "path");
  const filled = inPath.reduce((sofar, each) => sofar.replace(`{${each.name}}`, String(exampleOf(each))), path);
  const query = shown.filter((each) => each.in === "query").map((each) => `${each.name}=${String(exampleOf(each))}`);
  const headers = shown
    .filter((each) => each.in === "header")
    .map((each): [string, string] => [each.name, String(exampleOf(each))]);
  const type = outcomes.find(({ status }) => status.startsWith("2"))?.type;
  return {
    method,
    url: `${ADDRESS}${filled}${query.length === 0 ? "" : `?${query.join("&")}`}`,
    headers,
    credential,
    body: bodyOf(body),
    answer: type === undefined ? "nothing" : /json$/.test(type) ? "json" : type.startsWith("text/") ? "text" : "bytes",
  };
}

function bodyOf(body: Call["body"]): Sent["body"] {
  if (body === undefined) return null;
  if (body.type !== "application/json") return { kind: "bytes" };
  if (body.examples[0] !== undefined) return { kind: "json", value: body.examples[0].value };
  return body.required && body.schema !== undefined ? { kind: "json", value: leastOf(body.schema) } : null;
}

function exampleOf({ name, example, schema }: Parameter): unknown {
  return (
    example ??
    schema.example ??
    schema.default ??
    schema.enum?.[0] ??
    (schema.type === "integer" ? 0 : `YOUR_${name.toUpperCase()}`)
  );
}

/** The smallest value that fits a schema, where no call was recorded. */
function leastOf(schema: Schema): unknown {
  const { example, default: usual, enum: values, const: only, type, properties, required = [], anyOf, oneOf } = schema;
  const known = example ?? usual ?? only ?? values?.[0];
  if (known !== undefined) return known;
  const variant = (anyOf ?? oneOf)?.[0];
  if (variant !== undefined) return leastOf(variant);
  if (properties !== undefined)
    return Object.fromEntries(required.map((name) => [name, leastOf(properties[name] ?? {})]));
  switch (Array.isArray(type) ? type[0] : type) {
    case "integer":
    case "number":
      return schema.minimum ?? 1;
    case "boolean":
      return true;
    case "array":
      return [];
    case "object":
      return {};
    default:
      return "…";
  }
}

function curl({ method, url, headers, credential, body, answer }: Sent): string {
  const lines = [`curl ${/[?&]/.test(url) ? `"${url}"` : url}`];
  const isUsual = method === (body === null ? "GET" : "POST");
  if (!isUsual) lines[0] = `curl -X ${method} ${lines[0]?.slice("curl ".length)}`;
  if (credential !== null) lines.push(`-H "Authorization: Bearer $${credential}"`);
  for (const [name, value] of headers) lines.push(`-H ${shellText(`${name}: ${value}`)}`);
  if (body?.kind === "json") {
    lines.push(
      '-H "Content-Type: application/json"',
      `-d '${JSON.stringify(body.value, null, 2).replaceAll("'", "'\\''")}'`,
    );
  } else if (body !== null) lines.push(`--data-binary @${FILE}`);
  if (answer === "bytes") lines.push("-OJ");
  return lines.join(" \\\n  ");
}

/** Text for a shell, unchanged by it. */
function shellText(text: string): string {
  return /["$`\\!]/.test(text) ? `'${text.replaceAll("'", "'\\''")}'` : `"${text}"`;
}

const READ_FETCH = {
  json: "console.log(response.status, await response.json());",
  text: "console.log(response.status, await response.text());",
  bytes: "console.log(response.status, await response.bytes());",
  nothing: "console.log(response.status);",
};

function fetchCall({ method, url, headers, credential, body, answer }: Sent): string {
  const sent = headers.map(([name, value]) => `${/^\w+$/.test(name) ? name : `"${name}"`}: ${JSON.stringify(value)}`);
  if (credential !== null) sent.unshift(`Authorization: \`Bearer \${process.env.${credential}}\``);
  if (body?.kind === "json") sent.push('"Content-Type": "application/json"');
  const options = [
    ...(method === "GET" ? [] : [`method: "${method}"`]),
    ...(sent.length === 0 ? [] : [`headers: {\n    ${sent.join(",\n    ")},\n  }`]),
    ...(body?.kind === "json" ? [`body: JSON.stringify(${indented(JSON.stringify(body.value, null, 2), "  ")})`] : []),
    ...(body?.kind === "bytes" ? [`body: await readFile("${FILE}")`] : []),
  ];
  const lines = body?.kind === "bytes" ? ['import { readFile } from "node:fs/promises";', ""] : [];
  lines.push(
    options.length === 0
      ? `const response = await fetch("${url}");`
      : `const response = await fetch("${url}", {\n  ${options.join(",\n  ")},\n});`,
    READ_FETCH[answer],
  );
  return lines.join("\n");
}

const READ_PYTHON = {
  json: "print(response.status, json.load(response))",
  text: "print(response.status, response.read().decode())",
  bytes: "print(response.status, len(response.read()))",
  nothing: "print(response.status)",
};

function python({ method, url, headers, credential, body, answer }: Sent): string {
  const sent = headers.map(([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`);
  if (credential !== null) sent.unshift(`"Authorization": f"Bearer {os.environ['${credential}']}"`);
  if (body?.kind === "json") sent.push('"Content-Type": "application/json"');
  const options = [
    JSON.stringify(url),
    ...(method === "GET" ? [] : [`method="${method}"`]),
    ...(sent.length === 0 ? [] : [`headers={\n        ${sent.join(",\n        ")},\n    }`]),
    ...(body?.kind === "json" ? [`data=json.dumps(${indented(pythonText(body.value), "    ")}).encode()`] : []),
    ...(body?.kind === "bytes" ? [`data=open("${FILE}", "rb").read()`] : []),
  ];
  const needed = [
    ...(answer === "json" || body?.kind === "json" ? ["json"] : []),
    ...(credential === null ? [] : ["os"]),
    "urllib.request",
  ];
  return `import ${needed.join(", ")}

request = urllib.request.Request(
    ${options.join(",\n    ")},
)
with urllib.request.urlopen(request) as response:
    ${READ_PYTHON[answer]}`;
}

function pythonText(value: unknown, indent = ""): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value !== "object") return JSON.stringify(value);
  const inner = `${indent}    `;
  const entries = Object.entries(value);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  if (entries.length === 0) return `${open}${close}`;
  const items = entries.map(([name, each]) => {
    return `${inner}${Array.isArray(value) ? "" : `${JSON.stringify(name)}: `}${pythonText(each, inner)}`;
  });
  return `${open}\n${items.join(",\n")},\n${indent}${close}`;
}

function indented(text: string, by: string): string {
  return text.replaceAll("\n", `\n${by}`);
}

// Holds the layout: imports of src/ go one way, Hono stays at the edge, the sandbox stays outside, pure files stay pure. And that
// secrets are compared in one place: an ordinary compare tells by its time how much of a guess is right. Reads text, needs no dependency. Prints offenders as file:line and exits 1.

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

export interface Offence {
  file: string;
  line: number;
  reason: string;
}

/** Where a file stands. An import goes to the same folder or to a lower level; files at the root of src/ are the lowest. */
const LEVELS: Readonly<Record<string, number>> = {
  "index.ts": 8,
  "app.ts": 7,
  compat: 6,
  http: 5,
  requests: 4,
  uploads: 4,
  access: 3,
  upstream: 3,
  mirror: 2,
  // The account tells the operator.
  relay: 1.5,
  net: 1,
};
const LOWEST = 0;

/** What everybody may know as types: Durable Objects know each other through env.ts, and a request's words are shared. */
const SHARED_TYPES = ["env.ts", "requests/machine/types.ts"];
/** Areas that may know Hono. */
const EDGE = ["app.ts", "http", "compat"];

/** No I/O, no clock, no chance: what these decide can be tested as a table. */
export const PURE_FILES: readonly string[] = [
  "team/quota/counters.ts",
  "team/auth/credentials.ts",
  "team/cursor.ts",
  "team/endpoints/endpoint-health.ts",
  "team/endpoints/endpoint-rules.ts",
  "team/quota/input-rules.ts",
  "team/auth/issuers.ts",
  "models/measures.ts",
  "platform/money.ts",
  "team/quota/plan.ts",
  "team/quota/prices.ts",
  "team/uploads/upload-rules.ts",
  "team/quota/limits.ts",
  "team/usage/usage.ts",
  "compat/proxy-target.ts",
  "compat/words.ts",
  "files/data-uri.ts",
  "files/media-hosts.ts",
  "files/find-urls.ts",
  "webhooks/event-types.ts",
  "webhooks/event-body.ts",
  "webhooks/headers.ts",
  "webhooks/scrub.ts",
  "requests/machine/claims.ts",
  "requests/machine/deletion.ts",
  "requests/machine/deliveries.ts",
  "requests/view/deliveries.ts",
  "requests/machine/ends.ts",
  "requests/view/fal-failure.ts",
  "requests/machine/machine.ts",
  "requests/machine/transition.ts",
  "requests/machine/record.ts",
  "requests/machine/schedule.ts",
  "requests/machine/types.ts",
  "requests/machine/effect-types.ts",
  "requests/machine/events.ts",
  "upstream/client/connections.ts",
  "requests/view/waiting.ts",
  "models/durations.ts",
  "upstream/fair-queue.ts",
  "upstream/health.ts",
  "models/model-id.ts",
  "upstream/pace.ts",
  "upstream/scheduler.ts",
  "upstream/client/classify.ts",
];
const PURE_MAY_IMPORT = [...PURE_FILES, "errors.ts", "ids.ts", "json.ts", "limits.ts", "picomatch", "zod"];
const IMPURE = /\bDate\.now\(|\bnew Date\(\)|\bfetch\(|\bMath\.random\(|\bcrypto\.|\bconsole\.|\bawait\b/g;

/** Where secrets are compared; everybody else asks it. */
const COMPARES_SECRETS = "signing.ts";
const COMPARE = /([A-Za-z_$][\w$.?]*)\s*[!=]==?\s*([A-Za-z_$][\w$.?]*)/g;
const SECRET_NAME = /(?:secret|token|password|digest|signature|mark|hmac)$/i;
/** What a secret may be compared with: that tells only whether there is one. */
const NOTHING = /^(?:null|undefined)$/;
const CONSTANT_TIME = /\btimingSafeEqual\b/g;

const STATEMENT = /^[ \t]*(?:import|export)\s+(type\s+)?(?:[^"';]*?\bfrom\s*)?["']([^"']+)["']/gm;
const DYNAMIC = /\bimport\(\s*["']([^"']+)["']\s*\)/g;
const STRING_OR_COMMENT = /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;

/** Checks files of src/, given as path (from src/, with slashes) -> text. */
export function checkImports(files: ReadonlyMap<string, string>): Offence[] {
  return [...files].flatMap(([file, text]) => [
    ...checkFile(file, text),
    ...checkPurity(file, text),
    ...checkCompares(file, text),
  ]);
}

function checkFile(file: string, text: string): Offence[] {
  const code = blank(text, (token) => token.startsWith("/"));
  const offences: Offence[] = [];
  const judge = (index: number, target: string, typeOnly: boolean) => {
    const reason = faultOf(file, target, typeOnly);
    if (reason !== null) offences.push({ file, line: lineOf(code, index), reason });
  };
  for (const match of code.matchAll(STATEMENT)) {
    const [all, type, target = ""] = match;
    judge(match.index + all.length - 1, target, type !== undefined);
  }
  for (const match of code.matchAll(DYNAMIC)) judge(match.index, match[1] ?? "", false);
  return offences;
}

/** What is wrong with one import, or null. */
function faultOf(file: string, target: string, typeOnly: boolean): string | null {
  if (!target.startsWith(".")) {
    if (/^hono(\/|$)/.test(target) && !EDGE.includes(areaOf(file))) return "hono belongs to app, http and compat";
    return pureFault(file, target, typeOnly);
  }
  const to = normalize(join(dirname(file), target))
    .split(sep)
    .join("/");
  if (to.startsWith("../")) return `${target} leads out of src/`;
  if (!to.endsWith(".ts")) return `${target} lacks its .ts ending`;
  const [from, into] = [areaOf(file), areaOf(to)];
  const allowed =
    from === into || levelOf(from) > levelOf(into) || (typeOnly && (file === "env.ts" || SHARED_TYPES.includes(to)));
  const bothLowest = levelOf(from) === LOWEST && levelOf(into) === LOWEST;
  if (!allowed && !bothLowest) return `${from} may not import ${into}`;
  return pureFault(file, to, typeOnly);
}

function pureFault(file: string, target: string, typeOnly: boolean): string | null {
  if (typeOnly || !PURE_FILES.includes(file) || PURE_MAY_IMPORT.includes(target)) return null;
  return `a pure file may not import ${target}`;
}

function checkPurity(file: string, text: string): Offence[] {
  if (!PURE_FILES.includes(file)) return [];
  const code = blank(text, () => true);
  return [...code.matchAll(IMPURE)].map((match) => {
    return { file, line: lineOf(code, match.index), reason: `a pure file may not use ${match[0]}` };
  });
}

function checkCompares(file: string, text: string): Offence[] {
  if (file === COMPARES_SECRETS) return [];
  const code = blank(text, () => true);
  const compares = [...code.matchAll(COMPARE)].filter(([, one = "", other = ""]) => {
    return [one, other].some((name) => SECRET_NAME.test(name)) && ![one, other].some((name) => NOTHING.test(name));
  });
  return [...compares, ...code.matchAll(CONSTANT_TIME)].map((match) => {
    return { file, line: lineOf(code, match.index), reason: `${match[0]}: secrets are compared by sameSecret alone` };
  });
}

/** The text with the strings and comments that `which` picks turned into spaces, so that lines stay where they are. */
function blank(text: string, which: (token: string) => boolean): string {
  return text.replaceAll(STRING_OR_COMMENT, (token) => (which(token) ? token.replaceAll(/[^\n]/g, " ") : token));
}

function lineOf(text: string, index: number): number {
  return text.slice(0, index).split("\n").length;
}

/** The folder under src/, or the file's own name at the root. */
function areaOf(file: string): string {
  return file.split("/")[0] ?? file;
}

function levelOf(area: string): number {
  return LEVELS[area] ?? LOWEST;
}

/** Every TypeScript file under a folder, as `checkImports` takes them. */
export function readTree(folder: string): Map<string, string> {
  const paths = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".ts"));
  return new Map(paths.map((path) => [path.split(sep).join("/"), readFileSync(join(folder, path), "utf8")]));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = fileURLToPath(new URL("../src", import.meta.url).href);
  const offences = checkImports(readTree(folder));
  for (const { file, line, reason } of offences) {
    console.error(`${relative(process.cwd(), join(folder, file))}:${line} ${reason}`);
  }
  if (offences.length > 0) process.exitCode = 1;
}

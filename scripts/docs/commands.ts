// The commands of a Markdown page: what stands in its `sh` blocks, one statement each, and what is expected of it. Pure.

export interface Command {
  page: string;
  line: number;
  text: string;
  /** From a comment that begins with it (`# 204: …`); null: any success. */
  expected: number | null;
}

/** What the runner does with a command. `skip` says why it cannot run on a machine of its own. */
export type Plan = { kind: "run" } | { kind: "export" } | { kind: "skip"; why: string };

/** Commands that need more than a fresh state on this machine. Everything else has to run. */
const SKIPPED: readonly (readonly [RegExp, string])[] = [
  [/^npm start\b/, "the runner started it"],
  [/^MATON_API_KEY=/, "needs a Maton account"],
  [/^npm (?:test|run demo|ci)\b|^git pull\b/, "has tests of its own"],
  [/^npx wrangler\b/, "needs a Cloudflare account"],
  [/your-domain\.example/, "needs a deployment"],
];

export function planOf({ text }: Command): Plan {
  const skipped = SKIPPED.find(([pattern]) => pattern.test(text));
  if (skipped !== undefined) return { kind: "skip", why: skipped[1] };
  return text.startsWith("export ") ? { kind: "export" } : { kind: "run" };
}

export function commandsOf(page: string, markdown: string): Command[] {
  const commands: Command[] = [];
  let isShell = false;
  /** What stands before each line of a block inside a list item. */
  let indent = "";
  let open: { line: number; text: string } | null = null as { line: number; text: string } | null;
  for (const [index, whole] of markdown.split("\n").entries()) {
    const line: string = isShell && whole.startsWith(indent) ? whole.slice(indent.length) : whole;
    if (/^\s*```/.test(line)) {
      if (open !== null) throw new Error(`${page}:${open.line}: the block ends inside a command`);
      isShell = line.trim() === "```sh";
      indent = /^\s*/.exec(whole)?.[0] ?? "";
      continue;
    }
    if (!isShell || (open === null && /^\s*(#|$)/.test(line))) continue;
    open = open === null ? { line: index + 1, text: line } : { ...open, text: `${open.text}\n${line}` };
    if (isOpen(open.text)) continue;
    const comment = /\s#\s(.*)$/.exec(line)?.[1] ?? "";
    const expected = /^(\d{3})\b/.exec(comment)?.[1];
    commands.push({ page, ...open, expected: expected === undefined ? null : Number(expected) });
    open = null;
  }
  return commands;
}

/** Whether a statement goes on in the next line: a backslash at its end, or a quote that is not closed. */
function isOpen(text: string): boolean {
  let quote = "";
  for (let n = 0; n < text.length; n++) {
    const char = text[n] ?? "";
    if (char === "\\" && quote !== "'") n++;
    else if (quote === "" && (char === "'" || char === '"')) quote = char;
    else if (char === quote) quote = "";
    else if (quote === "" && char === "#" && /\s/.test(text[n - 1] ?? " ")) n = endOfLine(text, n);
  }
  return quote !== "" || /\\$/.test(text);
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf("\n", from);
  return end < 0 ? text.length : end;
}

// Holds the layout of src/: imports go one way along the stations, no files import each other in a circle, Hono stays at the
// edge, and Durable Objects know each other only by their contracts. Imports of types count like all others.

import { isPure } from "./purity.ts";
import { type Import, importsOf, type Offence, type SourceTree } from "./source.ts";

/** From the top down: a file imports from its own room or from a lower line. Rooms of one line do not know each other. */
const ORDER: readonly (readonly string[])[] = [
  ["index.ts"],
  ["app.ts"],
  ["compat", "mcp"],
  ["http"],
  ["requests/service", "uploads", "operate"],
  ["requests/engine", "team", "upstream"],
  ["upstream/client"],
  ["requests/view"],
  ["requests/machine"],
  ["files", "webhooks", "models"],
  ["net"],
  ["platform"],
];
/** Rooms inside a room: each may import the shared one, none another. */
const SUBROOMS = { room: "team", apart: ["auth", "usage", "endpoints", "uploads", "requests"], shared: "quota" };
/** Outside the order: types that cross between objects. Anybody may import them, and they take types from pure files only. */
const CONTRACTS = "contracts";
/** The classes of Durable Objects: the entry exports them, everybody else asks through a stub. */
const CLASSES = ["team/team.ts", "requests/engine/tracker.ts", "upstream/account.ts", "files/sweeper.ts"];
/** What takes half of a start when it is imported, and what loads it instead at the first call. */
const ON_DEMAND_PACKAGE = "zod";
const ON_DEMAND = "platform/on-demand.cjs";
/** Rooms that may know Hono. */
const EDGE = ["app.ts", "http", "compat"];

export function checkImports(tree: SourceTree): Offence[] {
  const faults = [...tree].flatMap(([file, text]) =>
    importsOf(file, text).flatMap((each) => {
      const reason = faultOf(file, each);
      return reason === null ? [] : [{ file, line: each.line, reason }];
    }),
  );
  return [...faults, ...circlesOf(tree).map(circleOffence)];
}

/** What is wrong with one import, or null. */
function faultOf(file: string, { target, specifier, typeOnly }: Import): string | null {
  const [from, into] = [roomOf(file), roomOf(target)];
  if (!specifier.startsWith(".")) {
    if (/^hono(\/|$)/.test(target) && !EDGE.includes(from)) return "hono belongs to app, http and compat";
    if (target === ON_DEMAND_PACKAGE && !typeOnly) return `${target} is evaluated on demand: ${ON_DEMAND} has it`;
    return null;
  }
  if (target.startsWith("../")) return `${specifier} leads out of src/`;
  if (!target.endsWith(".ts") && target !== ON_DEMAND) return `${specifier} lacks its .ts ending`;
  if (CLASSES.includes(target) && file !== "index.ts") {
    return `${target} is a Durable Object: import its contract, and ask it by platform/stubs.ts`;
  }
  if (into === CONTRACTS) return typeOnly ? null : "contracts hold types: import type";
  if (from === CONTRACTS)
    return isPure(target) && typeOnly ? null : `contracts take types from pure files, not ${target}`;
  if (levelOf(from) === -1) return `${from} stands in no line of the order (scripts/check/imports.ts)`;
  if (from !== into && levelOf(from) <= levelOf(into)) return `${from} may not import ${into}`;
  return subroomFault(file, target);
}

function subroomFault(file: string, target: string): string | null {
  const [room, from = ""] = file.split("/");
  const [toRoom, to = ""] = target.split("/");
  const { room: divided, apart, shared } = SUBROOMS;
  if (room !== divided || toRoom !== divided || from === to) return null;
  if (from === shared && apart.includes(to)) return `${divided}/${shared} may not import ${divided}/${to}`;
  return apart.includes(from) && apart.includes(to) ? `${divided}/${from} may not import ${divided}/${to}` : null;
}

/** The line of the order, by the longest name that fits: `requests/engine/effects/run-effect.ts` is in `requests/engine`. */
function roomOf(file: string): string {
  if (file.startsWith(`${CONTRACTS}/`)) return CONTRACTS;
  const rooms = ORDER.flat().filter((room) => file === room || file.startsWith(`${room}/`));
  return rooms.sort((a, b) => b.length - a.length)[0] ?? file.split("/")[0] ?? file;
}

function levelOf(room: string): number {
  const line = ORDER.findIndex((rooms) => rooms.includes(room));
  return line === -1 ? -1 : ORDER.length - line;
}

/** Groups of files that reach each other (Tarjan's strongly connected components), each in the order of its paths. */
export function circlesOf(tree: SourceTree): string[][] {
  const next = new Map([...tree].map(([file, text]) => [file, importsOf(file, text).map(({ target }) => target)]));
  const order = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const circles: string[][] = [];
  const visit = (file: string): void => {
    order.set(file, order.size);
    low.set(file, order.size - 1);
    stack.push(file);
    for (const target of next.get(file) ?? []) {
      if (!next.has(target)) continue;
      if (!order.has(target)) {
        visit(target);
        low.set(file, Math.min(low.get(file) ?? 0, low.get(target) ?? 0));
      } else if (stack.includes(target)) {
        low.set(file, Math.min(low.get(file) ?? 0, order.get(target) ?? 0));
      }
    }
    if (low.get(file) !== order.get(file)) return;
    const circle = stack.splice(stack.indexOf(file));
    if (circle.length > 1) circles.push(circle.sort());
  };
  for (const file of next.keys()) if (!order.has(file)) visit(file);
  return circles;
}

function circleOffence(circle: string[]): Offence {
  return { file: circle[0] ?? "", line: 1, reason: `a circle of ${circle.length} files: ${circle.join(", ")}` };
}

// `npm run bench:parse`: what reading JSON costs at one and at ten times its size: outputs that are mostly numbers, bodies with very
// many names under a plan with ten rules. Linear means ten times as much. Writes the table to docs/figures.md.

import { findFiles } from "../src/files/find-urls.ts";
import { printTree, readJson } from "../src/platform/json.ts";
import { applyInputRules } from "../src/team/quota/input-rules.ts";
import { parseReport } from "../src/upstream/client/classify.ts";
import { provenance, table, writeSection } from "./figures.ts";
import { median } from "./numbers.ts";

const ROUNDS = 7;
const MEBIBYTE = 1024 * 1024;
const RULES = Array.from({ length: 10 }, (_, n) => `rule_${n}`);

const numbers = (count: number) => {
  const list = Array.from({ length: count }, (_, n) => `0.${String((n * 7_919) % 1_000_000).padStart(6, "0")}`);
  return `{"embedding":[${list.join(",")}],"image":{"url":"https://v3.fal.media/files/a.png"}}`;
};
const names = (count: number) => `{${Array.from({ length: count }, (_, n) => `"Key-${n}":${n}`).join(",")}}`;
const report = (count: number) => {
  return `{"request_id":"11111111-1111-4111-8111-111111111111","status":"OK","payload":${numbers(count)}}`;
};

const works: {
  what: string;
  sizes: [number, number];
  textOf: (count: number) => string;
  work: (text: string) => void;
}[] = [
  {
    what: "output of numbers: files found, places set (`findFiles`)",
    sizes: [40_000, 400_000],
    textOf: numbers,
    work: (text) => void findFiles(text, () => true, 1_000).withPlaces((n) => `/${n}`),
  },
  {
    what: "webhook with such an output (`parseReport`)",
    sizes: [40_000, 400_000],
    textOf: report,
    work: (text) => void parseReport(text),
  },
  {
    what: "body with many names: the engine's own `JSON.parse`, for comparison",
    sizes: [19_000, 190_000],
    textOf: names,
    work: (text) => void JSON.parse(text),
  },
  {
    what: "the same: tree, duplicate names (`readJson`), printed",
    sizes: [19_000, 190_000],
    textOf: names,
    work: (text) => {
      const parsed = readJson(text);
      if (parsed.kind === "parsed") printTree(parsed.tree);
    },
  },
  {
    what: "the same under a plan with ten rules (`applyInputRules`)",
    sizes: [19_000, 190_000],
    textOf: names,
    work: (text) => {
      const parsed = readJson(text);
      const max = Object.fromEntries(RULES.map((name) => [name, 1]));
      if (parsed.kind === "parsed") applyInputRules({ forbid: RULES, force: {}, max }, parsed.tree, "demo");
    },
  },
];

const rows = works.map(({ what, sizes, textOf, work }) => {
  const [once, tenfold] = sizes.map((count) => {
    const text = textOf(count);
    const times = Array.from({ length: ROUNDS }, () => {
      const before = process.cpuUsage();
      work(text);
      const { user, system } = process.cpuUsage(before);
      return (user + system) / 1_000;
    });
    return { mebibytes: text.length / MEBIBYTE, ms: median(times) };
  });
  if (once === undefined || tenfold === undefined) throw new Error("there are two sizes");
  const sized = [once, tenfold].flatMap(({ mebibytes, ms }) => [mebibytes.toFixed(2), ms.toFixed(1)]);
  return [what, ...sized, (tenfold.ms / once.ms).toFixed(1)];
});
const result = `${table(["what is read", "MiB", "CPU ms", "MiB, tenfold", "CPU ms, tenfold", "times as much"], rows)}

Medians of ${ROUNDS} rounds in Node, whose engine is the Workers runtime's. Outputs are read without a tree of them. An object
with very many names is a hash table that outgrows the processor's caches: the engine's own parser pays for it too.`;
console.log(result);
writeSection("Reading JSON", `${provenance("npm run bench:parse")}\n\n${result}`);

// A plain SVG of lines over a linear and a logarithmic axis, for pages that people would rather look at than read. Pure.

export interface Line {
  name: string;
  colour: string;
  points: readonly { x: number; y: number }[];
  /** Where it bends: marked, with this text. */
  knee: { x: number; text: string } | null;
}

export interface Chart {
  title: string;
  xTitle: string;
  yTitle: string;
  /** Marks of the axes; the first and the last are their ends. All of y is above 0. */
  xMarks: readonly number[];
  yMarks: readonly { at: number; text: string }[];
  lines: readonly Line[];
}

const [WIDTH, HEIGHT] = [880, 500];
const PLOT = { left: 70, right: 650, top: 56, bottom: 436 };
const LABEL_GAP = 18;
const KNEE_GAP = 36;

export function svgOf(chart: Chart): string {
  const [x0 = 0, x1 = 1] = [chart.xMarks[0], chart.xMarks.at(-1)];
  const [y0 = 1, y1 = 10] = [chart.yMarks[0]?.at, chart.yMarks.at(-1)?.at];
  const left = (x: number) => PLOT.left + ((x - x0) / (x1 - x0)) * (PLOT.right - PLOT.left);
  const part = (y: number) => Math.log(Math.min(y1, Math.max(y0, y)) / y0) / Math.log(y1 / y0);
  const top = (y: number) => PLOT.bottom - part(y) * (PLOT.bottom - PLOT.top);
  const marks = [
    ...chart.xMarks.map((x) => text(left(x), PLOT.bottom + 20, String(x), "middle")),
    ...chart.yMarks.flatMap(({ at, text: label }) => [
      `<line x1="${PLOT.left}" x2="${PLOT.right}" y1="${px(top(at))}" y2="${px(top(at))}" stroke="#ddd"/>`,
      text(PLOT.left - 8, top(at) + 4, label, "end"),
    ]),
  ];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="13" fill="#222" role="img">
<title>${escaped(chart.title)}</title>
<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>
${text(PLOT.left, 26, chart.title, "start", 'font-size="16" font-weight="bold"')}
${text(PLOT.left, 46, chart.yTitle, "start", 'fill="#666"')}
${text((PLOT.left + PLOT.right) / 2, HEIGHT - 18, chart.xTitle, "middle", 'fill="#666"')}
${marks.join("\n")}
<line x1="${PLOT.left}" x2="${PLOT.right}" y1="${PLOT.bottom}" y2="${PLOT.bottom}" stroke="#222"/>
${chart.lines.map((line, n) => lineOf(line, near(chart.lines.slice(0, n), line, left), left, top)).join("\n")}
${labels(chart.lines, top)}
</svg>
`;
}

/** How many of the lines before bend so near to this one that their texts would lie on each other. */
function near(before: readonly Line[], { knee }: Line, left: (x: number) => number): number {
  if (knee === null) return 0;
  return before.filter((other) => other.knee !== null && Math.abs(left(other.knee.x) - left(knee.x)) < LABEL_GAP)
    .length;
}

/** The text of its knee stands as many steps lower. */
function lineOf(
  { colour, points, knee }: Line,
  steps: number,
  left: (x: number) => number,
  top: (y: number) => number,
): string {
  const path = points.map(({ x, y }) => `${px(left(x))},${px(top(y))}`).join(" ");
  const line = `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2.5" stroke-linejoin="round"/>`;
  if (knee === null) return line;
  const at = px(left(knee.x));
  return `${line}
<line x1="${at}" x2="${at}" y1="${PLOT.top}" y2="${PLOT.bottom}" stroke="${colour}" stroke-dasharray="3 4"/>
<text x="${at}" y="${PLOT.bottom - 6}" fill="${colour}" text-anchor="end" transform="rotate(-90 ${at} ${PLOT.bottom - 6}) translate(${PLOT.bottom - PLOT.top - 8 - KNEE_GAP * steps} -5)">${escaped(knee.text)}</text>`;
}

/** Names beside the ends of the lines, pushed apart where they would lie on each other. */
function labels(lines: readonly Line[], top: (y: number) => number): string {
  const wanted = lines.map((line) => ({ line, y: top(line.points.at(-1)?.y ?? 1) + 4 })).sort((a, b) => a.y - b.y);
  let last = Number.NEGATIVE_INFINITY;
  return wanted
    .map(({ line, y }) => {
      last = Math.max(y, last + LABEL_GAP);
      return text(PLOT.right + 10, last, line.name, "start", `fill="${line.colour}" font-weight="bold"`);
    })
    .join("\n");
}

function text(x: number, y: number, words: string, anchor: "start" | "middle" | "end", more = ""): string {
  return `<text x="${px(x)}" y="${px(y)}" text-anchor="${anchor}" ${more}>${escaped(words)}</text>`;
}

function px(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function escaped(words: string): string {
  return words.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

// Sentences of the description as markup, and code with its strings and numbers marked.

import type { ComponentChildren, VNode } from "preact";

/** A sentence; what stands in backticks becomes code. */
export function Words({ text }: { text: string }): VNode {
  const parts = text.split("`");
  return <>{parts.map((part, n) => (n % 2 === 0 ? part : <code key={n}>{part}</code>))}</>;
}

const TOKEN = /("(?:\\.|[^"\\])*")(\s*:)?|(?<![\w.-])(-?\d+(?:\.\d+)?|true|false|null)(?![\w.-])/g;
/** Above this many lines code scrolls within its frame. */
const LONG_LINES = 26;

/** JSON: names stay as they are, strings are `i`, numbers and literals `b`: short tags, because there are many. */
export function Json({ value }: { value: unknown }): VNode {
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  return <Frame lines={text.split("\n").length}>{typeof value === "string" ? text : marked(text)}</Frame>;
}

export function Frame({ children, lines }: { children: ComponentChildren; lines: number }): VNode {
  if (lines <= LONG_LINES) {
    return (
      <pre>
        <code>{children}</code>
      </pre>
    );
  }
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so it has to be reachable by keyboard.
    <pre class="long" tabIndex={0}>
      <code>{children}</code>
    </pre>
  );
}

/** Code with its strings, numbers and literals marked. */
export function marked(text: string): ComponentChildren[] {
  const parts: ComponentChildren[] = [];
  let end = 0;
  for (const { 0: all, 1: quoted, 2: colon, 3: literal, index } of text.matchAll(TOKEN)) {
    parts.push(text.slice(end, index));
    if (literal !== undefined) parts.push(<b>{literal}</b>);
    else if (colon !== undefined) parts.push(all);
    else parts.push(<i>{quoted}</i>);
    end = index + all.length;
  }
  return [...parts, text.slice(end)];
}

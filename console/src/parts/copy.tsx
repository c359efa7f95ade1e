// Copying to the clipboard, and ids that are shown short and copied whole.

import { useState } from "preact/hooks";
import { announce } from "../shell/announce.ts";
import { shortId } from "./format.ts";
import { Icon } from "./icon.tsx";

const SHOWN_MS = 1_600;

/** Puts text on the clipboard; false where the browser does not allow it. */
export async function copyText(text: string, what: string): Promise<boolean> {
  const isCopied = await navigator.clipboard.writeText(text).then(
    () => true,
    () => false,
  );
  announce(isCopied ? `${what} copied` : "The browser does not allow copying. Select the text instead.");
  return isCopied;
}

export function CopyButton({ text, what, label }: { text: string; what: string; label?: string }) {
  const [isDone, setDone] = useState(false);
  const copy = async () => {
    if (!(await copyText(text, what))) return;
    setDone(true);
    setTimeout(() => setDone(false), SHOWN_MS);
  };
  return (
    <button
      type="button"
      class={label === undefined ? "icon-button" : "button"}
      onClick={copy}
      {...(label === undefined ? { "aria-label": `Copy ${what}`, title: `Copy ${what}` } : {})}
    >
      <Icon name={isDone ? "check" : "copy"} size={14} />
      {label === undefined ? null : isDone ? "Copied" : label}
    </button>
  );
}

/** An id, short, with a button that copies it whole; a link where it opens something. */
export function Id({ id, href, what = "id" }: { id: string; href?: string | undefined; what?: string }) {
  return (
    <span class="id">
      {href === undefined ? (
        <code title={id}>{shortId(id)}</code>
      ) : (
        <a href={href}>
          <code title={id}>{shortId(id)}</code>
        </a>
      )}
      <CopyButton text={id} what={what} />
    </span>
  );
}

/** Code with a copy button; keys in it are always a variable. */
export function CodeBlock({ text, what = "command" }: { text: string; what?: string }) {
  return (
    <div class="code-block">
      <pre>
        <code>{text}</code>
      </pre>
      <CopyButton text={text} what={what} />
    </div>
  );
}

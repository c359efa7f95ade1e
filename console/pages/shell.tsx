// What every public page has: head, bar, and the address that stands for the deployment's own until a script fills it in.

import type { ComponentChildren, VNode } from "preact";
import { render } from "preact-render-to-string";

/** Stands for the deployment's address in samples; the scripts of the pages replace it by their own (address.ts). */
export const ADDRESS = "https://sluice.example";

/** URL of a script or style by its name, as bundle.ts has named it. */
export type Assets = ReadonlyMap<string, string>;

interface Page {
  /** Name of its script and style in `browser/`. */
  name: string;
  title: string;
  description: string;
  assets: Assets;
  children: ComponentChildren;
}

/** A whole HTML document, without inline script or style: the content security policy refuses both. */
export function htmlPage({ name, title, description, assets, children }: Page): string {
  const asset = (file: string): string => {
    const url = assets.get(file);
    if (url === undefined) throw new Error(`There is no asset ${file}`);
    return url;
  };
  const page = (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>{title}</title>
        <meta name="description" content={description} />
        <link rel="icon" href="/icon.svg" type="image/svg+xml" />
        <link rel="stylesheet" href={asset(`${name}.css`)} />
        <script type="module" src={asset(`${name}.js`)} />
      </head>
      <body>{children}</body>
    </html>
  );
  return `<!doctype html>\n${render(page)}\n`;
}

/** The bar at the top: name, and the ways to the other pages. */
export function Bar({ here, children }: { here: "start" | "docs"; children?: ComponentChildren }): VNode {
  const links = [
    { name: "docs", href: "/docs", text: "Reference" },
    { name: "console", href: "/console/", text: "Console" },
    { name: "agents", href: "/llms.txt", text: "llms.txt" },
  ];
  return (
    <header class="bar">
      <a class="brand" href="/" aria-current={here === "start" ? "page" : undefined}>
        <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
          <path d="M2 3h12M2 8h8M2 13h12" />
        </svg>
        Sluice
      </a>
      {children}
      <nav class="ways" aria-label="Pages">
        {links.map(({ name, href, text }) => (
          <a key={name} href={href} aria-current={name === here ? "page" : undefined}>
            {text}
          </a>
        ))}
      </nav>
    </header>
  );
}

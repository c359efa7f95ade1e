// Where the reader is: the screen of a path, filters in the query, and the title of the page.

import { useEffect } from "preact/hooks";
import { useLocation } from "preact-iso";
import { queryText } from "./query.ts";
import { SCREENS, type ScreenEntry } from "./screens.ts";

export function screenOf(path: string): ScreenEntry | null {
  return SCREENS.find((screen) => path === screen.path || path.startsWith(`${screen.path}/`)) ?? null;
}

/** The query of these names, and a way to change it: no value takes a name out. Other names stay. */
export function useQuery<N extends string>(
  names: readonly N[],
): [Partial<Record<N, string>>, (changes: Partial<Record<N, string | null>>) => void] {
  const { path, query, route } = useLocation();
  const values: Partial<Record<N, string>> = {};
  for (const name of names) {
    const value = query[name];
    if (value !== undefined && value !== "") values[name] = value;
  }
  const change = (changes: Partial<Record<N, string | null>>) => {
    route(path + queryText({ ...query, ...changes }), true);
  };
  return [values, change];
}

/** Names the page, and moves the focus to the heading of a new screen, so that readers hear where they are. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Sluice`;
  }, [title]);
  useEffect(() => {
    const active = document.activeElement;
    if (active === null || active === document.body || active.closest("nav") !== null) {
      document.querySelector<HTMLElement>("main h1")?.focus({ preventScroll: true });
    }
  }, []);
}

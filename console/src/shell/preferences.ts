// What a browser remembers of its reader's taste: the theme, and whether single keys work. No secret, no data of a team.

import { signal } from "@preact/signals";

const PREFIX = "sluice.";

export interface Preference<T extends string> {
  value: T;
  set(value: T): void;
}

/** A preference with a closed list of values, the first being the default. */
export function preference<const T extends string>(name: string, values: readonly [T, ...T[]]): Preference<T> {
  const stored = values.find((value) => value === localStorage.getItem(PREFIX + name));
  const state = signal<T>(stored ?? values[0]);
  return {
    get value() {
      return state.value;
    },
    set(value) {
      state.value = value;
      if (value === values[0]) localStorage.removeItem(PREFIX + name);
      else localStorage.setItem(PREFIX + name, value);
    },
  };
}

export const singleKeys = preference("keys", ["on", "off"]);

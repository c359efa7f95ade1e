// A read of the API as a screen uses it: loading, full or failed; old data stays while newer is awaited, and after a failure.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { credentialRound } from "../session/credential.ts";
import { type Answer, callApi } from "./client.ts";
import type { Problem } from "./problem.ts";

export interface Resource<T> {
  data: T | null;
  problem: Problem | null;
  isLoading: boolean;
  /** When `data` was read, epoch ms. */
  readAt: number;
  reload: () => Promise<void>;
  /** Puts an answer in place that a change has already returned. */
  replace: (data: T) => void;
}

/** Reads `path` now, again when it changes, and again on `reload`. Null reads nothing. */
export function useResource<T>(path: string | null): Resource<T> {
  return useLoaded<T>(path, (where, signal) => callApi<T>("GET", where, { signal }));
}

/** As `useResource`, with another way to read. What was read under another name is dropped at once. */
export function useLoaded<T>(
  name: string | null,
  load: (name: string, signal: AbortSignal) => Promise<Answer<T>>,
): Resource<T> {
  const [state, setState] = useState<{ name: string | null; data: T | null; problem: Problem | null; readAt: number }>({
    ...{ name, data: null, problem: null, readAt: 0 },
  });
  const [isLoading, setLoading] = useState(name !== null);
  const running = useRef<AbortController | null>(null);
  const loader = useRef(load);
  loader.current = load;
  const round = credentialRound.value;

  const reload = useCallback(async () => {
    if (name === null) return;
    running.current?.abort();
    const controller = new AbortController();
    running.current = controller;
    setLoading(true);
    const answer = await loader.current(name, controller.signal);
    if (controller.signal.aborted) return;
    setLoading(false);
    if (answer.ok) setState({ name, data: answer.data, problem: null, readAt: Date.now() });
    else setState((old) => ({ ...old, name, data: old.name === name ? old.data : null, problem: answer.problem }));
  }, [name]);

  useEffect(() => {
    void reload();
    return () => running.current?.abort();
  }, [reload, round]);

  const isCurrent = state.name === name;
  return {
    data: isCurrent ? state.data : null,
    problem: isCurrent ? state.problem : null,
    isLoading: isLoading || (!isCurrent && name !== null),
    readAt: state.readAt,
    reload,
    replace: (data) => setState({ name, data, problem: null, readAt: Date.now() }),
  };
}

// The states of a screen besides full: loading, empty (teaches the next step), failed (says what and what to do).

import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Problem } from "../api/problem.ts";
import type { Resource } from "../api/resource.ts";
import { now } from "./clock.ts";
import { CodeBlock, CopyButton } from "./copy.tsx";
import { agoText } from "./format.ts";
import { Icon, type IconName } from "./icon.tsx";

/** A shorter wait shows nothing, so that quick answers do not flicker. */
const SKELETON_AFTER_MS = 150;

/** Grey rows of the true height, so that nothing jumps when the data comes. */
export function Skeleton({ rows = 8 }: { rows?: number }) {
  const [isShown, setShown] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setShown(true), SKELETON_AFTER_MS);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div class="skeleton" aria-busy="true">
      <span class="hidden-text">Loading</span>
      {isShown ? Array.from({ length: rows }, (_, row) => <div key={row} class="skeleton-row" />) : null}
    </div>
  );
}

export function Empty({
  icon,
  title,
  children,
  action,
  curl,
}: {
  icon: IconName;
  title: string;
  children?: ComponentChildren;
  action?: ComponentChildren;
  /** The same over the API. */
  curl?: string;
}) {
  return (
    <div class="empty">
      <Icon name={icon} size={20} />
      <h2>{title}</h2>
      {children === undefined ? null : <p>{children}</p>}
      {action === undefined ? null : <div class="actions">{action}</div>}
      {curl === undefined ? null : <CodeBlock text={curl} />}
    </div>
  );
}

export function ProblemNote({
  problem,
  retry,
  readAt = 0,
}: {
  problem: Problem;
  retry?: (() => unknown) | undefined;
  /** When the data beside it was read. */
  readAt?: number;
}) {
  const { title, detail, hint, code, requestId } = problem;
  return (
    <div class="problem" role="alert">
      <Icon name="circle-alert" />
      <div>
        <p class="problem-title">{title}</p>
        {detail === "" ? null : <p>{detail}</p>}
        {hint === null ? null : <p class="soft">{hint}</p>}
        <p class="problem-meta">
          <a href="/docs#errors" target="_blank" rel="noopener noreferrer">
            <code>{code}</code>
          </a>
          {requestId === null ? null : (
            <span class="id">
              call <code>{requestId}</code>
              <CopyButton text={requestId} what="call id" />
            </span>
          )}
          {readAt > 0 ? <span>Shown: {agoText(new Date(readAt).toISOString(), now.value)}</span> : null}
        </p>
      </div>
      {retry === undefined ? null : (
        <button type="button" class="button" onClick={() => void retry()}>
          Retry
        </button>
      )}
    </div>
  );
}

/** The state of a resource around what shows its data. */
export function Loaded<T>({
  resource,
  rows,
  children,
}: {
  resource: Resource<T>;
  rows?: number;
  children: (data: T) => ComponentChildren;
}) {
  const { data, problem, isLoading, reload, readAt } = resource;
  if (data === null) {
    if (problem !== null && !isLoading) return <ProblemNote problem={problem} retry={reload} />;
    return <Skeleton {...(rows === undefined ? {} : { rows })} />;
  }
  return (
    <>
      {problem === null ? null : <ProblemNote problem={problem} retry={reload} readAt={readAt} />}
      <div class={problem === null ? "" : "stale"}>{children(data)}</div>
    </>
  );
}

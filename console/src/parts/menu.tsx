// A button that opens a short list of actions; closes on choice, Escape and a click elsewhere.

import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

export function Menu({
  button,
  label,
  children,
  className = "",
  up = false,
}: {
  button: ComponentChildren;
  label: string;
  children: ComponentChildren;
  className?: string;
  up?: boolean;
}) {
  const details = useRef<HTMLDetailsElement>(null);
  useEffect(() => {
    const onClick = ({ target }: MouseEvent) => {
      const element = details.current;
      if (!element?.open || !(target instanceof Element)) return;
      // What only sets something leaves the menu open, to compare.
      const isChoice = target.closest("button, a") !== null && target.closest("fieldset") === null;
      if (!element.contains(target) || isChoice) element.open = false;
    };
    const onKey = ({ key }: KeyboardEvent) => {
      const element = details.current;
      if (!element?.open || key !== "Escape") return;
      element.open = false;
      element.querySelector("summary")?.focus();
    };
    document.addEventListener("click", onClick);
    document.addEventListener("keydown", onKey);
    return () => {
      document.removeEventListener("click", onClick);
      document.removeEventListener("keydown", onKey);
    };
  }, []);
  return (
    <details ref={details} class={up ? "menu up" : "menu"}>
      <summary class={className} aria-label={label} title={label}>
        {button}
      </summary>
      <div class="menu-panel">{children}</div>
    </details>
  );
}

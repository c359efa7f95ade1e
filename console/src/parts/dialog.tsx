// Dialogs of the platform: focus goes in, stays, and comes back to what opened them. On phones a sheet over the whole screen.

import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { Icon } from "./icon.tsx";

export interface DialogProps {
  title: string;
  /** Asks to close; the owner decides, and stops rendering the dialog. */
  onClose: () => void;
  children: ComponentChildren;
  wide?: boolean;
  /** Without a way out but its own buttons. */
  mustAnswer?: boolean;
}

export function Dialog({ title, onClose, children, wide = false, mustAnswer = false }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  // In the same step as the change: a passive effect ran after the opener had lost its focus, or after the dialog was gone.
  useLayoutEffect(() => {
    const opener = document.activeElement;
    const element = dialog.current;
    if (element?.open === false) element.showModal();
    // What is to be filled in comes first, not the way out.
    element?.querySelector<HTMLElement>("input:not([readonly]), select, textarea")?.focus();
    return () => {
      element?.close();
      if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      class={wide ? "dialog wide" : "dialog"}
      aria-label={title}
      onCancel={(event) => {
        event.preventDefault();
        if (!mustAnswer) onClose();
      }}
      onClick={(event) => {
        if (event.target === dialog.current && !mustAnswer) onClose();
      }}
      onKeyDown={(event) => {
        // Chromium closes a dialog on the second Escape whatever `cancel` says.
        if (event.key === "Escape") {
          event.preventDefault();
          event.stopPropagation();
          if (!mustAnswer) onClose();
        }
      }}
    >
      <div class="dialog-box">
        <header>
          <h2>{title}</h2>
          {mustAnswer ? null : (
            <button type="button" class="icon-button" aria-label="Close" onClick={onClose}>
              <Icon name="x" />
            </button>
          )}
        </header>
        {children}
      </div>
    </dialog>
  );
}

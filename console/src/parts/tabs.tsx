// Tabs by the ARIA pattern, whose open one is in the URL. Arrow keys move and open.

export interface Tab<N extends string> {
  name: N;
  label: string;
  /** A short note beside the label: a count, a mark. */
  note?: string | undefined;
}

export function Tabs<N extends string>({
  tabs,
  open,
  onOpen,
  label,
}: {
  tabs: readonly Tab<N>[];
  open: N;
  onOpen: (name: N) => void;
  label: string;
}) {
  const move = (event: KeyboardEvent) => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (step === 0) return;
    event.preventDefault();
    const at = tabs.findIndex((tab) => tab.name === open);
    const next = tabs[(at + step + tabs.length) % tabs.length];
    if (next === undefined) return;
    onOpen(next.name);
    document.getElementById(`tab-${next.name}`)?.focus();
  };
  return (
    <div class="tabs" role="tablist" aria-label={label} onKeyDown={move}>
      {tabs.map(({ name, label: text, note }) => (
        <button
          key={name}
          type="button"
          role="tab"
          id={`tab-${name}`}
          aria-selected={name === open}
          aria-controls={`panel-${name}`}
          tabIndex={name === open ? 0 : -1}
          onClick={() => onOpen(name)}
        >
          {text}
          {note === undefined ? null : <span class="tab-note">{note}</span>}
        </button>
      ))}
    </div>
  );
}

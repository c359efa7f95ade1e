// A secret that is shown once: copy first, and no way out by accident.

import { useEffect, useState } from "preact/hooks";
import { copyText } from "../../parts/copy.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { Icon } from "../../parts/icon.tsx";

export function SecretField({ secret, onCopied }: { secret: string; onCopied: () => void }) {
  const [isCopied, setCopied] = useState(false);
  useEffect(() => {
    if (isCopied) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener("beforeunload", ask);
    return () => removeEventListener("beforeunload", ask);
  }, [isCopied]);
  return (
    <div class="secret">
      <input readOnly value={secret} aria-label="Secret" onFocus={(event) => event.currentTarget.select()} />
      <button
        type="button"
        class="button primary"
        onClick={async () => {
          if (!(await copyText(secret, "Secret"))) return;
          setCopied(true);
          onCopied();
        }}
      >
        <Icon name={isCopied ? "check" : "copy"} size={14} />
        {isCopied ? "Copied" : "Copy"}
      </button>
    </div>
  );
}

export function Secret({ title, secret, onClose }: { title: string; secret: string; onClose: () => void }) {
  const [isCopied, setCopied] = useState(false);
  const [isAsking, setAsking] = useState(false);
  const leave = () => (isCopied || isAsking ? onClose() : setAsking(true));
  return (
    <Dialog title={title} onClose={leave}>
      <div class="stack">
        <p>It is shown this once and stored as a digest alone.</p>
        <SecretField secret={secret} onCopied={() => setCopied(true)} />
        {isAsking && !isCopied ? (
          <p class="field-fault" role="alert">
            Not copied. Closing now loses the secret; rotate the key to get another.
          </p>
        ) : null}
        <footer>
          <button type="button" class="button" onClick={leave}>
            {isAsking && !isCopied ? "Close without copying" : "Done"}
          </button>
        </footer>
      </div>
    </Dialog>
  );
}

// After a deployment, an open tab asks for scripts that are gone: it offers to load the page anew instead of failing.

import { useEffect, useState } from "preact/hooks";

export function Updates() {
  const [isStale, setStale] = useState(false);
  useEffect(() => {
    const onGone = (event: Event) => {
      event.preventDefault();
      setStale(true);
    };
    addEventListener("vite:preloadError", onGone);
    return () => removeEventListener("vite:preloadError", onGone);
  }, []);
  if (!isStale) return null;
  return (
    <div class="update-note" role="alert">
      <p>A new version is there. Without "keep in this tab", the key is asked for again.</p>
      <button type="button" class="button primary" onClick={() => location.reload()}>
        Reload
      </button>
    </div>
  );
}

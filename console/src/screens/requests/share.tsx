// Links to the files of a request that need no key and end.

import { useState } from "preact/hooks";
import { callApi } from "../../api/client.ts";
import type { Problem } from "../../api/problem.ts";
import { useResource } from "../../api/resource.ts";
import { CodeBlock } from "../../parts/copy.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { ProblemNote } from "../../parts/states.tsx";
import { Time } from "../../parts/time.tsx";

interface ShareLink {
  id: string;
  expires_at: string;
  files: { n: number; path: string; url: string }[];
}

const DAY_S = 86_400;
const LIVES = [
  [DAY_S, "1 day"],
  [7 * DAY_S, "7 days"],
  [30 * DAY_S, "30 days"],
  [365 * DAY_S, "1 year"],
] as const;

export function Share({ id, onClose }: { id: string; onClose: () => void }) {
  const path = `/v1/requests/${id}/shares`;
  const shares = useResource<{ data: ShareLink[] }>(path);
  const [life, setLife] = useState<number>(7 * DAY_S);
  const [problem, setProblem] = useState<Problem | null>(null);
  const change = async (method: "POST" | "DELETE", where: string, body?: unknown) => {
    const answer = await callApi(method, where, { body });
    setProblem(answer.ok ? null : answer.problem);
    await shares.reload();
  };
  return (
    <Dialog title="Share the files" onClose={onClose} wide>
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void change("POST", path, { expires_in_s: life });
        }}
      >
        <p class="soft">Whoever has a link can open the file until it ends or is revoked.</p>
        <div class="actions">
          <label>
            <span class="hidden-text">Ends after</span>
            <select value={life} onChange={(event) => setLife(Number(event.currentTarget.value))}>
              {LIVES.map(([seconds, word]) => (
                <option key={seconds} value={seconds}>
                  {word}
                </option>
              ))}
            </select>
          </label>
          <button type="submit" class="button primary">
            Create links
          </button>
        </div>
        {problem === null ? null : <ProblemNote problem={problem} />}
        {(shares.data?.data ?? []).map((share) => (
          <div key={share.id} class="stack tight">
            <div class="row-between">
              <span class="soft">
                Ends <Time at={share.expires_at} />
              </span>
              <button type="button" class="button quiet" onClick={() => void change("DELETE", `${path}/${share.id}`)}>
                Revoke
              </button>
            </div>
            <CodeBlock text={share.files.map(({ url }) => url).join("\n")} what="links" />
          </div>
        ))}
      </form>
    </Dialog>
  );
}

// A button that saves an answer of the API as a CSV file.

import { useState } from "preact/hooks";
import { readText } from "../api/client.ts";
import type { Problem } from "../api/problem.ts";
import { Icon } from "./icon.tsx";
import { ProblemNote } from "./states.tsx";

/** First of the file: Excel reads one without it in the code page of the machine. */
const BYTE_ORDER_MARK = "\uFEFF";

/** A link cannot carry the key, so the text is read and given to the browser as a file. */
export function CsvButton({ path, name }: { path: string; name: string }) {
  const [problem, setProblem] = useState<Problem | null>(null);
  const save = async () => {
    const answer = await readText(path);
    setProblem(answer.ok ? null : answer.problem);
    if (!answer.ok) return;
    const url = URL.createObjectURL(new Blob([BYTE_ORDER_MARK, answer.data], { type: "text/csv" }));
    const link = document.createElement("a");
    link.href = url;
    link.download = name;
    link.click();
    URL.revokeObjectURL(url);
  };
  return (
    <>
      {problem === null ? null : <ProblemNote problem={problem} />}
      <button type="button" class="button" onClick={save}>
        <Icon name="download" size={14} />
        CSV
      </button>
    </>
  );
}

// The input as it went to fal, byte for byte: with the plan's forced values in it, and data URIs as the URLs that took their place.

import { readText } from "../../api/client.ts";
import { useLoaded } from "../../api/resource.ts";
import { CodeBlock } from "../../parts/copy.tsx";
import { Empty, Loaded } from "../../parts/states.tsx";
import { laidOut } from "./laid-out.ts";

export function InputTab({ id }: { id: string }) {
  const input = useLoaded<string>(`/v1/requests/${id}/input`, readText);
  if (input.problem?.code === "gone") {
    return (
      <Empty icon="archive" title="The input is no longer kept">
        {input.problem.detail}
      </Empty>
    );
  }
  return (
    <Loaded resource={input} rows={4}>
      {(text) => (
        <div class="stack tight">
          <CodeBlock text={laidOut(text)} what="input" />
          <p class="field-hint">
            As it went upstream: values that the plan forces are in it, and files sent inline stand as URLs.
          </p>
        </div>
      )}
    </Loaded>
  );
}

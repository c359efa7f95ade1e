// The request as the API answers it, and the same as a command.

import { printJson } from "../../api/json.ts";
import type { RequestObject } from "../../api/types.ts";
import { CodeBlock } from "../../parts/copy.tsx";

export function RawTab({ request }: { request: RequestObject }) {
  return (
    <div class="stack">
      <CodeBlock
        text={`curl "${location.origin}/v1/requests/${request.id}?logs=1" -H "Authorization: Bearer $SLUICE_KEY"`}
      />
      <CodeBlock text={printJson(request)} what="request" />
    </div>
  );
}

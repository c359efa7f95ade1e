// An upstream that costs next to nothing, in a thread of its own: it answers submits and statuses in Maton's shape, after
// the configured delay.

import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";

export interface QuickUpstream {
  /** Sets the delay of responses; 0: none. */
  answerAfter(ms: number): void;
  stop(): Promise<void>;
}

/** Listens on this port of 127.0.0.1 once it resolves. */
export async function startQuickUpstream(port: number): Promise<QuickUpstream> {
  const thread = new Worker(fileURLToPath(import.meta.url), { workerData: port });
  await new Promise((ready, fail) => {
    thread.once("message", ready);
    thread.once("error", fail);
  });
  return {
    answerAfter: (ms) => thread.postMessage(ms),
    stop: async () => void (await thread.terminate()),
  };
}

function serve(port: number): void {
  let submits = 0;
  let delayMs = 0;
  parentPort?.on("message", (ms) => {
    delayMs = Number(ms);
  });
  const server = createServer((request, response) => {
    const submitted = request.method === "POST";
    if (submitted) submits += 1;
    const id = `00000000-0000-4000-8000-${String(submits).padStart(12, "0")}`;
    const base = `https://queue.fal.run/fal-ai/flux/requests/${id}`;
    const urls = { response_url: base, status_url: `${base}/status`, cancel_url: `${base}/cancel` };
    const body = submitted
      ? { status: "IN_QUEUE", request_id: id, ...urls, queue_position: 0 }
      : { status: "COMPLETED", request_id: id, ...urls, logs: null, metrics: { inference_time: 0.33 } };
    const answer = () => response.setHeader("Content-Type", "application/json").end(JSON.stringify(body));
    request.resume().on("end", () => {
      if (delayMs === 0) answer();
      else setTimeout(answer, delayMs);
    });
  });
  server.listen(port, "127.0.0.1", () => parentPort?.postMessage("ready"));
}

if (!isMainThread) serve(Number(workerData));

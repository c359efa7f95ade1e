// A change socket: a Durable Object notifies a waiting Worker of changes over a hibernatable WebSocket. A pending RPC would keep the
// object billed.

export interface ChangeSocket {
  /** Resolves at the next change, or when the socket breaks. */
  nextChange(): Promise<void>;
  isBroken(): boolean;
  close(): void;
}

/** `connect` requests the socket from the object. Without one, the caller falls back to polling. */
export async function openChangeSocket(connect: () => Promise<Response | undefined>): Promise<ChangeSocket> {
  let notify: () => void = () => {};
  let pending = Promise.resolve();
  const rearm = (): void => {
    pending = new Promise((resolve) => {
      notify = resolve;
    });
  };
  rearm();
  const socket = await accepted(connect);
  let broken = socket === null;
  const breaks = (): void => {
    broken = true;
    notify();
  };
  socket?.addEventListener("message", () => notify());
  socket?.addEventListener("close", breaks);
  socket?.addEventListener("error", breaks);
  return {
    nextChange() {
      rearm();
      return pending;
    },
    isBroken: () => broken,
    close() {
      socket?.close();
    },
  };
}

async function accepted(connect: () => Promise<Response | undefined>): Promise<WebSocket | null> {
  try {
    const answer = await connect();
    answer?.webSocket?.accept();
    return answer?.webSocket ?? null;
  } catch {
    return null;
  }
}

/** Resolves after `ms` milliseconds. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

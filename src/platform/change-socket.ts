// A bell that a Durable Object rings: the Worker keeps a client waiting and the object only says that something is new, over a
// hibernatable socket. A pending RPC would keep the object billed.

export interface ChangeSocket {
  /** Resolves at the next ring, or when there will be none. */
  nextChange(): Promise<void>;
  isBroken(): boolean;
  close(): void;
}

/** `connect` asks the object for the socket. When none is to be had, whoever waits lives on looking again by itself. */
export async function openChangeSocket(connect: () => Promise<Response | undefined>): Promise<ChangeSocket> {
  let ring: () => void = () => {};
  let pending = Promise.resolve();
  const rearm = (): void => {
    pending = new Promise((resolve) => {
      ring = resolve;
    });
  };
  rearm();
  const socket = await accepted(connect);
  let broken = socket === null;
  const breaks = (): void => {
    broken = true;
    ring();
  };
  socket?.addEventListener("message", () => ring());
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

/** A promise for later. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

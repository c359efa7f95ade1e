// Why a local receiver did not take an event, in a sentence for the terminal of `npm run listen`.

import { createConnection } from "node:net";

const PROBE_TIMEOUT_MS = 2_000;

/** What to look at, from the receiver's status or the way the call broke; null: it took the event. */
export async function receiverFault(to: URL, status: number | null, category: string): Promise<string | null> {
  if (category === "accepted") return null;
  if (category === "timeout")
    return "The receiver took the connection and did not answer in time. Answer 2xx first, then do the work.";
  if (status === null) return connectionFault(to);
  if (status >= 300 && status < 400) return "Redirects are not followed. Give --forward the final address.";
  if (status === 404 || status === 405)
    return `The receiver has no POST route at ${to.pathname}. Check the path of --forward.`;
  if (status === 400 || status === 401 || status === 403)
    return "The receiver refused the event. Does it verify the exact body with the signing secret above?";
  return "The receiver failed. Its own log has the reason.";
}

/** `fetch` does not say why a connection did not come about; a socket does. */
function connectionFault(to: URL): Promise<string> {
  const port = Number(to.port || (to.protocol === "https:" ? 443 : 80));
  const host = to.hostname.replace(/^\[|\]$/g, "");
  return new Promise((resolve) => {
    const socket = createConnection({ host, port, timeout: PROBE_TIMEOUT_MS });
    const done = (sentence: string) => {
      socket.destroy();
      resolve(sentence);
    };
    socket.once("connect", () =>
      done(
        `Something listens at ${to.host}, but it broke the connection: it may not speak ${to.protocol.slice(0, -1)}.`,
      ),
    );
    socket.once("timeout", () => done(`${to.host} does not answer. Is a firewall in between?`));
    socket.once("error", (fault: NodeJS.ErrnoException) => {
      if (fault.code === "ENOTFOUND" || fault.code === "EAI_AGAIN") return done(`The name ${host} does not resolve.`);
      if (fault.code === "ECONNREFUSED" || fault.name === "AggregateError")
        return done(`Nothing listens at ${to.host}. Start the receiver, or give --forward its address.`);
      done(`${to.host} cannot be reached (${fault.code ?? "no reason given"}).`);
    });
  });
}

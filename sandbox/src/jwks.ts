// fal's key set at /.well-known/jwks.json, and its failure modes.

import { type Call, sleep } from "./call.ts";
import { keySet } from "./signing.ts";

/** The public keys that verify webhooks, or the failure that the setting `jwks` chooses. */
export async function jwks(call: Call): Promise<Response> {
  call.note.kind = "jwks";
  const { settings } = call;
  switch (settings.jwks) {
    case "down":
      return new Response("Service Unavailable", { status: 503 });
    case "garbage":
      return new Response("<html><body>Welcome</body></html>", { headers: { "content-type": "text/html" } });
    case "empty":
      return Response.json({ keys: [] });
    case "slow":
      await sleep(settings.jwksSlowMs);
      return Response.json(await keySet(settings));
    case "ok":
      return Response.json(await keySet(settings));
  }
}

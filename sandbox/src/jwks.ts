// fal's key set at /.well-known/jwks.json, and the ways in which it can fail.

import { type Call, sleep } from "./call.ts";
import { keySet } from "./signing.ts";

/** The public keys of webhooks, or what the setting `jwks` has in their place. */
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

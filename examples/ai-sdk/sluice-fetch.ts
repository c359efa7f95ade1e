// A `fetch` that routes the fal calls of the AI SDK's provider through Sluice. All other calls, such as file downloads, are unchanged.
//
//   import { createFal } from "@ai-sdk/fal";
//   const fal = createFal({ apiKey: process.env.SLUICE_KEY, fetch: sluiceFetch("https://sluice.example.com") });

export function sluiceFetch(sluiceUrl: string, through: typeof fetch = fetch): typeof fetch {
  return (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    if (url.hostname !== "fal.run" && url.hostname !== "queue.fal.run") return through(input, init);
    const headers = new Headers(init?.headers);
    headers.set("x-fal-target-url", url.href);
    return through(`${sluiceUrl}/fal/proxy`, { ...init, headers });
  };
}

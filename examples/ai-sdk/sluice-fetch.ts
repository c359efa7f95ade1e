// A `fetch` that sends what the AI SDK's fal provider asks of fal through Sluice. Everything else, files included, goes as it is.
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

// Code that uses a new key. Secrets stand as a variable; a publishable key may stand in the page. Pure.

export function serverSnippet(origin: string): string {
  return `curl "${origin}/v1/requests" \\
  -H "Authorization: Bearer $SLUICE_KEY" -H "Content-Type: application/json" -H "Prefer: wait=30" \\
  -d '{"model":"fal-ai/flux/schnell","input":{"prompt":"a tiny cute cat"}}'`;
}

export function pageSnippet(origin: string, key: string): string {
  return `const exchange = await fetch("${origin}/v1/tokens", {
  method: "POST",
  headers: { Authorization: "Bearer ${key}", "Content-Type": "application/json" },
  body: JSON.stringify({ visitor_token: localStorage.getItem("visitor") ?? undefined }),
});
const { token, visitor_token } = await exchange.json();
localStorage.setItem("visitor", visitor_token);

const answer = await fetch("${origin}/v1/requests?wait=30", {
  method: "POST",
  headers: { Authorization: \`Bearer \${token}\`, "Content-Type": "application/json" },
  body: JSON.stringify({ model: "fal-ai/flux/schnell", input: { prompt: "a tiny cute cat" } }),
});`;
}

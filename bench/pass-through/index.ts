// The yardstick of bench/overhead.ts: the least that a Worker can do for a submit. It adds the key and passes everything on.

interface Env {
  MATON_GATEWAY_URL: string;
  MATON_API_KEY: string;
}

export default {
  fetch(request: Request, env: Env): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    const headers = new Headers(request.headers);
    headers.set("Authorization", `Bearer ${env.MATON_API_KEY}`);
    return fetch(`${env.MATON_GATEWAY_URL}${pathname}${search}`, new Request(request, { headers }));
  },
};

// The least that a Worker can do to copy a source into a bucket: no parts, no digest, no check. POST /?source=URL.

export default {
  async fetch(request: Request, { FILES }: { FILES: R2Bucket }): Promise<Response> {
    const source = await fetch(new URL(request.url).searchParams.get("source") ?? "");
    const from = Date.now();
    const stored = await FILES.put("copy", source.body);
    return Response.json({ bytes: stored?.size, from, to: Date.now() });
  },
};

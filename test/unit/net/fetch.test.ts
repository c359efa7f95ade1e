// The one call out, against a real server: redirects stay, time runs over the body, nothing throws.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { readCapped } from "../../../src/net/body.ts";
import { callOut } from "../../../src/net/fetch.ts";

let server: Server;
let origin: string;

beforeAll(async () => {
  server = createServer((request, response) => {
    if (request.url === "/moved") response.writeHead(302, { location: "/elsewhere" }).end();
    else if (request.url === "/half") response.writeHead(200).write("half");
    else if (request.url === "/cut") request.socket.destroy();
    else if (request.url === "/silent") return;
    else response.end("done");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

describe("callOut", () => {
  test("gives the answer with its body", async () => {
    const outcome = await callOut(`${origin}/`, {}, { timeoutMs: 5_000 });
    if (outcome.kind !== "answered") throw new Error(outcome.reason);
    expect(await outcome.response.text()).toBe("done");
    outcome.end();
  });

  test("gives a redirect as the answer it is", async () => {
    const outcome = await callOut(`${origin}/moved`, {}, { timeoutMs: 5_000 });
    if (outcome.kind !== "answered") throw new Error(outcome.reason);
    expect(outcome.response.status).toBe(302);
    outcome.end();
  });

  test("cuts off a server that does not answer", async () => {
    const outcome = await callOut(`${origin}/silent`, {}, { timeoutMs: 50 });
    expect(outcome).toEqual({ kind: "failed", reason: "timeout", sent: "maybe" });
  });

  test("cuts off a body that does not end", async () => {
    const outcome = await callOut(`${origin}/half`, {}, { timeoutMs: 100 });
    if (outcome.kind !== "answered") throw new Error(outcome.reason);
    expect(await readCapped(outcome.response, 100)).toEqual({ kind: "broken" });
  });

  test("does not claim that a lost connection sent nothing", async () => {
    const outcome = await callOut(`${origin}/cut`, { method: "POST", body: "{}" }, { timeoutMs: 5_000 });
    expect(outcome).toEqual({ kind: "failed", reason: "network", sent: "maybe" });
  });

  test.each([
    ["no URL", "nonsense", {}],
    ["another scheme", "ftp://host.test/", {}],
    ["a data URL", "data:text/plain,x", {}],
    ["a header that cannot be sent", "https://host.test/", { headers: { authorization: "Bearer \n\u0101" } }],
  ])("never sends %s", async (_name, url, init) => {
    const fetchSpy = vi.spyOn(globalThis, "fetch");
    expect(await callOut(url, init, { timeoutMs: 100 })).toEqual({ kind: "failed", reason: "network", sent: "no" });
    expect(fetchSpy).not.toHaveBeenCalled();
    fetchSpy.mockRestore();
  });
});

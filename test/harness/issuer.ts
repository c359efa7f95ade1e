// An issuer of JWTs that a test can do anything with: its keys, its tokens, and the host that serves the keys.

import { type CryptoKey, exportJWK, generateKeyPair, type JSONWebKeySet, SignJWT } from "jose";
import { vi } from "vitest";
import { call } from "./calls.ts";

interface SigningKey {
  kid: string;
  privateKey: CryptoKey;
  publicKey: CryptoKey;
}

/** The runtime's own, whatever stands in front of it when `serveKeys` is called again. */
const realFetch = globalThis.fetch;

/** How often each key host was asked, by URL, since `serveKeys`. */
const asked = new Map<string, number>();
const hosts = new Map<string, TestIssuer>();

export class TestIssuer {
  readonly issuer: string;
  readonly jwksUrl: string;
  readonly audience = "sluice";
  /** Newest last; the newest signs. */
  keys: SigningKey[] = [];
  /** What the key host does. */
  host: "up" | "down" = "up";

  readonly alg: "ES256" | "RS256";

  private constructor(issuer: string, keysPath: string, alg: "ES256" | "RS256") {
    this.alg = alg;
    this.issuer = issuer;
    this.jwksUrl = `${issuer}${keysPath}`;
  }

  static create(alg: "ES256" | "RS256" = "ES256"): Promise<TestIssuer> {
    return TestIssuer.#open(`https://i-${crypto.randomUUID().slice(0, 8)}.issuer.example`, "/keys", alg);
  }

  /** A Supabase project's own issuer, with its keys where Supabase has them. */
  static createSupabase(): Promise<TestIssuer> {
    const project = `https://p${crypto.randomUUID().slice(0, 8)}.supabase.co`;
    return TestIssuer.#open(`${project}/auth/v1`, "/.well-known/jwks.json", "ES256");
  }

  static async #open(url: string, keysPath: string, alg: "ES256" | "RS256"): Promise<TestIssuer> {
    const issuer = new TestIssuer(url, keysPath, alg);
    await issuer.addKey("first");
    hosts.set(issuer.jwksUrl, issuer);
    return issuer;
  }

  async addKey(kid: string): Promise<void> {
    const { privateKey, publicKey } = await generateKeyPair(this.alg, { extractable: true });
    this.keys.push({ kid, privateKey, publicKey });
  }

  async keySet(): Promise<JSONWebKeySet> {
    return {
      keys: await Promise.all(this.keys.map(async ({ kid, publicKey }) => ({ ...(await exportJWK(publicKey)), kid }))),
    };
  }

  /** What a team writes to trust this issuer. */
  body(changes: Record<string, unknown> = {}): Record<string, unknown> {
    const { issuer, audience, jwksUrl: jwks_url } = this;
    return { issuer, audience, jwks_url, algs: [this.alg], ...changes };
  }

  /** A JWT, good for five minutes unless told otherwise. Claims that are undefined are left out. */
  jwt(claims: Record<string, unknown> = {}, header: { alg?: string; kid?: string } = {}): Promise<string> {
    const signer = this.keys.at(-1);
    if (signer === undefined) throw new Error("the issuer has no key");
    const exp = Math.floor(Date.now() / 1_000) + 300;
    return new SignJWT({ iss: this.issuer, aud: this.audience, sub: "ada", exp, ...claims })
      .setProtectedHeader({ alg: this.alg, kid: signer.kid, ...header })
      .sign(signer.privateKey);
  }

  /** How often its keys were asked for. */
  asked(): number {
    return asked.get(this.jwksUrl) ?? 0;
  }
}

/** Serves the keys of every test issuer until `vi.restoreAllMocks()`; `receiver` takes all it gets, other calls go where they go. */
export function serveKeys(receiver?: string): void {
  asked.clear();
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const url = input instanceof Request ? input.url : String(input);
    if (url === receiver) return new Response(null, { status: 204 });
    const issuer = hosts.get(url);
    if (issuer === undefined) return realFetch(input, init);
    asked.set(url, issuer.asked() + 1);
    return issuer.host === "down" ? new Response(null, { status: 503 }) : Response.json(await issuer.keySet());
  });
}

/** Lets a team trust an issuer, under the name `app`. */
export async function trust(
  adminKey: string,
  issuer: TestIssuer,
  changes: Record<string, unknown> = {},
): Promise<void> {
  const response = await call("PUT", "/v1/issuers/app", { key: adminKey, body: issuer.body(changes) });
  if (response.status !== 200) throw new Error(`not trusted: ${response.status} ${await response.text()}`);
}

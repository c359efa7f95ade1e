// A certificate for this machine, made on the spot and good for a day: Python's fal client speaks https only, and no key lies
// in the repository. Self-signed, ECDSA P-256 (RFC 5280, RFC 5480), strict enough for Python 3.13's default checks.

import { createHash, generateKeyPairSync, sign } from "node:crypto";

const DAY_MS = 86_400_000;
const ECDSA_WITH_SHA256 = oid("2a8648ce3d040302");

/** PEM texts for `localhost` and 127.0.0.1. The certificate is its own authority: trust it by `SSL_CERT_FILE`. */
export function localCertificate(now: number): { key: string; certificate: string } {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const subjectKey = publicKey.export({ type: "spki", format: "der" });
  const name = sequence(set(sequence(oid("550403"), der(0x0c, Buffer.from("Sluice test")))));
  const algorithm = sequence(ECDSA_WITH_SHA256);
  const toSign = sequence(
    der(0xa0, integer(2)),
    integer(1),
    algorithm,
    name,
    sequence(utcTime(now - DAY_MS), utcTime(now + DAY_MS)),
    name,
    subjectKey,
    der(0xa3, sequence(...extensions(subjectKey))),
  );
  const signature = sign("sha256", toSign, privateKey);
  const whole = sequence(toSign, algorithm, der(0x03, Buffer.concat([Buffer.of(0), signature])));
  // No empty line after a last full one: OpenSSL refuses the whole text for it, for one signature's length in four.
  const lines = whole.toString("base64").match(/.{1,64}/g) ?? [];
  return {
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    certificate: `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`,
  };
}

/** basicConstraints and keyUsage of an authority, the key's identifier, and the names. */
function extensions(subjectKey: Buffer): Buffer[] {
  const names = sequence(der(0x82, Buffer.from("localhost")), der(0x87, Buffer.of(127, 0, 0, 1)));
  const identifier = createHash("sha1").update(subjectKey).digest();
  const critical = der(0x01, Buffer.of(0xff));
  return [
    sequence(oid("551d13"), critical, octets(sequence(der(0x01, Buffer.of(0xff))))),
    // digitalSignature and keyCertSign
    sequence(oid("551d0f"), critical, octets(der(0x03, Buffer.of(0x02, 0x84)))),
    sequence(oid("551d0e"), octets(octets(identifier))),
    sequence(oid("551d11"), octets(names)),
  ];
}

function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...size), content]);
}

function sequence(...parts: Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts));
}

function set(part: Buffer): Buffer {
  return der(0x31, part);
}

function octets(content: Buffer): Buffer {
  return der(0x04, content);
}

function integer(value: number): Buffer {
  return der(0x02, Buffer.of(value));
}

function oid(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, "hex"));
}

function utcTime(at: number): Buffer {
  const digits = new Date(at).toISOString().replaceAll(/[-:T]/g, "").slice(2, 14);
  return der(0x17, Buffer.from(`${digits}Z`));
}

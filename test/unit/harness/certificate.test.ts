// The certificate that tests make on the spot: OpenSSL takes it whatever length its signature happens to have.
import { createSecureContext } from "node:tls";
import { expect, test } from "vitest";
import { localCertificate } from "../../harness/certificate.ts";

test("makes a certificate that OpenSSL loads, for every length of its signature", () => {
  // The signature's DER has a length of its own each time: a hundred meet each of the three usual ones.
  const made = Array.from({ length: 100 }, () => localCertificate(Date.now()));
  for (const { key, certificate } of made) createSecureContext({ key, cert: certificate });
  expect(new Set(made.map((one) => one.certificate.length)).size).toBeGreaterThan(1);
});

// Lets tests call the parts of an object (`team.keys.create(…)`) in one call, as the runtime itself does. The wrapper that the test
// runner puts around a Durable Object answers for one name at a time, so a part's method is not found behind it: here a part's
// call goes through one method of the object that exists in tests only.

import { env } from "cloudflare:workers";
import { Team } from "../../src/team/team.ts";

/** The getters of Team's prototype. */
const parts = Object.entries(Object.getOwnPropertyDescriptors(Team.prototype)).flatMap(([name, { get }]) => {
  return get === undefined ? [] : [name];
});

type Method = (...args: unknown[]) => unknown;
type Part = Record<string, Method>;

Object.defineProperty(Team.prototype, "callPart", {
  configurable: true,
  value(this: Record<string, Part>, part: string, method: string, args: unknown[]) {
    return this[part]?.[method]?.(...args);
  },
});

const namespace = Object.getPrototypeOf(env.TEAM) as { getByName: Method };
const { getByName } = namespace;
namespace.getByName = function (this: unknown, ...named: unknown[]) {
  const stub = getByName.apply(this, named) as object & { callPart: Method };
  for (const part of parts) {
    const call =
      (method: string) =>
      (...args: unknown[]) =>
        stub.callPart(part, method, args);
    Object.defineProperty(stub, part, { value: new Proxy({}, { get: (_part, method) => call(String(method)) }) });
  }
  return stub;
};

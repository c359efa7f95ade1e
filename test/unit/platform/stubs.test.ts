// Where objects are made: with and without a location hint and a jurisdiction.

import { describe, expect, test } from "vitest";
import type { Env } from "../../../src/platform/bindings.ts";
import { accountFor, newRequestId, sweeperFor, teamFor, trackerFor, trackerOf } from "../../../src/platform/stubs.ts";

/** A namespace that notes how it is asked. */
function namespace(calls: string[], within = "-"): DurableObjectNamespace {
  const note = (what: string, options?: DurableObjectNamespaceGetDurableObjectOptions) => {
    calls.push(`${what} within ${within} near ${options?.locationHint ?? "-"}`);
    return {};
  };
  const made = {
    jurisdiction: (name: string) => namespace(calls, name),
    getByName: (name: string, options: DurableObjectNamespaceGetDurableObjectOptions) => note(name, options),
    get: (id: string, options: DurableObjectNamespaceGetDurableObjectOptions) => note(id, options),
    idFromString: (id: string) => {
      if (!id.endsWith(within)) throw new TypeError("not an id of this namespace");
      return id;
    },
    newUniqueId: () => `id-${within}`,
  };
  return made as unknown as DurableObjectNamespace;
}

function askAll(placement: Record<string, string>): string[] {
  const calls: string[] = [];
  const each = namespace(calls);
  const env = { TEAM: each, TRACKER: each, UPSTREAM: each, SWEEPER: each, ...placement } as unknown as Env;
  teamFor(env, "acme");
  accountFor(env);
  sweeperFor(env);
  trackerFor(env, newRequestId(env));
  return calls;
}

const NAMES = ["acme", "account:default", "bucket"];

describe("objects", () => {
  test("are made near their first caller where nothing is said", () => {
    expect(askAll({})).toEqual([...NAMES, "id--"].map((name) => `${name} within - near -`));
  });

  test("are made where LOCATION_HINT says, all of them", () => {
    expect(askAll({ LOCATION_HINT: "weur" })).toEqual([...NAMES, "id--"].map((name) => `${name} within - near weur`));
  });

  test("stay within JURISDICTION, and ids of elsewhere are unknown there", () => {
    expect(askAll({ JURISDICTION: "eu" })).toEqual([...NAMES, "id-eu"].map((name) => `${name} within eu near -`));
    const env = { TRACKER: namespace([]), JURISDICTION: "eu" } as unknown as Env;
    expect(trackerOf(env, "id--")).toBeNull();
  });

  test("are not made at all where the word is none", () => {
    expect(() => askAll({ JURISDICTION: "mars" })).toThrow("misconfigured: JURISDICTION");
    expect(() => askAll({ LOCATION_HINT: "here" })).toThrow("misconfigured: LOCATION_HINT");
  });
});

// The API description as an OpenAPI 3.1 document: declared routes, other paths, webhooks, shared components.

import type { Route } from "../../src/http/route.ts";
import { describe, tagsOf } from "./describe.ts";
import { ErrorRegistry, errorSchemas } from "./errors.ts";
import { type RecordedCalls, withExamples } from "./examples.ts";
import { extraPaths, extraSchemas } from "./extra.ts";
import { headerComponents } from "./headers.ts";
import { nameShapes } from "./names.ts";
import { pathItem, templateOf } from "./operation.ts";
import { type JsonObject, SchemaRegistry } from "./schemas.ts";
import { webhookSchemas, webhooks } from "./webhooks.ts";

const ITEM_KEYS = ["parameters", "get", "head", "post", "put", "patch", "delete"];

const SECURITY_SCHEMES = {
  key: {
    type: "http",
    scheme: "bearer",
    description:
      "A secret key (`sl_sk_…`), a client token, or a JWT of one of the team's issuers with the header `Sluice-Team`. Each operation lists the scope that it requires. `Authorization: Key …` is equivalent. `Sluice-User` names the user for whom the call is made.",
  },
  publishable: {
    type: "http",
    scheme: "bearer",
    description:
      "A publishable key (`sl_pk_…`), from a page of one of its origins. It can only be exchanged for a token.",
  },
  operator: { type: "http", scheme: "bearer", description: "ADMIN_TOKEN of the deployment." },
};

interface About {
  version: string;
  description: string;
  calls: RecordedCalls;
}

export function apiDocument(routes: readonly Route[], about: About): JsonObject {
  nameShapes(routes);
  const components = { schemas: new SchemaRegistry(), errors: new ErrorRegistry() };
  const byPath = Map.groupBy(routes, ({ path }) => templateOf(path));
  const declared = [...byPath].map(([path, group]) => [path, pathItem(path, group, components)] as const);
  const paths = { ...Object.fromEntries(declared), ...extraPaths(components.errors) };
  const document = components.schemas.settled({
    openapi: "3.1.0",
    info: { title: "Sluice", version: about.version, description: about.description },
    servers: [{ url: "/" }],
    tags: tagsOf(paths),
    paths: sorted(paths, (item) => sorted(item as JsonObject, undefined, ITEM_KEYS)),
    webhooks: webhooks(components.schemas),
    components: {
      schemas: { ...errorSchemas(), ...extraSchemas(), ...webhookSchemas() } as JsonObject,
      responses: sorted(components.errors.components),
      headers: headerComponents(),
      securitySchemes: SECURITY_SCHEMES,
    },
  });
  return withExamples(describe(document), about.calls);
}

/** Sorts keys by `order`, or alphabetically, so that moving a declaration does not change the document. */
function sorted(
  whole: JsonObject,
  each: (value: unknown) => unknown = (value) => value,
  order: readonly string[] = Object.keys(whole).sort(),
): JsonObject {
  return Object.fromEntries(order.filter((key) => key in whole).map((key) => [key, each(whole[key])]));
}

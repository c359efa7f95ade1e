// Names of keys by id, for lists. Admins may read them; for others the id stands.

import { useResource } from "../../api/resource.ts";
import type { Key, PageOf } from "../../api/types.ts";
import { me, who } from "../../session/me.ts";
import { may } from "../../session/permissions.ts";

export function useKeyNames(): ReadonlyMap<string, string> {
  const { data } = useResource<PageOf<Key>>(may(who.value, "admin") ? "/v1/keys" : null);
  const own = me.value;
  const names = new Map((data?.data ?? []).map(({ id, name }) => [id, name]));
  if (own !== null) names.set(own.key.id, own.key.name);
  return names;
}

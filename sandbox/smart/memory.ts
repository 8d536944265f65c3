import type { Adapter, AdapterPayload } from 'oidc-provider';

/**
 * Where the authorization server keeps what it issued: in memory, of this process. What has expired goes when
 * something is added.
 */
export function createMemory(now: () => number = Date.now): (model: string) => Adapter {
  const held = new Map<string, { readonly payload: AdapterPayload; readonly expires: number }>();
  const find = (key: string): AdapterPayload | undefined => {
    const found = held.get(key);
    return found !== undefined && found.expires > now() ? found.payload : undefined;
  };
  const firstOf = (model: string, fits: (payload: AdapterPayload) => boolean): AdapterPayload | undefined => {
    for (const key of held.keys()) {
      const payload = key.startsWith(`${model}:`) ? find(key) : undefined;
      if (payload !== undefined && fits(payload)) return payload;
    }
    return undefined;
  };
  return (model) => ({
    async upsert(id, payload, expiresIn = 0) {
      for (const [key, { expires }] of held) if (expires <= now()) held.delete(key);
      const expires = expiresIn > 0 ? now() + expiresIn * 1000 : Number.POSITIVE_INFINITY;
      held.set(`${model}:${id}`, { payload, expires });
    },
    find: async (id) => find(`${model}:${id}`),
    findByUid: async (uid) => firstOf(model, (payload) => payload.uid === uid),
    findByUserCode: async (code) => firstOf(model, (payload) => payload.userCode === code),
    async consume(id) {
      const payload = find(`${model}:${id}`);
      if (payload !== undefined) payload.consumed = Math.floor(now() / 1000);
    },
    async destroy(id) {
      held.delete(`${model}:${id}`);
    },
    async revokeByGrantId(grantId) {
      for (const [key, { payload }] of held) {
        if (key.startsWith(`${model}:`) && payload.grantId === grantId) held.delete(key);
      }
    },
  });
}

/** Values that are made once and kept for a while. */
export interface Cache<Value> {
  /** The value of `key`: at hand, on its way, or made now. One that could not be made is not kept. */
  get(key: string, make: () => Promise<Value>): Promise<Value>;
  drop(key: string): void;
}

/**
 * A cache of at most `most` values, each kept for `milliseconds`; what was asked for longest ago goes first.
 * @param now milliseconds
 */
export function createCache<Value>(
  most: number,
  milliseconds: number,
  now: () => number = () => performance.now(),
): Cache<Value> {
  const held = new Map<string, { readonly value: Promise<Value>; readonly until: number }>();
  return {
    get(key, make) {
      const known = held.get(key);
      held.delete(key);
      if (known !== undefined && known.until > now()) {
        held.set(key, known);
        return known.value;
      }
      const value = make();
      const entry = { value, until: now() + milliseconds };
      held.set(key, entry);
      value.catch(() => {
        if (held.get(key) === entry) held.delete(key);
      });
      for (const oldest of held.keys()) {
        if (held.size <= most) break;
        held.delete(oldest);
      }
      return value;
    },
    drop(key) {
      held.delete(key);
    },
  };
}

import { type CryptoKey, importJWK, type JWK } from 'jose';

/** Algorithms of client tokens, each with the one kind of key that it takes. No HMAC, no `none`. @see RFC 7518 §3.1 */
export const keyKinds = {
  ES256: { kty: 'EC', crv: 'P-256' },
  ES384: { kty: 'EC', crv: 'P-384' },
  ES512: { kty: 'EC', crv: 'P-521' },
  RS256: { kty: 'RSA', crv: undefined },
  RS384: { kty: 'RSA', crv: undefined },
  RS512: { kty: 'RSA', crv: undefined },
} as const;

export type ClientAlgorithm = keyof typeof keyKinds;

/** One set of public keys. */
export interface KeySet {
  /** The key of this `kid` for `algorithm` as far as it is known here, without waiting for another server; null when it is not. */
  known(kid: string, algorithm: ClientAlgorithm): Promise<CryptoKey | null>;
  /** As {@link KeySet.known}, and where the key is not known the set is asked for anew before null is given. */
  find(kid: string, algorithm: ClientAlgorithm): Promise<CryptoKey | null>;
}

/**
 * A fixed JWK Set. Keys that are not for verifying signatures, or not of the kind of the algorithm, are not in it.
 * @see RFC 7517
 */
export function createKeySet(jwks: unknown): KeySet {
  const jwksOf = (jwks as { readonly keys?: unknown } | null)?.keys;
  const keys: readonly JWK[] = Array.isArray(jwksOf)
    ? jwksOf.filter((key) => typeof key === 'object' && key !== null)
    : [];
  const imported = new Map<string, Promise<CryptoKey | null>>();
  const known: KeySet['known'] = (kid, algorithm) => {
    const jwk = keys.find((key) => key.kid === kid && serves(key, algorithm));
    if (jwk === undefined) return Promise.resolve(null);
    const name = `${algorithm} ${kid}`;
    const key = imported.get(name) ?? importPublic(jwk, algorithm);
    imported.set(name, key);
    return key;
  };
  return { known, find: known };
}

function serves(key: JWK, algorithm: ClientAlgorithm): boolean {
  const { kty, crv } = keyKinds[algorithm];
  return (
    key.kty === kty &&
    (crv === undefined || key.crv === crv) &&
    (key.alg === undefined || key.alg === algorithm) &&
    (key.use === undefined || key.use === 'sig') &&
    (key.key_ops === undefined || (Array.isArray(key.key_ops) && key.key_ops.includes('verify')))
  );
}

/** Public members only: a set that shows a private key by mistake is used as what it should have been. */
async function importPublic(key: JWK, algorithm: ClientAlgorithm): Promise<CryptoKey | null> {
  const members =
    key.kty === 'EC'
      ? { kty: key.kty, crv: key.crv, x: key.x, y: key.y }
      : { kty: key.kty, n: key.n, e: key.e };
  try {
    return (await importJWK(members as JWK, algorithm)) as CryptoKey;
  } catch (error) {
    // A key that does not parse is a key that is not there.
    if (error instanceof Error) return null;
    throw error;
  }
}

export interface RemoteKeySetOptions {
  /** GET of the JWK Set, parsed. Its time and size are bounded by whoever gives it. */
  readonly fetch: () => Promise<unknown>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** How long a set is used without asking again, seconds. */
  readonly freshSeconds: number;
  /** How long a set is used while a newer one has not come, seconds. */
  readonly staleSeconds: number;
  /** The least time between two fetches, seconds: an unknown `kid` asks for one, and anybody can name an unknown `kid`. */
  readonly refetchSeconds: number;
}

/**
 * A JWK Set at an address, cached, with rotation: a `kid` that is not in it has the set fetched again. A key that is
 * in it is given at once while the set is younger than `staleSeconds`; once the set is older than `freshSeconds` it
 * is fetched meanwhile, for the calls after this one, so that a key server that is down or slow keeps nobody waiting.
 */
export function createRemoteKeySet({
  fetch,
  now,
  freshSeconds,
  staleSeconds,
  refetchSeconds,
}: RemoteKeySetOptions): KeySet {
  const state: { set: KeySet | null; loadedAt: number; askedAt: number; loading: Promise<void> | null } = {
    set: null,
    loadedAt: Number.NEGATIVE_INFINITY,
    askedAt: Number.NEGATIVE_INFINITY,
    loading: null,
  };
  const age = (since: number) => (now() - since) / 1000;

  const load = async (): Promise<void> => {
    try {
      state.set = createKeySet(await fetch());
      state.loadedAt = now();
    } catch (_failure) {
      // The set that is there serves until it is stale; then the caller sees a key that is not found.
    } finally {
      state.loading = null;
    }
  };

  /** One fetch at a time, however many ask, and none sooner than `refetchSeconds` after the last. */
  const refresh = async (): Promise<void> => {
    if (state.loading === null) {
      if (age(state.askedAt) < refetchSeconds) return;
      state.askedAt = now();
      state.loading = load();
    }
    await state.loading;
  };

  const known: KeySet['known'] = async (kid, algorithm) => {
    if (age(state.loadedAt) > staleSeconds) state.set = null;
    const key = (await state.set?.known(kid, algorithm)) ?? null;
    // Nobody waits for it: it never rejects.
    if (key !== null && age(state.loadedAt) >= freshSeconds) void refresh();
    return key;
  };

  return {
    known,
    async find(kid, algorithm) {
      const key = await known(kid, algorithm);
      if (key !== null) return key;
      await refresh();
      return known(kid, algorithm);
    },
  };
}

import { readFileSync, writeFileSync } from 'node:fs';
import {
  type CryptoKey,
  calculateJwkThumbprint,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JWK,
  jwtVerify,
  SignJWT,
} from 'jose';
import { ServiceError } from '#core/error';

/** What SMART asks every server to take. @see SMART App Launch 2.2 §Client Authentication: Asymmetric */
export type SmartAlgorithm = 'RS384' | 'ES384';

export interface SmartSigningKey {
  readonly algorithm: SmartAlgorithm;
  readonly kid: string;
  readonly privateKey: CryptoKey;
}

/** The keys by which this Fovea proves at EHRs who it is. */
export interface SmartKeys {
  /** null: there is none of this algorithm. */
  signing(algorithm: SmartAlgorithm): SmartSigningKey | null;
  /** Every key without its private members, for `/.well-known/jwks.json`. */
  readonly published: { readonly keys: readonly Readonly<Record<string, unknown>>[] };
}

const algorithms: readonly SmartAlgorithm[] = ['ES384', 'RS384'];
const leastModulusBits = 2048;

/**
 * Keys of a JWK Set file with private keys. The first of an algorithm signs; all are published, so that EHRs have
 * read a key long before it signs and long after. @see RFC 7517
 *
 * @throws ServiceError CONFIG_INVALID
 */
export async function readSmartKeys(file: string): Promise<SmartKeys> {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(file, 'utf8'));
  } catch (_unreadable) {
    // The cause may quote the file, which holds private keys.
    throw invalid('cannot be read as JSON.');
  }
  return keysOf(content);
}

/** Keys for one process: `fovea sandbox` without a file. */
export async function makeSmartKeys(): Promise<SmartKeys> {
  return keysOf(await makeKeySet());
}

/**
 * Writes a new file (0600) for {@link readSmartKeys} with one key of each algorithm.
 * @returns the `kid` of each
 * @throws ServiceError CONFIG_INVALID where the file is there already or cannot be written
 */
export async function writeSmartKeys(file: string): Promise<readonly string[]> {
  const set = await makeKeySet();
  try {
    writeFileSync(file, `${JSON.stringify(set, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
  } catch (cause) {
    const there = (cause as NodeJS.ErrnoException).code === 'EEXIST';
    throw new ServiceError('CONFIG_INVALID', {
      detail: there
        ? 'The file for the keys is there already; it is left as it is.'
        : 'The file for the keys cannot be written.',
      cause,
    });
  }
  return set.keys.map(({ kid }) => kid);
}

const invalid = (problem: string): ServiceError =>
  new ServiceError('CONFIG_INVALID', { detail: `FOVEA_SMART_KEYS ${problem}` });

async function makeKeySet(): Promise<{ readonly keys: readonly (JWK & { readonly kid: string })[] }> {
  const keys = await Promise.all(
    algorithms.map(async (alg) => {
      const { privateKey } = await generateKeyPair(alg, { extractable: true, modulusLength: 3072 });
      const jwk = await exportJWK(privateKey);
      return { kid: await calculateJwkThumbprint(jwk), alg, use: 'sig', ...jwk };
    }),
  );
  return { keys };
}

async function keysOf(content: unknown): Promise<SmartKeys> {
  const listed = (content as { readonly keys?: unknown } | null)?.keys;
  if (!Array.isArray(listed) || listed.length === 0) throw invalid('must be a JWK Set with keys.');
  const keys = await Promise.all(listed.map(readKey));
  if (new Set(keys.map(({ signing }) => signing.kid)).size < keys.length)
    throw invalid('has two keys of the same kid.');
  return {
    signing: (algorithm) => keys.find(({ signing }) => signing.algorithm === algorithm)?.signing ?? null,
    published: { keys: keys.map((key) => key.published) },
  };
}

interface ReadKey {
  readonly signing: SmartSigningKey;
  readonly published: Readonly<Record<string, unknown>>;
}

async function readKey(value: unknown, index: number): Promise<ReadKey> {
  const wrong = (problem: string) => invalid(`/keys/${index} ${problem}`);
  const jwk = (typeof value === 'object' && value !== null ? value : {}) as JWK;
  const algorithm = jwk.kty === 'RSA' ? 'RS384' : jwk.kty === 'EC' && jwk.crv === 'P-384' ? 'ES384' : null;
  if (algorithm === null || (jwk.alg !== undefined && jwk.alg !== algorithm))
    throw wrong('must be a key for RS384 (RSA) or ES384 (EC, P-384).');
  if (jwk.use !== undefined && jwk.use !== 'sig') throw wrong('is not for signatures.');
  if (typeof jwk.kid !== 'string' || jwk.kid === '') throw wrong('has no kid.');
  if (typeof jwk.d !== 'string') throw wrong('has no private key.');
  const open =
    algorithm === 'RS384'
      ? { kty: jwk.kty, n: jwk.n, e: jwk.e }
      : { kty: jwk.kty, crv: jwk.crv, x: jwk.x, y: jwk.y };
  const { key_ops: _operations, ext: _extractable, ...secret } = jwk;
  const [privateKey, publicKey] = await Promise.all([
    importJWK(secret, algorithm),
    importJWK(open as JWK, algorithm),
  ] as Promise<CryptoKey>[]).catch(() => {
    // The cause may quote the key.
    throw wrong('cannot be read.');
  });
  if (privateKey === undefined || publicKey === undefined) throw wrong('cannot be read.');
  const { modulusLength = leastModulusBits } = publicKey.algorithm as { modulusLength?: number };
  if (modulusLength < leastModulusBits) throw wrong(`has fewer than ${leastModulusBits} bits.`);
  if (!(await belongTogether(privateKey, publicKey, algorithm)))
    throw wrong('has a private key that does not belong to its public key.');
  return {
    signing: { algorithm, kid: jwk.kid, privateKey },
    published: { ...open, kid: jwk.kid, alg: algorithm, use: 'sig', key_ops: ['verify'] },
  };
}

/** Tried here, so that a key that was copied by half is found at the start and not at the first launch. */
async function belongTogether(
  privateKey: CryptoKey,
  publicKey: CryptoKey,
  alg: SmartAlgorithm,
): Promise<boolean> {
  try {
    await jwtVerify(await new SignJWT().setProtectedHeader({ alg }).sign(privateKey), publicKey);
    return true;
  } catch (error) {
    if (error instanceof Error) return false;
    throw error;
  }
}

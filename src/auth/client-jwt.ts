import { type CryptoKey, compactVerify, decodeJwt, decodeProtectedHeader, type JWTPayload } from 'jose';
import { ServiceError } from '#core/error';
import type { AllowedOrigin, Tenant, TenantClient } from '#core/tenant';
import { type ClientAlgorithm, createKeySet, createRemoteKeySet, type KeySet, keyKinds } from './jwks.ts';

export interface ClientVerifierOptions {
  readonly tenants: readonly Tenant[];
  /** GET of a listed JWK Set, parsed; only addresses of a tenant's `jwksUrls` are asked for. */
  readonly fetchJwks: (source: AllowedOrigin) => Promise<unknown>;
  /** Whether this is the first use of `jti` by `issuer`; it has to be remembered until `expires`. */
  readonly firstUse: (issuer: string, jti: string, expires: Date) => Promise<boolean>;
  readonly now?: () => Date;
  /** How far clocks may be apart. Default 60. */
  readonly clockSkewSeconds?: number;
  /** Longest time from `iat` to `exp`. Default 3600. */
  readonly maxLifetimeSeconds?: number;
  /** Default 600. */
  readonly jwksFreshSeconds?: number;
  /** Default 3600. */
  readonly jwksStaleSeconds?: number;
  /** Default 30. */
  readonly jwksRefetchSeconds?: number;
  /** Told why a call was refused; the caller is not. For counting: nothing of the token is in it. */
  readonly onRefused?: (reason: RefusalReason) => void;
}

/** Why a call was refused, in the order of the checks. */
export type RefusalReason =
  | 'no-token'
  | 'malformed'
  | 'algorithm'
  | 'header'
  | 'issuer'
  | 'audience'
  | 'expired'
  | 'not-yet-valid'
  | 'lifetime'
  | 'jti'
  | 'tenant'
  | 'jku'
  | 'key'
  | 'signature'
  | 'replayed';

/** Whose call it is. `authorization`: the header of this name; `audiences`: what `aud` may name. */
export type VerifyClient = (
  authorization: string | undefined,
  audiences: readonly string[],
) => Promise<Tenant>;

interface Candidate {
  readonly tenant: Tenant;
  readonly client: TenantClient;
  readonly given: KeySet;
  readonly fetched: ReadonlyMap<string, KeySet>;
}

const longestJti = 1024;

/**
 * Verifies the JWT with which an EHR says who it is. Without a token the call belongs to the tenant that allows that,
 * if there is one; a token that comes is verified in any case.
 * @throws ServiceError CONFIG_INVALID here, when two tenants cannot be told apart
 * @throws ServiceError CLIENT_UNAUTHENTICATED from the verifier, without a detail; and what `firstUse` throws
 * @see CDS Hooks 2.0 §Trusting CDS Clients, RFC 8725
 */
export function createClientVerifier(options: ClientVerifierOptions): VerifyClient {
  const { now = () => new Date(), clockSkewSeconds = 60, maxLifetimeSeconds = 3600 } = options;
  const candidates = candidatesOf(options, now);
  const anonymous = anonymousTenant(options.tenants);

  const refuse = (reason: RefusalReason): ServiceError => {
    options.onRefused?.(reason);
    return new ServiceError('CLIENT_UNAUTHENTICATED');
  };

  return async (authorization, audiences) => {
    if (authorization === undefined) {
      if (anonymous === null) throw refuse('no-token');
      return anonymous;
    }
    const token = /^Bearer +([\w-]+\.[\w-]+\.[\w-]*)$/i.exec(authorization)?.[1];
    const parsed = token === undefined ? null : decode(token);
    if (token === undefined || parsed === null) throw refuse('malformed');
    const { header, payload } = parsed;

    const algorithm = header['alg'];
    if (!isClientAlgorithm(algorithm)) throw refuse('algorithm');
    const { kid, typ, jku } = header;
    if (!isText(kid) || !isText(typ) || typ.toUpperCase() !== 'JWT') throw refuse('header');

    const { iss } = payload;
    const ofIssuer = candidates.filter(({ client }) => client.issuer === iss);
    if (!isText(iss) || ofIssuer.length === 0) throw refuse('issuer');
    if (![payload.aud].flat().some((one) => one !== undefined && audiences.includes(one)))
      throw refuse('audience');
    const expires = checkTimes(
      payload,
      { seconds: now().getTime() / 1000, clockSkewSeconds, maxLifetimeSeconds },
      refuse,
    );
    if (!isText(payload.jti) || payload.jti.length > longestJti) throw refuse('jti');

    const candidate = candidateFor(ofIssuer, payload['tenant']);
    if (candidate === null) throw refuse('tenant');
    const sources = keySetsFor(candidate, jku);
    if (sources === null) throw refuse('jku');
    const key = await firstKey(sources, kid, algorithm);
    if (key === null) throw refuse('key');
    if (!(await isSigned(token, key, algorithm))) throw refuse('signature');
    if (!(await options.firstUse(iss, payload.jti, expires))) throw refuse('replayed');
    return candidate.tenant;
  };
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function isClientAlgorithm(value: unknown): value is ClientAlgorithm {
  return typeof value === 'string' && Object.hasOwn(keyKinds, value);
}

/** Read, not yet believed. */
function decode(
  token: string,
): { readonly header: Readonly<Record<string, unknown>>; readonly payload: JWTPayload } | null {
  try {
    return { header: decodeProtectedHeader(token) as Record<string, unknown>, payload: decodeJwt(token) };
  } catch (error) {
    if (error instanceof Error) return null;
    throw error;
  }
}

/** `exp` and `iat` are required, `nbf` holds when it is there. Gives when the token ends for good, clock skew included. */
function checkTimes(
  { exp, iat, nbf }: JWTPayload,
  limits: {
    readonly seconds: number;
    readonly clockSkewSeconds: number;
    readonly maxLifetimeSeconds: number;
  },
  refuse: (reason: RefusalReason) => ServiceError,
): Date {
  const { seconds, clockSkewSeconds, maxLifetimeSeconds } = limits;
  if (!isTime(exp) || exp + clockSkewSeconds <= seconds) throw refuse('expired');
  if (!isTime(iat) || iat - clockSkewSeconds > seconds) throw refuse('not-yet-valid');
  if (nbf !== undefined && (!isTime(nbf) || nbf - clockSkewSeconds > seconds)) throw refuse('not-yet-valid');
  if (exp <= iat || exp - iat > maxLifetimeSeconds) throw refuse('lifetime');
  return new Date((exp + clockSkewSeconds) * 1000);
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

/** One issuer may serve several tenants, told apart by the claim `tenant`; an entry without `tenantClaim` takes what no other does. */
function candidateFor(ofIssuer: readonly Candidate[], claim: unknown): Candidate | null {
  return (
    ofIssuer.find(({ client }) => client.tenantClaim !== undefined && client.tenantClaim === claim) ??
    ofIssuer.find(({ client }) => client.tenantClaim === undefined) ??
    null
  );
}

/** The sets that may hold the key: the one that a listed `jku` names, else those known beforehand. null: `jku` is not listed. */
function keySetsFor({ given, fetched }: Candidate, jku: unknown): readonly KeySet[] | null {
  if (jku === undefined) return [given, ...fetched.values()];
  const named = typeof jku === 'string' ? fetched.get(jku) : undefined;
  return named === undefined ? null : [named];
}

async function firstKey(
  sets: readonly KeySet[],
  kid: string,
  algorithm: ClientAlgorithm,
): Promise<CryptoKey | null> {
  // First what is known: the key server of one set must not keep a key of another waiting.
  for (const look of ['known', 'find'] as const) {
    for (const set of sets) {
      const key = await set[look](kid, algorithm);
      if (key !== null) return key;
    }
  }
  return null;
}

async function isSigned(token: string, key: CryptoKey, algorithm: ClientAlgorithm): Promise<boolean> {
  try {
    await compactVerify(token, key, { algorithms: [algorithm] });
    return true;
  } catch (error) {
    if (error instanceof Error) return false;
    throw error;
  }
}

/** Each tenant's clients with their keys; sets at the same address are kept for each client, because keys belong to an issuer. */
function candidatesOf(options: ClientVerifierOptions, now: () => Date): readonly Candidate[] {
  const { fetchJwks, jwksFreshSeconds = 600, jwksStaleSeconds = 3600, jwksRefetchSeconds = 30 } = options;
  const remote = (source: AllowedOrigin) =>
    createRemoteKeySet({
      fetch: () => fetchJwks(source),
      now: () => now().getTime(),
      freshSeconds: jwksFreshSeconds,
      staleSeconds: jwksStaleSeconds,
      refetchSeconds: jwksRefetchSeconds,
    });
  const all = options.tenants.flatMap((tenant) =>
    tenant.clients.map((client) => ({
      tenant,
      client,
      given: createKeySet(client.jwks ?? null),
      fetched: new Map(client.jwksUrls.map((source) => [source.base, remote(source)])),
    })),
  );
  const names = all.map(({ client }) => JSON.stringify([client.issuer, client.tenantClaim ?? null]));
  if (new Set(names).size < names.length) {
    throw new ServiceError('CONFIG_INVALID', {
      detail: 'Two tenants have the same issuer and no tenantClaim to tell them apart.',
    });
  }
  return all;
}

function anonymousTenant(tenants: readonly Tenant[]): Tenant | null {
  const [first, second] = tenants.filter(({ anonymous }) => anonymous);
  if (second !== undefined)
    throw new ServiceError('CONFIG_INVALID', { detail: 'Two tenants take calls without a token.' });
  return first ?? null;
}

import { createHmac } from 'node:crypto';
import { type CryptoKey, exportJWK, exportSPKI, generateKeyPair, type JWK, SignJWT } from 'jose';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { type ClientVerifierOptions, createClientVerifier, type RefusalReason } from '#auth/client-jwt';
import { ServiceError } from '#core/error';
import type { Tenant, TenantClient } from '#core/tenant';

const issuer = 'https://ehr.example';
const jku = 'https://ehr.example/jwks.json';
const audience = 'https://cds.example/cds-services/demo';
const start = new Date('2026-11-24T08:00:00Z');
const seconds = start.getTime() / 1000;

interface Pair {
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
  readonly jwk: JWK;
}
const pairs: Record<string, Pair> = {};
async function pair(name: string, algorithm: string): Promise<void> {
  const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true });
  pairs[name] = { privateKey, publicKey, jwk: { ...(await exportJWK(publicKey)), kid: name } };
}
const jwkOf = (name: string) => (pairs[name] as Pair).jwk as Record<string, unknown>;

beforeAll(async () => {
  for (const algorithm of ['ES256', 'ES384', 'ES512', 'RS256', 'RS384', 'RS512'])
    await pair(algorithm, algorithm);
  await pair('other', 'ES384');
  await pair('next', 'ES384');
});

interface TokenChange {
  readonly header?: Readonly<Record<string, unknown>>;
  readonly payload?: Readonly<Record<string, unknown>>;
  readonly signedBy?: string;
}
let count = 0;
async function token({ header = {}, payload = {}, signedBy = 'ES384' }: TokenChange = {}): Promise<string> {
  count += 1;
  const claims = {
    iss: issuer,
    aud: audience,
    iat: seconds,
    exp: seconds + 300,
    jti: `jti-${count}`,
    ...payload,
  };
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'ES384', typ: 'JWT', kid: 'ES384', ...header })
    .sign((pairs[signedBy] as Pair).privateKey);
}

const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

function tenantOf(id: string, clients: readonly TenantClient[], anonymous = false): Tenant {
  return {
    id,
    name: id,
    clients,
    anonymous,
    fhirServers: [],
    imagingServers: [],
    smart: [],
    prevalence: {},
    lookbackDays: 365,
    quietSeconds: 0,
    showLow: false,
    maxStudyBytes: 1,
  };
}

interface Bench {
  readonly verify: (jwt: string | undefined, audiences?: readonly string[]) => Promise<string>;
  readonly reasons: RefusalReason[];
  readonly fetched: string[];
  readonly remembered: [string, string, Date][];
  /** The published key set; null: its server is down. */
  jwks: unknown;
  now: Date;
}

/** A verifier with a clock and a key set that a test moves. By default one tenant with every key out of band and one `jku`. */
function bench(change: Partial<ClientVerifierOptions> = {}): Bench {
  const seen = new Set<string>();
  const keys = Object.values(pairs)
    .filter(({ jwk }) => jwk.kid !== 'next')
    .map(({ jwk }) => jwk as Record<string, unknown>);
  const client = { issuer, jwksUrls: [{ base: jku }], jwks: { keys } };
  const state: Omit<Bench, 'verify'> = {
    reasons: [],
    fetched: [],
    remembered: [],
    jwks: { keys },
    now: start,
  };
  const check = createClientVerifier({
    tenants: [tenantOf('hospital', [client])],
    now: () => result.now,
    fetchJwks: async ({ base }) => {
      result.fetched.push(base);
      if (result.jwks === null) throw new ServiceError('OUTBOUND_UNREACHABLE');
      return result.jwks;
    },
    firstUse: async (iss, jti, expires) => {
      result.remembered.push([iss, jti, expires]);
      const first = !seen.has(`${iss} ${jti}`);
      seen.add(`${iss} ${jti}`);
      return first;
    },
    onRefused: (reason) => result.reasons.push(reason),
    ...change,
  });
  const result: Bench = Object.assign(state, {
    verify: async (jwt: string | undefined, audiences: readonly string[] = [audience]) =>
      (await check(jwt === undefined ? undefined : `Bearer ${jwt}`, audiences)).id,
  });
  return result;
}

async function expectRefusal(
  on: Bench,
  jwt: string | undefined,
  reason: RefusalReason,
  audiences?: readonly string[],
): Promise<void> {
  const error = await on.verify(jwt, audiences).then(
    () => null,
    (failure: unknown) => failure,
  );
  expect(error).toBeInstanceOf(ServiceError);
  expect(error).toMatchObject({ code: 'CLIENT_UNAUTHENTICATED', status: 401 });
  expect((error as ServiceError).detail).toBeUndefined();
  expect((error as ServiceError).cause).toBeUndefined();
  expect(on.reasons).toEqual([reason]);
}

describe('tokens that are taken', () => {
  it.each(['ES256', 'ES384', 'ES512', 'RS256', 'RS384', 'RS512'])(
    'item 43 @200 @205 @207 signed with %s',
    async (algorithm) => {
      const on = bench();
      expect(
        await on.verify(await token({ header: { alg: algorithm, kid: algorithm }, signedBy: algorithm })),
      ).toBe('hospital');
      expect(on.reasons).toEqual([]);
    },
  );

  it.each<[string, TokenChange, (readonly string[])?]>([
    ['item 42 aud is the exact address', {}],
    ['item 42 aud is an array with the address', { payload: { aud: ['https://x.example', audience] } }],
    [
      'item 42 aud is one of several public spellings',
      { payload: { aud: 'https://alias.example/x' } },
      [audience, 'https://alias.example/x'],
    ],
    ['item 41 typ in small letters', { header: { typ: 'jwt' } }],
    ['item 41 nbf and sub as some EHRs send them', { payload: { nbf: seconds, sub: issuer } }],
    ['expired 59 s ago, within clock skew', { payload: { iat: seconds - 359, exp: seconds - 59 } }],
    ['issued in 60 s, within clock skew', { payload: { iat: seconds + 60, exp: seconds + 120 } }],
    ['valid from in 60 s, within clock skew', { payload: { nbf: seconds + 60 } }],
    ['living for an hour', { payload: { exp: seconds + 3600 } }],
    ['with a jti of 1024 characters', { payload: { jti: 'x'.repeat(1024) } }],
    ['with a tenant claim that nobody asks for', { payload: { tenant: 'x' } }],
  ])('%s', async (_name, change, audiences) => {
    expect(await bench().verify(await token(change), audiences)).toBe('hospital');
  });

  it('item 40 with the scheme in any case and several spaces', async () => {
    const { privateKey } = pairs['ES384'] as Pair;
    expect(privateKey).toBeDefined();
    const verify = createClientVerifier({
      tenants: [tenantOf('hospital', [{ issuer, jwksUrls: [], jwks: { keys: [jwkOf('ES384')] } }])],
      now: () => start,
      fetchJwks: async () => null,
      firstUse: async () => true,
    });
    expect((await verify(`bearer  ${await token()}`, [audience])).id).toBe('hospital');
  });
});

describe('item 46 the attack table of tokens: each is refused with 401 and no detail', () => {
  it.each<[string, RefusalReason, TokenChange]>([
    ['no kid', 'header', { header: { kid: undefined } }],
    ['an empty kid', 'header', { header: { kid: '' } }],
    ['no typ', 'header', { header: { typ: undefined } }],
    ['another typ', 'header', { header: { typ: 'at+jwt' } }],
    ['no iss', 'issuer', { payload: { iss: undefined } }],
    ['item 44 @195 an iss that is not listed', 'issuer', { payload: { iss: 'https://evil.example' } }],
    ['an iss with a slash more', 'issuer', { payload: { iss: `${issuer}/` } }],
    ['no aud', 'audience', { payload: { aud: undefined } }],
    ['item 42 aud of another service', 'audience', { payload: { aud: `${audience}2` } }],
    ['item 42 aud with a slash more', 'audience', { payload: { aud: `${audience}/` } }],
    [
      'item 42 aud of the discovery address',
      'audience',
      { payload: { aud: 'https://cds.example/cds-services' } },
    ],
    ['an empty list of aud', 'audience', { payload: { aud: [] } }],
    ['aud null', 'audience', { payload: { aud: null } }],
    ['no exp', 'expired', { payload: { exp: undefined } }],
    ['exp as text', 'expired', { payload: { exp: String(seconds + 300) } }],
    [
      'expired 60 s ago, the end of clock skew',
      'expired',
      { payload: { iat: seconds - 360, exp: seconds - 60 } },
    ],
    ['no iat', 'not-yet-valid', { payload: { iat: undefined } }],
    ['issued in 61 s', 'not-yet-valid', { payload: { iat: seconds + 61, exp: seconds + 120 } }],
    ['valid from in 61 s', 'not-yet-valid', { payload: { nbf: seconds + 61 } }],
    ['nbf as text', 'not-yet-valid', { payload: { nbf: 'now' } }],
    ['living for an hour and a second', 'lifetime', { payload: { exp: seconds + 3601 } }],
    ['ending when it begins', 'lifetime', { payload: { iat: seconds + 30, exp: seconds + 30 } }],
    ['no jti', 'jti', { payload: { jti: undefined } }],
    ['an empty jti', 'jti', { payload: { jti: '' } }],
    ['a jti that is a number', 'jti', { payload: { jti: 7 } }],
    ['a jti of 1025 characters', 'jti', { payload: { jti: 'x'.repeat(1025) } }],
    ['item 44 a jku that is not listed', 'jku', { header: { jku: 'https://evil.example/jwks.json' } }],
    ['item 44 a jku on a metadata address', 'jku', { header: { jku: 'http://169.254.169.254/jwks.json' } }],
    ['a listed jku with a query', 'jku', { header: { jku: `${jku}?x` } }],
    ['a jku that is null', 'jku', { header: { jku: null } }],
    ['item 45 a kid that nobody knows', 'key', { header: { kid: 'unknown' } }],
    ['another key under a known kid', 'signature', { signedBy: 'other' }],
  ])('%s: %s', async (_name, reason, change) => {
    const on = bench();
    await expectRefusal(on, await token(change), reason);
    expect(on.remembered).toEqual([]);
    // No address but the listed one is ever asked, and that only for a key that is not known.
    expect(on.fetched).toEqual(reason === 'key' ? [jku] : []);
  });

  it.each<[string, () => Promise<string> | string, RefusalReason]>([
    ['nothing', () => '', 'malformed'],
    ['one part', () => 'abc', 'malformed'],
    ['four parts', () => 'a.b.c.d', 'malformed'],
    ['parts that are no JSON', () => 'abc.def.ghi', 'malformed'],
    ['a payload that is an array', () => `${base64({ alg: 'ES384' })}.${base64([])}.x`, 'malformed'],
    ['something after it', async () => `${await token()} x`, 'malformed'],
    [
      '@201 alg none without signature',
      () => `${base64({ alg: 'none', typ: 'JWT', kid: 'ES384' })}.${base64({ iss: issuer })}.`,
      'algorithm',
    ],
    [
      '@201 alg NoNe',
      () => `${base64({ alg: 'NoNe', typ: 'JWT', kid: 'ES384' })}.${base64({ iss: issuer })}.`,
      'algorithm',
    ],
    ['no alg', () => `${base64({ typ: 'JWT', kid: 'ES384' })}.${base64({ iss: issuer })}.x`, 'algorithm'],
    [
      'an alg named like a property of every object',
      () => `${base64({ alg: 'toString', kid: 'a' })}.${base64({})}.x`,
      'algorithm',
    ],
    ['an alg that is a number', () => `${base64({ alg: 1, kid: 'a' })}.${base64({})}.x`, 'algorithm'],
    ['a signature cut off', async () => (await token()).replace(/\.[^.]*$/, '.'), 'signature'],
    [
      'a payload changed after signing',
      async () => {
        const [header, , signature] = (await token()).split('.');
        return `${header}.${base64({ iss: issuer, aud: audience, iat: seconds, exp: seconds + 301, jti: 'x' })}.${signature}`;
      },
      'signature',
    ],
    [
      'a critical header that is not understood',
      async () => {
        const [, payload, signature] = (await token()).split('.');
        return `${base64({ alg: 'ES384', typ: 'JWT', kid: 'ES384', crit: ['x'], x: 1 })}.${payload}.${signature}`;
      },
      'signature',
    ],
  ])('%s', async (_name, make, reason) => {
    await expectRefusal(bench(), await make(), reason);
  });

  it.each(['HS256', 'HS384', 'HS512'])('item 43 @203 %s with the public key as secret', async (algorithm) => {
    const secret = await exportSPKI((pairs['RS384'] as Pair).publicKey);
    const signed = `${base64({ alg: algorithm, typ: 'JWT', kid: 'RS384' })}.${base64({ iss: issuer, aud: audience, iat: seconds, exp: seconds + 300, jti: 'x' })}`;
    const mac = createHmac(algorithm.replace('HS', 'sha'), secret).update(signed).digest('base64url');
    await expectRefusal(bench(), `${signed}.${mac}`, 'algorithm');
  });

  it('the key of another algorithm under the kid that is named', async () => {
    await expectRefusal(
      bench(),
      await token({ header: { alg: 'ES256', kid: 'ES384' }, signedBy: 'ES256' }),
      'key',
    );
  });

  it('a key in the header of the token itself is not looked at', async () => {
    await expectRefusal(
      bench(),
      await token({ header: { kid: 'mine', jwk: jwkOf('other') }, signedBy: 'other' }),
      'key',
    );
  });

  it.each(['Basic dTpw', 'Bearer', 'token', ''])(
    'the header %j is no client JWT, and not anonymous either',
    async (header) => {
      const reasons: RefusalReason[] = [];
      const verify = createClientVerifier({
        tenants: [tenantOf('open', [], true)],
        fetchJwks: async () => null,
        firstUse: async () => true,
        onRefused: (reason) => reasons.push(reason),
      });
      await expect(verify(header, [audience])).rejects.toMatchObject({ code: 'CLIENT_UNAUTHENTICATED' });
      expect(reasons).toEqual(['malformed']);
    },
  );

  it('a token of now against the clock of the machine, when none is given', async () => {
    const verify = createClientVerifier({
      tenants: [tenantOf('hospital', [{ issuer, jwksUrls: [], jwks: { keys: [jwkOf('ES384')] } }])],
      fetchJwks: async () => null,
      firstUse: async () => true,
    });
    const iat = Math.floor(Date.now() / 1000);
    expect((await verify(`Bearer ${await token({ payload: { iat, exp: iat + 60 } })}`, [audience])).id).toBe(
      'hospital',
    );
    await expect(
      verify(`Bearer ${await token({ payload: { iat: iat - 999, exp: iat - 900 } })}`, [audience]),
    ).rejects.toMatchObject({ code: 'CLIENT_UNAUTHENTICATED' });
  });

  it('item 46 a jti is used once, remembered by its issuer until the token has ended for every clock', async () => {
    const on = bench();
    const jwt = await token({ payload: { jti: 'once' } });
    expect(await on.verify(jwt)).toBe('hospital');
    await expectRefusal(on, jwt, 'replayed');
    expect(on.remembered[0]).toEqual([issuer, 'once', new Date((seconds + 360) * 1000)]);
  });

  it('a memory of tokens that is lost takes none', async () => {
    const on = bench({ firstUse: () => Promise.reject(new ServiceError('STORE_UNAVAILABLE')) });
    await expect(on.verify(await token())).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', status: 503 });
  });

  it('limits can be set', async () => {
    const on = bench({ clockSkewSeconds: 0, maxLifetimeSeconds: 300 });
    expect(await on.verify(await token())).toBe('hospital');
    await expectRefusal(on, await token({ payload: { exp: seconds + 301 } }), 'lifetime');
    on.reasons.length = 0;
    await expectRefusal(on, await token({ payload: { iat: seconds - 10, exp: seconds } }), 'expired');
  });
});

describe('calls without a token', () => {
  it('item 40 @177 are refused', async () => {
    await expectRefusal(bench(), undefined, 'no-token');
  });

  it('belong to the one tenant that allows it, whose tokens are verified all the same', async () => {
    const on = bench({
      tenants: [
        tenantOf('hospital', []),
        tenantOf('sandbox', [{ issuer, jwksUrls: [], jwks: { keys: [jwkOf('ES384')] } }], true),
      ],
    });
    expect(await on.verify(undefined)).toBe('sandbox');
    expect(await on.verify(await token())).toBe('sandbox');
    await expectRefusal(on, await token({ signedBy: 'other' }), 'signature');
  });

  it('two tenants that allow it are a mistake of the configuration', () => {
    expect(() => bench({ tenants: [tenantOf('a', [], true), tenantOf('b', [], true)] })).toThrow(
      'Two tenants take calls without a token.',
    );
  });
});

describe('several tenants', () => {
  const client = (name: string, tenantClaim?: string, from = issuer): TenantClient => ({
    issuer: from,
    jwksUrls: [],
    jwks: { keys: [{ ...jwkOf(name), kid: 'k' }] },
    ...(tenantClaim !== undefined && { tenantClaim }),
  });

  it('of one issuer are told apart by the claim tenant', async () => {
    const on = bench({
      tenants: [tenantOf('a', [client('ES384', 'A')]), tenantOf('b', [client('other', 'B')])],
    });
    expect(await on.verify(await token({ header: { kid: 'k' }, payload: { tenant: 'A' } }))).toBe('a');
    expect(
      await on.verify(await token({ header: { kid: 'k' }, payload: { tenant: 'B' }, signedBy: 'other' })),
    ).toBe('b');
    await expectRefusal(on, await token({ header: { kid: 'k' }, payload: { tenant: 'B' } }), 'signature');
    on.reasons.length = 0;
    await expectRefusal(on, await token({ header: { kid: 'k' } }), 'tenant');
    on.reasons.length = 0;
    await expectRefusal(on, await token({ header: { kid: 'k' }, payload: { tenant: 'C' } }), 'tenant');
  });

  it('one without tenantClaim takes what no other does', async () => {
    const on = bench({
      tenants: [tenantOf('rest', [client('ES384')]), tenantOf('b', [client('other', 'B')])],
    });
    expect(await on.verify(await token({ header: { kid: 'k' }, payload: { tenant: 'C' } }))).toBe('rest');
    expect(
      await on.verify(await token({ header: { kid: 'k' }, payload: { tenant: 'B' }, signedBy: 'other' })),
    ).toBe('b');
  });

  it('item 45 the same kid of two issuers is two keys', async () => {
    const second = 'https://second.example';
    const on = bench({
      tenants: [tenantOf('a', [client('ES384')]), tenantOf('b', [client('other', undefined, second)])],
    });
    expect(await on.verify(await token({ header: { kid: 'k' } }))).toBe('a');
    expect(
      await on.verify(await token({ header: { kid: 'k' }, payload: { iss: second }, signedBy: 'other' })),
    ).toBe('b');
    await expectRefusal(on, await token({ header: { kid: 'k' }, payload: { iss: second } }), 'signature');
  });

  it('that cannot be told apart are a mistake of the configuration', () => {
    const problem = 'Two tenants have the same issuer and no tenantClaim to tell them apart.';
    expect(() =>
      bench({ tenants: [tenantOf('a', [client('ES384')]), tenantOf('b', [client('other')])] }),
    ).toThrow(problem);
    expect(() =>
      bench({ tenants: [tenantOf('a', [client('ES384', 'A')]), tenantOf('b', [client('other', 'A')])] }),
    ).toThrow(problem);
  });
});

describe('item 45 @199 keys given out of band and key sets at an address', () => {
  const client: TenantClient = { issuer, jwksUrls: [{ base: jku }] };
  const remote = () => {
    const on = bench({ tenants: [tenantOf('hospital', [client])] });
    on.jwks = { keys: [jwkOf('ES384')] };
    return on;
  };

  it('out of band: no address is asked', async () => {
    const on = bench();
    await on.verify(await token());
    expect(on.fetched).toEqual([]);
  });

  it.each([[{}], [{ jku }]])(
    'the listed set is fetched once and kept, the token’s header having %j',
    async (header) => {
      const on = remote();
      for (let call = 0; call < 3; call += 1)
        expect(await on.verify(await token({ header }))).toBe('hospital');
      expect(on.fetched).toEqual([jku]);
    },
  );

  it('with a listed jku only that set counts', async () => {
    const on = bench();
    on.jwks = { keys: [] };
    await expectRefusal(on, await token({ header: { jku } }), 'key');
  });

  it('many calls at once fetch it once', async () => {
    const on = remote();
    const tokens = await Promise.all(Array.from({ length: 10 }, () => token()));
    await Promise.all(tokens.map((jwt) => on.verify(jwt)));
    expect(on.fetched).toEqual([jku]);
  });

  it('rotation: an unknown kid has the set fetched once more, at most every 30 s', async () => {
    const on = remote();
    await on.verify(await token());
    on.jwks = { keys: [jwkOf('next')] };
    const rotated = { header: { kid: 'next' }, signedBy: 'next' };
    on.now = new Date(start.getTime() + 29_999);
    await expectRefusal(on, await token(rotated), 'key');
    expect(on.fetched).toHaveLength(1);
    on.now = new Date(start.getTime() + 30_000);
    expect(await on.verify(await token(rotated))).toBe('hospital');
    expect(on.fetched).toHaveLength(2);
    on.reasons.length = 0;
    await expectRefusal(on, await token(), 'key');
    expect(on.fetched).toHaveLength(2);
  });

  it('a set is asked for anew after 10 minutes, so that a withdrawn key ends with the call after', async () => {
    const on = remote();
    await on.verify(await token());
    on.jwks = { keys: [] };
    const later = (ms: number) => {
      on.now = new Date(start.getTime() + ms);
      const iat = on.now.getTime() / 1000;
      return token({ payload: { iat, exp: iat + 60 } });
    };
    expect(await on.verify(await later(599_999))).toBe('hospital');
    expect(on.fetched).toHaveLength(1);
    expect(await on.verify(await later(600_000))).toBe('hospital');
    expect(on.fetched).toHaveLength(2);
    await expectRefusal(on, await later(600_001), 'key');
    expect(on.fetched).toHaveLength(2);
  });

  it('a set whose server is down serves for an hour', async () => {
    const on = remote();
    await on.verify(await token());
    on.jwks = null;
    const at = async (secondsLater: number) => {
      on.now = new Date(start.getTime() + secondsLater * 1000);
      return token({ payload: { iat: seconds + secondsLater, exp: seconds + secondsLater + 60 } });
    };
    expect(await on.verify(await at(3600))).toBe('hospital');
    await expectRefusal(on, await at(3601), 'key');
    on.jwks = { keys: [jwkOf('ES384')] };
    expect(await on.verify(await at(3700))).toBe('hospital');
  });

  describe('a key server that does not answer', () => {
    const second = 'https://ehr.example/second.json';
    const hanging = (clients: readonly TenantClient[]) => {
      const answers: ((jwks: unknown) => void)[] = [];
      const state = { hangs: false };
      const on = bench({
        tenants: [tenantOf('hospital', clients)],
        fetchJwks: async ({ base }) => {
          on.fetched.push(base);
          if (state.hangs) return new Promise((resolve) => answers.push(resolve));
          return { keys: base === second ? [jwkOf('next')] : [jwkOf('ES384')] };
        },
      });
      const at = (secondsLater: number, change: TokenChange = {}) => {
        on.now = new Date(start.getTime() + secondsLater * 1000);
        const iat = seconds + secondsLater;
        return token({ ...change, payload: { iat, exp: iat + 60 } });
      };
      return { on, at, answers, hang: () => Object.assign(state, { hangs: true }) };
    };

    it('keeps no call waiting whose key is known: the set is fetched meanwhile, once', async () => {
      const { on, at, answers, hang } = hanging([client]);
      await on.verify(await at(0));
      hang();
      for (const later of [600, 601, 1200, 3600])
        expect(await on.verify(await at(later)), String(later)).toBe('hospital');
      expect(on.fetched).toEqual([jku, jku]);
      answers[0]?.({ keys: [jwkOf('next')] });
      await new Promise((resolve) => setImmediate(resolve));
      const next = { header: { kid: 'next' }, signedBy: 'next' };
      expect(await on.verify(await at(3600, next))).toBe('hospital');
      expect(on.fetched).toEqual([jku, jku]);
    });

    it('keeps a call waiting whose key is not known, and one whose set is too old', async () => {
      const { on, at, answers, hang } = hanging([client]);
      await on.verify(await at(0));
      hang();
      const next = { header: { kid: 'next' }, signedBy: 'next' };
      const waiting = on.verify(await at(60, next));
      await vi.waitFor(() => expect(answers).toHaveLength(1));
      answers[0]?.({ keys: [jwkOf('next')] });
      expect(await waiting).toBe('hospital');
      const tooOld = on.verify(await at(60 + 3601, next));
      await vi.waitFor(() => expect(answers).toHaveLength(2));
      answers[1]?.({ keys: [jwkOf('next')] });
      expect(await tooOld).toBe('hospital');
    });

    it('keeps no call waiting whose key is in another set', async () => {
      const { on, at, hang } = hanging([{ issuer, jwksUrls: [{ base: jku }, { base: second }] }]);
      const next = { header: { kid: 'next' }, signedBy: 'next' };
      await on.verify(await at(0, next));
      hang();
      expect(await on.verify(await at(60, next))).toBe('hospital');
      expect(await on.verify(await at(700, next))).toBe('hospital');
      expect(on.fetched).toEqual([jku, second, second]);
    });
  });

  it('a server that was never reached: the key is not found', async () => {
    const on = remote();
    on.jwks = null;
    await expectRefusal(on, await token(), 'key');
    expect(on.fetched).toHaveLength(1);
  });

  it.each([null, 'text', {}, { keys: 'x' }, { keys: [null, 'x'] }])(
    'a set that is %j has no key',
    async (jwks) => {
      const on = remote();
      on.jwks = jwks === null ? undefined : jwks;
      await expectRefusal(on, await token(), 'key');
    },
  );

  it.each<[string, (jwk: Record<string, unknown>) => Record<string, unknown>]>([
    ['for encryption', (jwk) => ({ ...jwk, use: 'enc' })],
    ['of another algorithm', (jwk) => ({ ...jwk, alg: 'ES256' })],
    ['of another curve', (jwk) => ({ ...jwk, crv: 'P-256' })],
    ['of another type', (jwk) => ({ ...jwk, kty: 'RSA' })],
    ['that is a secret', () => ({ kty: 'oct', k: 'AAAA', kid: 'ES384' })],
    ['not for verifying', (jwk) => ({ ...jwk, key_ops: ['encrypt'] })],
    ['whose uses are no list', (jwk) => ({ ...jwk, key_ops: 'verify' })],
    ['that does not parse', (jwk) => ({ ...jwk, x: '!' })],
    ['without kid', ({ kid: _kid, ...jwk }) => jwk],
  ])('a key %s is not used', async (_name, change) => {
    const on = remote();
    on.jwks = { keys: [change(jwkOf('ES384'))] };
    await expectRefusal(on, await token(), 'key');
  });

  it.each<[string, (jwk: Record<string, unknown>) => Record<string, unknown>]>([
    ['for signatures', (jwk) => ({ ...jwk, use: 'sig', alg: 'ES384', key_ops: ['verify'] })],
    ['that shows its private part', (jwk) => ({ ...jwk, d: 'AAAA' })],
  ])('a key %s is used', async (_name, change) => {
    const on = remote();
    on.jwks = { keys: [{ kty: 'EC', kid: 'another' }, change(jwkOf('ES384'))] };
    expect(await on.verify(await token())).toBe('hospital');
  });

  it('the keys of one set are told apart, by kid and by algorithm', async () => {
    const on = remote();
    on.jwks = { keys: [jwkOf('ES384'), jwkOf('next'), { ...jwkOf('RS256'), kid: 'ES384' }] };
    expect(await on.verify(await token())).toBe('hospital');
    expect(await on.verify(await token({ header: { kid: 'next' }, signedBy: 'next' }))).toBe('hospital');
    expect(await on.verify(await token({ header: { alg: 'RS256' }, signedBy: 'RS256' }))).toBe('hospital');
    expect(await on.verify(await token())).toBe('hospital');
    await expectRefusal(on, await token({ signedBy: 'next' }), 'signature');
  });

  it('of two listed sets the one that has the key', async () => {
    const second = 'https://ehr.example/second.json';
    const on = bench({
      tenants: [tenantOf('hospital', [{ issuer, jwksUrls: [{ base: jku }, { base: second }] }])],
      fetchJwks: async ({ base }) => ({ keys: base === second ? [jwkOf('ES384')] : [] }),
    });
    expect(await on.verify(await token())).toBe('hospital');
    expect(await on.verify(await token({ header: { jku: second } }))).toBe('hospital');
    await expectRefusal(on, await token({ header: { jku } }), 'key');
  });
});

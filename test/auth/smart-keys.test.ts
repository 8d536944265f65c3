import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { inspect } from 'node:util';
import type { JWK } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSmartClient } from '#auth/smart-client';
import { makeSmartKeys, readSmartKeys, writeSmartKeys } from '#auth/smart-keys';
import type { ServiceError } from '#core/error';
import type { SmartRegistration, Tenant } from '#core/tenant';
import { coded } from '../support/outbound.ts';
import { smartTenant } from '../support/smart-ehr.ts';

let folder: string;
let made: { keys: JWK[] };
beforeAll(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'fovea-test-keys-'));
  const file = path.join(folder, 'made.json');
  await writeSmartKeys(file);
  made = JSON.parse(readFileSync(file, 'utf8'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
function fileOf(content: unknown): string {
  files += 1;
  const file = path.join(folder, `${files}.json`);
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
}
const secrets = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];

describe('own keys', () => {
  it('S10 a new file has one key for ES384 and one for RS384, is its owner’s alone and is not written over', async () => {
    const file = path.join(folder, 'new.json');
    const kids = await writeSmartKeys(file);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const keys = await readSmartKeys(file);
    expect([keys.signing('ES384')?.kid, keys.signing('RS384')?.kid]).toEqual(kids);
    const before = readFileSync(file, 'utf8');
    await expect(writeSmartKeys(file)).rejects.toEqual(coded('CONFIG_INVALID'));
    expect(readFileSync(file, 'utf8')).toBe(before);
    await expect(writeSmartKeys(path.join(folder, 'none', 'x.json'))).rejects.toEqual(
      coded('CONFIG_INVALID'),
    );
  });

  it('S10 every key is published without its private members, with kid, alg and use', async () => {
    const { published } = await readSmartKeys(fileOf(made));
    expect(published.keys).toHaveLength(2);
    for (const key of published.keys) {
      expect(Object.keys(key).filter((name) => secrets.includes(name))).toEqual([]);
      expect(key).toMatchObject({ use: 'sig', key_ops: ['verify'] });
    }
    expect(published.keys.map(({ alg }) => alg)).toEqual(['ES384', 'RS384']);
    expect(published.keys.map(({ kid }) => kid)).toEqual(made.keys.map(({ kid }) => kid));
  });

  it('S10 rotation: the first of an algorithm signs, all are published', async () => {
    const next: { keys: JWK[] } = JSON.parse(readFileSync(await fileOfNewKeys(), 'utf8'));
    const announced = await readSmartKeys(fileOf({ keys: [...made.keys, ...next.keys] }));
    expect(announced.signing('ES384')?.kid).toBe(made.keys[0]?.kid);
    const turned = await readSmartKeys(fileOf({ keys: [...next.keys, ...made.keys] }));
    expect(turned.signing('ES384')?.kid).toBe(next.keys[0]?.kid);
    expect(turned.signing('RS384')?.kid).toBe(next.keys[1]?.kid);
    const kids = (keys: typeof turned) => keys.published.keys.map(({ kid }) => kid).sort();
    expect(kids(turned)).toEqual(kids(announced));
    expect(kids(turned)).toHaveLength(4);
  });

  async function fileOfNewKeys(): Promise<string> {
    files += 1;
    const file = path.join(folder, `next-${files}.json`);
    await writeSmartKeys(file);
    return file;
  }

  it('keys made in the process are new each time', async () => {
    const [one, other] = await Promise.all([makeSmartKeys(), makeSmartKeys()]);
    expect(one.signing('ES384')?.kid).not.toBe(other.signing('ES384')?.kid);
  });

  it('a file that is none, or no JSON, is refused without a word of what it holds', async () => {
    for (const file of [path.join(folder, 'absent'), folder, fileOf('{"d":"top-secret"')]) {
      const failure = await readSmartKeys(file).catch((error: unknown) => error);
      expect(failure).toEqual(coded('CONFIG_INVALID'));
      expect(inspect(failure, { depth: 9 })).not.toContain('top-secret');
    }
  });

  it.each<[string, (es: JWK, rs: JWK) => unknown, RegExp]>([
    ['null', () => null, /JWK Set/],
    ['no key', () => ({ keys: [] }), /JWK Set/],
    ['a key that is no object', () => ({ keys: [7] }), /\/keys\/0 must be a key/],
    ['a shared secret', () => ({ keys: [{ kty: 'oct', k: 'AAAA', kid: 'x' }] }), /must be a key/],
    ['a key of another curve', (es) => ({ keys: [{ ...es, crv: 'P-256' }] }), /must be a key/],
    ['a key for another algorithm', (_es, rs) => ({ keys: [{ ...rs, alg: 'RS256' }] }), /must be a key/],
    ['a key to encrypt', (es) => ({ keys: [{ ...es, use: 'enc' }] }), /not for signatures/],
    ['a key without kid', (es) => ({ keys: [{ ...es, kid: undefined }] }), /no kid/],
    ['a public key', (es) => ({ keys: [{ ...es, d: undefined }] }), /no private key/],
    ['two keys of one kid', (es, rs) => ({ keys: [es, { ...rs, kid: es.kid }] }), /same kid/],
    ['a key that does not parse', (es) => ({ keys: [{ ...es, x: '!' }] }), /cannot be read/],
    [
      'a key of which a half is missing',
      (_es, rs) => ({ keys: [{ ...rs, n: undefined }] }),
      /cannot be read/,
    ],
  ])('%s is refused', async (_what, content, detail) => {
    const [es, rs] = made.keys as [JWK, JWK];
    const failure = await readSmartKeys(fileOf(content(es, rs))).catch((error: unknown) => error);
    expect(failure).toEqual(coded('CONFIG_INVALID'));
    expect((failure as ServiceError).detail).toMatch(detail);
    expect(inspect(failure, { depth: 9 })).not.toContain(String(es.d));
  });

  it('a private key beside another public key, and a short one, are refused', async () => {
    const next: { keys: JWK[] } = JSON.parse(readFileSync(await fileOfNewKeys(), 'utf8'));
    const [es, rs] = made.keys as [JWK, JWK];
    const [otherEs, otherRs] = next.keys as [JWK, JWK];
    const detailOf = (key: JWK) =>
      readSmartKeys(fileOf({ keys: [key] })).then(
        () => 'taken',
        (error: ServiceError) => error.detail,
      );
    expect(await detailOf({ ...rs, n: otherRs.n as string })).toMatch(/does not belong/);
    expect(await detailOf({ ...es, x: otherEs.x as string, y: otherEs.y as string })).toMatch(
      /cannot be read|does not belong/,
    );
    const short = await crypto.subtle.generateKey(
      {
        name: 'RSASSA-PKCS1-v1_5',
        modulusLength: 1024,
        publicExponent: new Uint8Array([1, 0, 1]),
        hash: 'SHA-384',
      },
      true,
      ['sign'],
    );
    const jwk = await crypto.subtle.exportKey('jwk', short.privateKey);
    expect(await detailOf({ ...(jwk as JWK), kid: 'short' })).toMatch(/fewer than 2048 bits/);
  });
});

describe('registrations', () => {
  const at = 'https://ehr.example/fhir';
  const none: SmartRegistration['authentication'] = { method: 'none' };
  const create = (tenants: readonly Tenant[], keys: Parameters<typeof createSmartClient>[0]['keys'] = null) =>
    createSmartClient({ tenants, keys, outbound: () => Promise.reject(new TypeError('not asked')) });

  it('S1 one FHIR base is registered once', () => {
    const tenant = smartTenant('app', at, 'https://ehr.example/auth', none);
    expect(() => create([tenant])).not.toThrow();
    expect(() => create([tenant, { ...smartTenant('b', `${at}/`, at, none), id: 'other' }])).toThrow(
      coded('CONFIG_INVALID'),
    );
    expect(() => create([{ ...tenant, fhirServers: [] }])).toThrow(coded('CONFIG_INVALID'));
  });

  it('S10 a secret that is not there, and a key that is not there, are found at the start', async () => {
    const keys = await readSmartKeys(fileOf({ keys: made.keys.slice(0, 1) }));
    const secret = (secretFile: string) =>
      create([smartTenant('app', at, at, { method: 'client_secret_post', secretFile })]);
    expect(() => secret(path.join(folder, 'absent'))).toThrow(coded('CONFIG_INVALID'));
    expect(() => secret(fileOf(' \n'))).toThrow(coded('CONFIG_INVALID'));
    expect(() => secret(fileOf('word\n'))).not.toThrow();
    const signed = (algorithm: 'ES384' | 'RS384') =>
      smartTenant('app', at, at, { method: 'private_key_jwt', algorithm });
    expect(() => create([signed('ES384')])).toThrow(coded('CONFIG_INVALID'));
    expect(() => create([signed('RS384')], keys)).toThrow(coded('CONFIG_INVALID'));
    expect(() => create([signed('ES384')], keys)).not.toThrow();
    expect(create([signed('ES384')], keys).jwks()).toBe(keys.published);
    expect(create([]).jwks()).toEqual({ keys: [] });
  });
});

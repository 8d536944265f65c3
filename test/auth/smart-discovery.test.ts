import type { CryptoKey } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ServiceError } from '#core/error';
import { answer, breakOff, endless, redirect, silence } from '../support/fault-server.ts';
import { type ForgedEhr, makeForgedKeys, startForgedEhr } from '../support/forged-ehr.ts';
import { coded } from '../support/outbound.ts';
import { redirectUri } from '../support/smart-ehr.ts';

let keys: { own: CryptoKey; foreign: CryptoKey };
beforeAll(async () => {
  keys = await makeForgedKeys();
});

const jsonType = { 'content-type': 'application/json' };
const discovery = '/fhir/.well-known/smart-configuration';
const begin = (ehr: ForgedEhr, more: { launch?: string | null; context?: 'patient' | 'worklist' } = {}) =>
  ehr.client.begin({ iss: ehr.iss, launch: 'l-1', context: 'patient', redirectUri, ...more });
const asked = (ehr: ForgedEhr) => ehr.server.requests.map(({ url }) => url);

describe('discovery', () => {
  it('S2 asks for smart-configuration as JSON, and takes endpoints relative to the FHIR base', async () => {
    const ehr = await startForgedEhr(keys, {
      configuration: () => ({
        authorization_endpoint: 'authorize',
        token_endpoint: '../token',
        jwks_uri: '/jwks',
      }),
    });
    const { authorize } = await begin(ehr);
    expect(authorize.url).toContain(`${ehr.iss}/authorize?`);
    expect(ehr.server.requests[0]).toMatchObject({ url: discovery, headers: { accept: 'application/json' } });
    await ehr.launch();
    expect(asked(ehr)).toEqual([discovery, '/token', '/jwks']);
  });

  it('S2 a document is used for 10 minutes, a failure not once more; who asks at the same time asks once', async () => {
    const ehr = await startForgedEhr(keys, { discovery: answer(500) });
    await expect(begin(ehr)).rejects.toEqual(coded('SMART_SERVER_INVALID'));
    ehr.forge({});
    await Promise.all([begin(ehr), begin(ehr)]);
    await begin(ehr);
    expect(asked(ehr)).toEqual([discovery, discovery]);
    ehr.later(599_000);
    await begin(ehr);
    expect(asked(ehr)).toHaveLength(2);
    ehr.later(2_000);
    await begin(ehr);
    expect(asked(ehr)).toHaveLength(3);
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    ['no issuer', { issuer: undefined }, /no issuer/],
    ['an issuer that is no text', { issuer: ['x'] }, /no issuer/],
    ['no authorization endpoint', { authorization_endpoint: undefined }, /no authorization_endpoint/],
    ['no token endpoint', { token_endpoint: undefined }, /no token_endpoint/],
    ['no keys', { jwks_uri: undefined }, /no jwks_uri/],
    ['no PKCE', { code_challenge_methods_supported: undefined }, /S256/],
    ['PKCE in the clear alone', { code_challenge_methods_supported: ['plain'] }, /S256/],
    ['PKCE as text', { code_challenge_methods_supported: 'S256' }, /S256/],
    ['a token endpoint that is a number', { token_endpoint: 7 }, /token_endpoint is not a URL/],
    ['a token endpoint that is no URL', { token_endpoint: 'https://[' }, /token_endpoint is not a URL/],
    ...['authorization_endpoint', 'token_endpoint', 'jwks_uri', 'revocation_endpoint'].flatMap((name) =>
      [
        'https://evil.example/x',
        '//evil.example/x',
        'http://127.0.0.1:1/x',
        'javascript:alert(1)',
        'file:///etc/passwd',
        'http://user:word@127.0.0.1/x',
      ].map((url): [string, Record<string, unknown>, RegExp] => [
        `${name} at ${url}`,
        { [name]: url },
        new RegExp(`${name} is not on authorizationServers`),
      ]),
    ),
  ])('S2 S3 a document with %s is refused, and nothing else is asked', async (_what, members, detail) => {
    const ehr = await startForgedEhr(keys, { configuration: () => members });
    const failure = await begin(ehr).catch((error: unknown) => error);
    expect(failure).toEqual(coded('SMART_SERVER_INVALID'));
    expect((failure as ServiceError).detail).toMatch(detail);
    expect(asked(ehr)).toEqual([discovery]);
  });

  it.each([
    ['a page', answer(200, { 'content-type': 'text/html' }, '<html>'), 'SMART_SERVER_INVALID'],
    ['null', answer(200, jsonType, 'null'), 'SMART_SERVER_INVALID'],
    ['not found', answer(404), 'SMART_SERVER_INVALID'],
    ['silence', silence, 'OUTBOUND_TIMEOUT'],
    ['more than it may', endless(jsonType), 'OUTBOUND_TOO_LARGE'],
    ['half of it', breakOff({ ...jsonType, 'content-length': 100 }, '{'), 'OUTBOUND_UNREACHABLE'],
    ['a redirect elsewhere', redirect('https://evil.example/x'), 'REDIRECT_REFUSED'],
    ['a redirect out of the FHIR base', redirect('/token'), 'REDIRECT_REFUSED'],
  ])('S2 answered with %s', async (_what, fault, code) => {
    const ehr = await startForgedEhr(keys, { discovery: fault }, 1_000);
    await expect(begin(ehr)).rejects.toEqual(coded(code));
    expect(asked(ehr)).toEqual([discovery]);
  });
});

describe('scopes', () => {
  const scopesOf = async (
    capabilities: readonly string[],
    more: Parameters<typeof begin>[1] = {},
    configuration = {},
  ) => {
    const ehr = await startForgedEhr(keys, { configuration: () => ({ capabilities, ...configuration }) });
    return (await begin(ehr, more)).pending.scopes;
  };
  const five = (level: string, right: string) =>
    ['Patient', 'ImagingStudy', 'DiagnosticReport', 'Endpoint', 'Practitioner'].map(
      (type) => `${level}/${type}.${right}`,
    );

  it('S6 the least that is needed: EHR launch, standalone launch, worklist', async () => {
    const sso = ['sso-openid-connect', 'permission-v2'];
    expect(await scopesOf(sso)).toEqual(['launch', 'openid', 'fhirUser', ...five('patient', 'rs')]);
    expect(await scopesOf(sso, { launch: null })).toEqual([
      'launch/patient',
      'openid',
      'fhirUser',
      ...five('patient', 'rs'),
    ]);
    expect(await scopesOf(sso, { launch: null, context: 'worklist' })).toEqual([
      'openid',
      'fhirUser',
      ...five('user', 'rs'),
    ]);
    expect(await scopesOf(sso, { context: 'worklist' })).toEqual([
      'launch',
      'openid',
      'fhirUser',
      ...five('user', 'rs'),
    ]);
  });

  it('S6 v1 only where the EHR takes v1 and not v2', async () => {
    expect(await scopesOf(['permission-v1'])).toEqual(['launch', ...five('patient', 'read')]);
    expect(await scopesOf(['permission-v1', 'permission-v2'])).toEqual(['launch', ...five('patient', 'rs')]);
    expect(await scopesOf([])).toEqual(['launch', ...five('patient', 'rs')]);
  });

  it('S6 S11 of the two ways to refresh the one that ends with the session, where it is offered', async () => {
    expect(await scopesOf(['permission-online', 'permission-offline'])).toContain('online_access');
    expect(await scopesOf(['permission-online', 'permission-offline'])).not.toContain('offline_access');
    expect(await scopesOf(['permission-offline'])).toContain('offline_access');
    expect(await scopesOf([], {}, { scopes_supported: ['offline_access', 7] })).toContain('offline_access');
    expect((await scopesOf([])).join(' ')).not.toContain('_access');
  });

  it('an EHR that signs nobody in needs neither issuer nor keys, and gives no user', async () => {
    const ehr = await startForgedEhr(keys, {
      configuration: () => ({ capabilities: [], issuer: undefined, jwks_uri: undefined }),
      token: { id_token: undefined },
    });
    const { authorize } = await begin(ehr);
    expect(authorize.parameters).not.toHaveProperty('nonce');
    await expect(ehr.launch()).resolves.toMatchObject({ fhirUser: null, subject: null, patient: 'pat-1' });
  });

  it('S3 a long request goes by GET where the EHR takes no POST', async () => {
    const ehr = await startForgedEhr(keys);
    const { authorize } = await begin(ehr, { launch: 'x'.repeat(3_000) });
    expect(authorize.method).toBe('GET');
    expect(new URL(authorize.url).searchParams.get('launch')).toHaveLength(3_000);
  });
});

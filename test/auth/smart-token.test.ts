import { inspect } from 'node:util';
import { type CryptoKey, SignJWT, UnsecuredJWT } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ServiceError } from '#core/error';
import { answer, breakOff, drip, endless, type Fault, redirect, silence } from '../support/fault-server.ts';
import { clientId, makeForgedKeys, sign, startForgedEhr } from '../support/forged-ehr.ts';
import { coded } from '../support/outbound.ts';
import { redirectUri } from '../support/smart-ehr.ts';

let keys: { own: CryptoKey; foreign: CryptoKey };
beforeAll(async () => {
  keys = await makeForgedKeys();
});

const past = () => Math.floor(Date.now() / 1000) - 3600;
/** For an EHR that is silent: enough for the answers that it gives before, milliseconds. */
const patience = 1_000;
const jsonType = { 'content-type': 'application/json' };

describe('the id_token', () => {
  it('S8 one that holds: fhirUser is made relative to the FHIR base', async () => {
    const ehr = await startForgedEhr(keys);
    await expect(ehr.launch()).resolves.toMatchObject({
      subject: 'user-1',
      fhirUser: 'Practitioner/1',
      patient: 'pat-1',
      scopes: ['launch', 'openid', 'fhirUser', 'patient/Patient.rs'],
    });
  });

  it.each([
    ['Practitioner/2', 'Practitioner/2'],
    ['PractitionerRole/2', 'PractitionerRole/2'],
    ['https://other.example/fhir/Practitioner/2', 'https://other.example/fhir/Practitioner/2'],
    ['https://user:word@other.example/fhir/Practitioner/2', null],
    ['Observation/2', null],
    ['https://other.example/fhir/Observation/2', null],
    ['https://other.example/?as=/Practitioner/2', null],
    ['https://other.example/#/Practitioner/2', null],
    ['Practitioner/..', null],
    ['../Practitioner/2', null],
    ['Practitioner/2?x=1', null],
    ['javascript:alert(1)', null],
    ['Practitioner/<b>', null],
    [`Practitioner/${'1'.repeat(70)}`, null],
    [7, null],
    [['Practitioner/2'], null],
    [undefined, null],
  ])('S8 fhirUser %j is read as %j', async (fhirUser, expected) => {
    const ehr = await startForgedEhr(keys, { claims: { fhirUser } });
    expect((await ehr.launch()).fhirUser).toBe(expected);
  });

  it('S8 the FHIR user of a server of SMART 1 is in profile', async () => {
    const ehr = await startForgedEhr(keys, { claims: { fhirUser: undefined, profile: 'Practitioner/9' } });
    expect((await ehr.launch()).fhirUser).toBe('Practitioner/9');
  });

  it.each([
    ['another issuer', { iss: 'https://evil.example' }, /another iss /],
    ['another audience', { aud: 'another-app' }, /another aud /],
    ['more audiences and none authorized', { aud: [clientId, 'another-app'] }, /another aud /],
    ['another authorized party', { aud: [clientId, 'x'], azp: 'x' }, /another azp /],
    ['another nonce', { nonce: 'replayed' }, /another nonce /],
    ['no nonce', { nonce: undefined }, /wrong/],
    ['an end in the past', { exp: past() }, /expired/],
    ['no end', { exp: undefined }, /wrong/],
    ['a start to come', { nbf: Math.floor(Date.now() / 1000) + 3600 }, /not valid yet/],
    ['no subject', { sub: undefined }, /wrong/],
    ['a subject that is no text', { sub: { $ne: 1 } }, /wrong/],
  ])('S8 with %s is refused', async (_what, claims, detail) => {
    const ehr = await startForgedEhr(keys, { claims });
    const failure = await ehr.launch().catch((error: unknown) => error);
    expect(failure).toEqual(coded('SMART_TOKEN_INVALID'));
    expect((failure as ServiceError).detail).toMatch(detail);
    // S12: a failure is logged, and holds no token.
    expect(inspect(failure, { depth: 9 })).not.toMatch(/token-1|refresh-1|user-1/);
  });

  it.each([
    ['by another key', (claims: object) => sign({ ...claims }, keys.foreign)],
    ['by a key that is not published', (claims: object) => sign({ ...claims }, keys.foreign, { kid: 'k2' })],
    ['by nobody', (claims: object) => new UnsecuredJWT({ ...claims }).encode()],
    [
      'with the client id as a shared secret',
      (claims: object) =>
        new SignJWT({ ...claims }).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.alloc(32, clientId)),
    ],
    [
      'and altered after it',
      async (claims: object) => {
        const [header, , signature] = (await sign({ ...claims }, keys.own)).split('.');
        const body = Buffer.from(JSON.stringify({ ...claims, sub: 'admin' })).toString('base64url');
        return `${header}.${body}.${signature}`;
      },
    ],
    [
      'with a header that is critical',
      (claims: object) => sign({ ...claims }, keys.own, { crit: ['b64'], b64: true }),
    ],
    ['as something else', () => 'not.a.jwt'],
    ['as one part', () => 'x'],
  ])('S8 signed %s is refused', async (_what, idToken) => {
    const ehr = await startForgedEhr(keys, { idToken });
    await expect(ehr.launch()).rejects.toEqual(coded('SMART_TOKEN_INVALID'));
  });

  it('S8 an algorithm that the server does not list, or that would need a secret, is refused', async () => {
    for (const listed of [['ES384'], ['HS256', 'none']]) {
      const ehr = await startForgedEhr(keys, {
        configuration: () => ({ id_token_signing_alg_values_supported: listed }),
      });
      await expect(ehr.launch()).rejects.toEqual(coded('SMART_TOKEN_INVALID'));
    }
  });

  it('S8 without one nobody is signed in', async () => {
    const ehr = await startForgedEhr(keys, { token: { id_token: undefined } });
    await expect(ehr.launch()).rejects.toEqual(coded('SMART_SERVER_INVALID'));
  });

  it('S8 keys that cannot be had', async () => {
    const ehr = await startForgedEhr(keys, { jwks: answer(200, jsonType, '<html>') }, patience);
    await expect(ehr.launch()).rejects.toEqual(coded('SMART_TOKEN_INVALID'));
    ehr.forge({ jwks: answer(404) });
    await expect(ehr.launch()).rejects.toEqual(coded('SMART_SERVER_INVALID'));
    ehr.forge({ jwks: silence });
    await expect(ehr.launch()).rejects.toEqual(coded('OUTBOUND_TIMEOUT'));
  });
});

describe('the token endpoint', () => {
  const html = { 'content-type': 'text/html' };
  it.each<[string, Fault, string, number?]>([
    ['hangs', silence, 'OUTBOUND_TIMEOUT'],
    ['drips', drip(jsonType, 20), 'OUTBOUND_TIMEOUT'],
    ['fails', answer(500, jsonType, '{"error":"server_error"}'), 'SMART_SERVER_INVALID', 500],
    ['is not available', answer(503, html, '<html>'), 'SMART_SERVER_INVALID', 503],
    ['sends a page', answer(200, html, '<html><script>alert(1)</script>'), 'SMART_SERVER_INVALID'],
    ['sends a page as a refusal', answer(400, html, '<html>'), 'SMART_SERVER_INVALID'],
    ['sends half an object', answer(200, jsonType, '{"access_token":'), 'SMART_SERVER_INVALID'],
    ['sends a list', answer(200, jsonType, '[]'), 'SMART_SERVER_INVALID'],
    ['sends nothing', answer(204), 'SMART_SERVER_INVALID'],
    ['sends more than it may', endless(jsonType, { start: '{"access_token":"' }), 'OUTBOUND_TOO_LARGE'],
    ['breaks off', breakOff(jsonType, '{"access_token":'), 'OUTBOUND_UNREACHABLE'],
    ['sends the form elsewhere', redirect('https://evil.example/token', 307), 'REDIRECT_REFUSED'],
    ['sends the form on', redirect('/token2', 308), 'REDIRECT_REFUSED'],
    ['asks to look elsewhere', redirect('/token2', 303), 'REDIRECT_REFUSED'],
    ['does not know the client', answer(401, jsonType, '{"error":"invalid_client"}'), 'SMART_LAUNCH_REFUSED'],
    ['refuses the code', answer(400, jsonType, '{"error":"invalid_grant"}'), 'SMART_LAUNCH_REFUSED'],
    ['refuses in words of its own', answer(400, jsonType, '{"error":"<b>x</b>"}'), 'SMART_LAUNCH_REFUSED'],
  ])('that %s', async (_what, tokenEndpoint, code, status) => {
    const ehr = await startForgedEhr(keys, { tokenEndpoint }, patience);
    const failure = await ehr.launch().catch((error: unknown) => error);
    expect(failure).toEqual(coded(code));
    expect(inspect(failure, { depth: 9 })).not.toMatch(/<b>|<script>|code-1/);
    // Which of its faults it is, is what an operator looks for.
    if (status !== undefined) expect((failure as ServiceError).detail).toContain(`status ${status}`);
    expect(ehr.server.requests.map(({ url }) => url)).toEqual([
      '/fhir/.well-known/smart-configuration',
      '/token',
    ]);
  });

  it.each([
    ['no token', { access_token: undefined }],
    ['a token that is no text', { access_token: { a: 1 } }],
    ['a token that would end the header line', { access_token: 'a\r\nx-evil: 1' }],
    ['a token of 20 kB', { access_token: 'x'.repeat(20_000) }],
    ['a token of another kind', { token_type: 'mac' }],
    ['a token bound to a key', { token_type: 'DPoP' }],
    ['a time that is none', { expires_in: 'soon' }],
    ['a negative time', { expires_in: -5 }],
    ['a patient that is no id', { patient: '../Patient/1' }],
    ['a patient that is an object', { patient: { reference: 'Patient/1' } }],
    ['an empty patient', { patient: '' }],
    ['scopes that are a list', { scope: ['openid'] }],
    ['a refresh token that is no text', { refresh_token: 7 }],
  ])('that gives %s is refused', async (_what, token) => {
    const ehr = await startForgedEhr(keys, { token });
    await expect(ehr.launch()).rejects.toEqual(coded('SMART_SERVER_INVALID'));
  });

  it.each([
    ['not said', undefined, 300],
    ['as text', '60', 60],
    ['a thousand years', 3e10, 86_400],
  ])('S11 the life of a token: %s', async (_what, expires_in, seconds) => {
    const ehr = await startForgedEhr(keys, { token: { expires_in } });
    const { expiresAt } = await ehr.launch();
    expect(Math.abs(expiresAt - (Date.now() + seconds * 1000))).toBeLessThan(5_000);
  });

  it('S9 S14 a launch context of the wrong kinds counts as missing, hostile text stays text', async () => {
    const ehr = await startForgedEhr(keys, {
      token: {
        encounter: { a: 1 },
        fhirContext: [null, 'x', { reference: 7 }, { reference: 'javascript:alert(1)', role: ['x'] }],
        need_patient_banner: 'no',
        smart_style_url: 'javascript:alert(1)',
        intent: 9,
        appContext: '<script>alert(1)</script>\u202e',
        refresh_token: undefined,
        scope: undefined,
      },
    });
    const grant = await ehr.launch();
    expect(grant).toMatchObject({
      encounter: null,
      fhirContext: [
        { reference: null, role: null },
        { reference: null, role: null },
      ],
      needPatientBanner: true,
      styleUrl: null,
      intent: null,
      appContext: '<script>alert(1)</script>\u202e',
      refreshToken: null,
    });
    expect(grant.scopes, 'not named: those asked for').toContain('patient/ImagingStudy.rs');
    ehr.forge({ token: { fhirContext: { reference: 'ImagingStudy/1' }, appContext: { a: 1 } } });
    await expect(ehr.launch()).resolves.toMatchObject({ fhirContext: [], appContext: null });
  });

  it('S9 references below the FHIR base become relative; others stay what they are', async () => {
    const ehr = await startForgedEhr(keys);
    ehr.forge({
      token: {
        fhirContext: [
          { reference: `${ehr.iss}/ImagingStudy/1` },
          { reference: 'https://other.example/fhir/ImagingStudy/2' },
        ],
        smart_style_url: 'https://ehr.example/style.json',
      },
    });
    await expect(ehr.launch()).resolves.toMatchObject({
      fhirContext: [
        { reference: 'ImagingStudy/1', role: null },
        { reference: 'https://other.example/fhir/ImagingStudy/2', role: null },
      ],
      styleUrl: 'https://ehr.example/style.json',
    });
  });
});

describe('S11 the refresh', () => {
  it.each([
    ['hangs', silence, 'OUTBOUND_TIMEOUT'],
    ['fails', answer(500), 'SMART_SERVER_INVALID'],
    ['redirects', redirect('/token2', 307), 'REDIRECT_REFUSED'],
    [
      'does not know the client now',
      answer(401, jsonType, '{"error":"invalid_client"}'),
      'SMART_SESSION_ENDED',
    ],
  ])('that %s keeps the old token while it lives', async (_what, tokenEndpoint, code) => {
    const ehr = await startForgedEhr(keys, {}, patience);
    const grant = await ehr.launch();
    ehr.forge({ tokenEndpoint });
    await expect(ehr.client.refresh('clinic', ehr.iss, grant)).resolves.toBe(grant);
    ehr.later(601_000);
    await expect(ehr.client.refresh('clinic', ehr.iss, grant)).rejects.toEqual(coded(code));
  });

  it('that is answered with invalid_grant ends the session at once', async () => {
    const ehr = await startForgedEhr(keys);
    const grant = await ehr.launch();
    ehr.forge({ tokenEndpoint: answer(400, jsonType, '{"error":"invalid_grant"}') });
    await expect(ehr.client.refresh('clinic', ehr.iss, grant)).rejects.toEqual(coded('SMART_SESSION_ENDED'));
  });

  it('that brings the token of another patient or user ends the session', async () => {
    const ehr = await startForgedEhr(keys);
    const grant = await ehr.launch();
    for (const forgery of [{ token: { patient: 'pat-2' } }, { claims: { sub: 'user-2' } }]) {
      ehr.forge(forgery);
      await expect(ehr.client.refresh('clinic', ehr.iss, grant)).rejects.toEqual(
        coded('SMART_SESSION_ENDED'),
      );
    }
    ehr.forge({ claims: { iss: 'https://evil.example' } });
    await expect(ehr.client.refresh('clinic', ehr.iss, grant)).rejects.toEqual(coded('SMART_TOKEN_INVALID'));
  });

  it('narrows the scopes where the EHR does, and keeps the refresh token where it gives no new one', async () => {
    const ehr = await startForgedEhr(keys);
    const grant = await ehr.launch();
    ehr.forge({
      token: { access_token: 'token-2', refresh_token: undefined, id_token: undefined, scope: 'openid' },
    });
    await expect(ehr.client.refresh('clinic', ehr.iss, grant)).resolves.toMatchObject({
      accessToken: 'token-2',
      refreshToken: 'refresh-1',
      scopes: ['openid'],
      patient: 'pat-1',
      fhirUser: 'Practitioner/1',
    });
  });
});

describe('S9 the style', () => {
  it('is that of the newest answer: a refresh may name another, and one without keeps it', async () => {
    const ehr = await startForgedEhr(keys, { token: { smart_style_url: 'https://ehr.example/light.json' } });
    const grant = await ehr.launch();
    ehr.forge({ token: { id_token: undefined, smart_style_url: 'https://ehr.example/dark.json' } });
    const renewed = await ehr.client.refresh('clinic', ehr.iss, grant);
    expect(renewed.styleUrl).toBe('https://ehr.example/dark.json');
    ehr.forge({ token: { id_token: undefined, smart_style_url: undefined } });
    await expect(ehr.client.refresh('clinic', ehr.iss, renewed)).resolves.toMatchObject({
      styleUrl: 'https://ehr.example/dark.json',
    });
  });
});

describe('revocation', () => {
  it('S12 asks for both tokens to be revoked and never fails', async () => {
    const ehr = await startForgedEhr(keys, {}, patience);
    const grant = await ehr.launch();
    const revoked = () => ehr.server.requests.filter(({ url }) => url === '/revoke').length;
    await ehr.client.revoke('clinic', ehr.iss, grant);
    expect(revoked()).toBe(2);
    await ehr.client.revoke('clinic', ehr.iss, { ...grant, refreshToken: null });
    expect(revoked()).toBe(3);
    for (const revocation of [silence, answer(500), redirect('https://evil.example/')]) {
      ehr.forge({ revocation });
      await expect(ehr.client.revoke('clinic', ehr.iss, grant)).resolves.toBeUndefined();
    }
    await expect(ehr.client.revoke('another', ehr.iss, grant)).resolves.toBeUndefined();
  });

  it('an EHR that offers none is not asked', async () => {
    const ehr = await startForgedEhr(keys, { configuration: () => ({ revocation_endpoint: undefined }) });
    await ehr.client.revoke('clinic', ehr.iss, await ehr.launch());
    expect(ehr.server.requests.map(({ url }) => url)).not.toContain('/revoke');
  });
});

describe('the answer of the browser', () => {
  it('S5 where the EHR says that it names itself, an answer without its name is refused', async () => {
    const ehr = await startForgedEhr(keys, {
      configuration: () => ({ authorization_response_iss_parameter_supported: true }),
    });
    const { pending } = await ehr.client.begin({
      iss: ehr.iss,
      launch: 'l',
      context: 'patient',
      redirectUri,
    });
    const { state } = pending;
    await expect(ehr.client.finish(pending, { code: 'c', state })).rejects.toEqual(
      coded('SMART_STATE_INVALID'),
    );
    await expect(
      ehr.client.finish(pending, { code: 'c', state, iss: 'https://evil.example' }),
    ).rejects.toEqual(coded('SMART_STATE_INVALID'));
    expect(ehr.server.requests.map(({ url }) => url)).not.toContain('/token');
  });
});

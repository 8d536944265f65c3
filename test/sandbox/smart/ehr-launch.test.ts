import { createRemoteJWKSet, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { appScope, callback, type SmartEhr, startSmartEhr } from './smart-ehr.ts';

let ehr: SmartEhr;
let now = Date.now();

beforeAll(async () => {
  ehr = await startSmartEhr({ tokens: 'required', now: () => now });
});
afterAll(() => ehr.close());

describe('an EHR launch', () => {
  it('signs in silently and answers with patient, visit, newest study, banner, style, intent and appContext', async () => {
    const answer = await ehr.open({
      patientId: 'patient-1',
      appContext: '{"assessment":"7"}',
      intent: 'review',
      bannerShown: true,
      colorScheme: 'dark',
    });
    expect(answer).toMatchObject({
      token_type: 'Bearer',
      expires_in: 600,
      patient: 'patient-1',
      encounter: 'patient-1',
      fhirContext: [{ reference: 'ImagingStudy/patient-1-1' }],
      need_patient_banner: false,
      smart_style_url: expect.stringMatching(/\/sandbox\/smart-style-dark\.json$/),
      intent: 'review',
      appContext: '{"assessment":"7"}',
      refresh_token: expect.any(String),
    });
    expect(new Set(String(answer['scope']).split(' '))).toEqual(new Set(appScope.split(' ')));
    const style = await (await fetch(String(answer['smart_style_url']))).json();
    expect(style).toMatchObject({ color_background: expect.stringMatching(/^#[0-9a-f]{6}$/) });
  });

  it('gives an id_token that holds: RS256, issuer, audience, nonce, fhirUser', async () => {
    const { id_token } = await ehr.open({ patientId: 'patient-1', user: 'Practitioner/nurse' });
    const keys = createRemoteJWKSet(new URL(`${ehr.auth}/jwks`));
    const { payload } = await jwtVerify(String(id_token), keys, {
      algorithms: ['RS256'],
      issuer: ehr.auth,
      audience: 'fovea-app',
      requiredClaims: ['exp', 'iat', 'sub'],
    });
    expect(payload).toMatchObject({ nonce: 'the-nonce', fhirUser: `${ehr.fhir}/Practitioner/nurse` });
  });

  it('takes the request by POST as well', async () => {
    const { launch } = await ehr.launch({ patientId: 'patient-2' });
    const answer = await ehr.authorize(ehr.request({ launch }), 'POST');
    expect((await ehr.exchange(answer?.get('code') ?? '')).body).toMatchObject({ patient: 'patient-2' });
  });

  it('brings the state back, and the issuer', async () => {
    const { launch, address } = await ehr.launch({ patientId: 'patient-1' });
    expect(new URL(address).searchParams.get('launch')).toBe(launch);
    expect(new URL(address).searchParams.get('iss')).toBe(ehr.fhir);
    const answer = await ehr.authorize(ehr.request({ launch, state: 'a b&c' }));
    expect([answer?.get('state'), answer?.get('iss')]).toEqual(['a b&c', ehr.auth]);
  });

  it('a launch value is good once', async () => {
    const { launch } = await ehr.launch({ patientId: 'patient-1' });
    expect((await ehr.authorize(ehr.request({ launch })))?.has('code')).toBe(true);
    const again = await ehr.authorize(ehr.request({ launch }));
    expect([again?.get('error'), again?.get('state')]).toEqual(['invalid_request', 'the-state']);
    expect(again?.get('error_description')).toContain('used');
  });

  it('a launch value is good for five minutes', async () => {
    const { launch } = await ehr.launch({ patientId: 'patient-1' });
    now += 300_000;
    expect((await ehr.authorize(ehr.request({ launch })))?.get('error')).toBe('invalid_request');
  });

  it.each([
    ['without PKCE', { code_challenge: undefined, code_challenge_method: undefined }, 'invalid_request'],
    ['with plain PKCE', { code_challenge_method: 'plain' }, 'invalid_request'],
    ['for another FHIR server', { aud: 'https://other.example/fhir' }, 'invalid_request'],
    ['without aud', { aud: undefined }, 'invalid_request'],
    ['for a system scope', { scope: 'launch system/Patient.rs' }, 'invalid_scope'],
    ['with an invented launch value', { launch: 'invented' }, 'invalid_request'],
  ])('is refused %s', async (_, wrong, error) => {
    const { launch } = await ehr.launch({ patientId: 'patient-1' });
    expect((await ehr.authorize(ehr.request({ launch, ...wrong })))?.get('error')).toBe(error);
  });

  it('a foreign redirect address gets a page, and nothing is sent there', async () => {
    const { launch } = await ehr.launch({ patientId: 'patient-1' });
    const foreign = ehr.request({ launch, redirect_uri: 'https://evil.example/' });
    const answer = await fetch(`${ehr.auth}/authorize?${foreign}`, { redirect: 'manual' });
    expect([answer.status, answer.headers.get('location')]).toEqual([400, null]);
    expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(await answer.text()).toContain('The app could not be opened');
  });

  it('sets no cookie: it works in a frame of another site', async () => {
    const { launch } = await ehr.launch({ patientId: 'patient-1' });
    const answer = await fetch(`${ehr.auth}/authorize?${ehr.request({ launch })}`, { redirect: 'manual' });
    expect(answer.headers.get('location')).toContain(callback);
    expect(answer.headers.getSetCookie()).toEqual([]);
  });

  it('without a chart: no patient, and no patient scopes', async () => {
    const answer = await ehr.open({}, 'launch openid fhirUser user/ImagingStudy.rs patient/Patient.rs');
    expect(answer).not.toHaveProperty('patient');
    expect(answer['scope']).toBe('launch openid fhirUser user/ImagingStudy.rs');
  });

  it('for a care team opens the worklist’s launch address', async () => {
    const url = 'http://fovea.example/app/launch?context=worklist';
    const { launch, address } = await ehr.launch({ url });
    expect(address).toBe(`${url}&${new URLSearchParams({ iss: ehr.fhir, launch })}`);
  });

  it.each([
    ['of nobody', { patientId: 'nobody' }, 404],
    ['by nobody', { patientId: 'patient-1', user: 'Practitioner/nobody' }, 404],
    ['of another visit', { patientId: 'patient-1', encounter: 'patient-2' }, 404],
    ['of another patient from the portal', { patientId: 'patient-1', user: 'Patient/patient-2' }, 403],
    ['of an app that is not registered', { patientId: 'patient-1', url: 'https://evil.example/' }, 403],
  ])('is not begun %s', async (_, order, status) => {
    await expect(ehr.launch(order)).rejects.toThrow(String(status));
  });
});

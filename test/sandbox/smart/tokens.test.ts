import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Bundle, Endpoint, ImagingStudy } from '@medplum/fhirtypes';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import type { JWK } from 'oidc-provider';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Client, callback, type SmartEhr, startSmartEhr } from './smart-ehr.ts';

let ehr: SmartEhr;

beforeAll(async () => {
  ehr = await startSmartEhr({ tokens: 'required' });
});
afterAll(() => ehr.close());

const chart = { patientId: 'patient-1' };
const refresh = (refresh_token: unknown, client?: Client) =>
  ehr.token({ grant_type: 'refresh_token', refresh_token: String(refresh_token) }, client);
const statuses = async (token: unknown, ...paths: string[]) =>
  Promise.all(paths.map(async (path) => (await ehr.get(path, token)).status));

describe('an access token of the authorization server', () => {
  it('opens the patient’s record and pictures, where without one everything is 401', async () => {
    const paths = [
      'fhir/Patient/patient-1',
      'fhir/ImagingStudy?patient=patient-1&_include=ImagingStudy:endpoint',
      'fhir/DiagnosticReport?patient=patient-1',
      'dicomweb/studies/2.25.1000',
      'dicomweb/studies/2.25.1000/metadata',
    ];
    const { access_token } = await ehr.open(chart);
    expect(await statuses(access_token, ...paths)).toEqual([200, 200, 200, 200, 200]);
    expect(await statuses(undefined, ...paths)).toEqual([401, 401, 401, 401, 401]);
    expect(await statuses(`${access_token}x`, ...paths)).toEqual([401, 401, 401, 401, 401]);
  });

  it('opens no other patient’s record (403) and pictures (404)', async () => {
    const { access_token } = await ehr.open(chart);
    expect(
      await statuses(
        access_token,
        'fhir/Patient/patient-2',
        'fhir/ImagingStudy?patient=patient-2',
        'fhir/ImagingStudy',
        'fhir/Encounter/patient-2',
        'dicomweb/studies/2.25.1030',
      ),
    ).toEqual([403, 403, 403, 403, 404]);
  });

  it('that does not reach so far is 403 insufficient_scope, with the scope that would', async () => {
    const { access_token } = await ehr.open(chart, 'launch patient/Patient.r');
    const answers = await Promise.all(
      ['fhir/ImagingStudy?patient=patient-1', 'fhir/Patient?_id=patient-1', 'dicomweb/studies/2.25.1000'].map(
        (path) => ehr.get(path, access_token),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual([403, 403, 403]);
    expect(answers.map(({ headers }) => headers.get('www-authenticate'))).toEqual([
      'Bearer error="insufficient_scope", scope="patient/ImagingStudy.s"',
      'Bearer error="insufficient_scope", scope="patient/Patient.s"',
      'Bearer error="insufficient_scope", scope="patient/ImagingStudy.r"',
    ]);
    expect(await statuses(access_token, 'fhir/Patient/patient-1')).toEqual([200]);
  });

  it.each([
    ['v1', 'launch patient/ImagingStudy.read'],
    ['v1 of everything', 'launch patient/*.read'],
    ['v2', 'launch patient/ImagingStudy.rs'],
    ['v2 of everything', 'launch patient/*.rs'],
  ])('reads by scopes of %s', async (_, scope) => {
    const { access_token } = await ehr.open(chart, scope);
    expect(
      await statuses(access_token, 'fhir/ImagingStudy?patient=patient-1', 'dicomweb/studies/2.25.1000'),
    ).toEqual([200, 200]);
  });

  it('with search only reads nothing by id, with read only searches nothing', async () => {
    const paths = ['fhir/ImagingStudy/patient-1-1', 'fhir/ImagingStudy?patient=patient-1'];
    expect(
      await statuses((await ehr.open(chart, 'launch patient/ImagingStudy.s'))['access_token'], ...paths),
    ).toEqual([403, 200]);
    expect(
      await statuses((await ehr.open(chart, 'launch patient/ImagingStudy.r'))['access_token'], ...paths),
    ).toEqual([200, 403]);
  });

  it('includes only what it opens by itself', async () => {
    const query = 'fhir/ImagingStudy?patient=patient-1&_include=ImagingStudy:endpoint';
    const modes = async (scope: string) => {
      const { access_token } = await ehr.open(chart, scope);
      const bundle = (await (await ehr.get(query, access_token)).json()) as Bundle;
      return bundle.entry?.map(({ search }) => search?.mode);
    };
    expect(await modes('launch patient/ImagingStudy.rs')).toEqual(['match', 'match']);
    expect(await modes('launch patient/ImagingStudy.rs patient/Endpoint.rs')).toContain('include');
  });

  it('with user/ scopes opens every patient’s studies with their subjects, for the worklist', async () => {
    const { access_token } = await ehr.open(
      { user: 'Practitioner/nurse' },
      'launch openid fhirUser user/ImagingStudy.rs user/Patient.rs',
    );
    for (const include of ['ImagingStudy:subject', 'ImagingStudy:patient']) {
      const answer = await ehr.get(`fhir/ImagingStudy?_sort=-started&_include=${include}`, access_token);
      const bundle = (await answer.json()) as Bundle;
      const of = (mode: string) =>
        (bundle.entry ?? [])
          .filter(({ search }) => search?.mode === mode)
          .map(({ resource }) => `${resource?.resourceType}`);
      expect(of('match').length, include).toBeGreaterThan(3);
      expect(new Set(of('include')), include).toEqual(new Set(['Patient']));
    }
    expect(await statuses(access_token, 'dicomweb/studies/2.25.1030')).toEqual([200]);
  });

  it('with user/ scopes of a patient in the portal opens the own record only', async () => {
    const { access_token } = await ehr.open(
      { patientId: 'patient-2', user: 'Patient/patient-2' },
      'launch openid fhirUser user/*.rs',
    );
    expect(
      await statuses(access_token, 'fhir/Patient/patient-2', 'fhir/Patient/patient-1', 'fhir/Patient'),
    ).toEqual([200, 403, 403]);
  });

  it('lets users read their own entry by fhirUser, and no other', async () => {
    const { access_token } = await ehr.open(chart);
    expect(await statuses(access_token, 'fhir/Practitioner/demo', 'fhir/Practitioner/nurse')).toEqual([
      200, 403,
    ]);
  });

  it('creates nothing', async () => {
    const { access_token } = await ehr.open(chart);
    const answer = await fetch(`${ehr.fhir}/ServiceRequest`, {
      method: 'POST',
      headers: { authorization: `Bearer ${access_token}`, 'content-type': 'application/fhir+json' },
      body: '{"resourceType":"ServiceRequest"}',
    });
    expect(answer.status).toBe(403);
  });

  it('S19 the Endpoint says that its images need a token where they do', async () => {
    const { access_token } = await ehr.open(chart);
    const endpoint = (await (await ehr.get('fhir/Endpoint/normal', access_token)).json()) as Endpoint;
    expect(endpoint.extension?.[0]).toMatchObject({ valueBoolean: true });
    const open = await startSmartEhr({ tokens: 'optional' });
    const other = (await (await open.get('fhir/Endpoint/normal')).json()) as Endpoint;
    expect(other.extension?.[0]).toMatchObject({ valueBoolean: false });
    const contained = (await (await open.get('fhir/ImagingStudy/patient-4-1')).json()) as ImagingStudy;
    expect(contained.contained?.[0]).toMatchObject({ extension: [{ valueBoolean: false }] });
    await open.close();
  });

  it('expires', async () => {
    const brief = await startSmartEhr({ accessTokenSeconds: 3 });
    await brief.get('fhir/Patient/patient-1');
    const { access_token, expires_in } = await brief.open(chart);
    expect(expires_in).toBe(3);
    const status = async () => (await brief.get('fhir/Patient/patient-1', access_token)).status;
    expect(await status()).toBe(200);
    await expect.poll(status, { timeout: 8000, interval: 250 }).toBe(401);
    await brief.close();
  });
});

describe('a refresh token', () => {
  it('comes with online_access and with offline_access, and not without', async () => {
    expect(await ehr.open(chart, 'launch patient/*.rs online_access')).toHaveProperty('refresh_token');
    const offline = await ehr.open(chart, 'launch patient/*.rs offline_access');
    expect(offline).toHaveProperty('refresh_token');
    expect(offline['scope']).toContain('offline_access');
    expect(await ehr.open(chart, 'launch patient/*.rs')).not.toHaveProperty('refresh_token');
  });

  it('rotates: the new answer has the context again, and a second use of the old one ends all', async () => {
    const first = await ehr.open(chart);
    const second = await refresh(first['refresh_token']);
    expect(second.status).toBe(200);
    expect(second.body).toMatchObject({ patient: 'patient-1', encounter: 'patient-1' });
    expect(second.body['refresh_token']).not.toBe(first['refresh_token']);
    expect(await statuses(second.body['access_token'], 'fhir/Patient/patient-1')).toEqual([200]);

    expect(await refresh(first['refresh_token'])).toMatchObject({
      status: 400,
      body: { error: 'invalid_grant' },
    });
    expect((await refresh(second.body['refresh_token'])).body['error']).toBe('invalid_grant');
    expect(await statuses(second.body['access_token'], 'fhir/Patient/patient-1')).toEqual([401]);
  });

  it('belongs to its client', async () => {
    const { refresh_token } = await ehr.open(chart);
    expect((await refresh(refresh_token, 'fovea-app-secret')).body['error']).toBe('invalid_grant');
  });
});

describe('revocation', () => {
  it.each(['access_token', 'refresh_token'])('of the %s ends the whole launch at once', async (revoked) => {
    const tokens = await ehr.open(chart);
    const other = await ehr.open(chart);
    expect((await ehr.post('revoke', { token: String(tokens[revoked]) })).status).toBe(200);
    expect(await statuses(tokens['access_token'], 'fhir/Patient/patient-1')).toEqual([401]);
    expect((await refresh(tokens['refresh_token'])).body['error']).toBe('invalid_grant');
    expect(await statuses(other['access_token'], 'fhir/Patient/patient-1')).toEqual([200]);
  });
});

describe('introspection', () => {
  const introspect = async (token: unknown, client?: Client) => {
    const answer = await ehr.post('introspect', { token: String(token) }, client);
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };

  it('S16 gives active, scope, client_id, exp, patient, encounter and fhirUser', async () => {
    const { access_token, scope } = await ehr.open(chart);
    expect(await introspect(access_token)).toMatchObject({
      status: 200,
      body: {
        active: true,
        scope,
        client_id: 'fovea-app',
        exp: expect.any(Number),
        patient: 'patient-1',
        encounter: 'patient-1',
        fhirUser: `${ehr.fhir}/Practitioner/demo`,
      },
    });
    const silent = await ehr.open(chart, 'launch patient/Patient.r');
    expect((await introspect(silent['access_token'])).body).not.toHaveProperty('fhirUser');
  });

  it('is nothing for a client without a secret', async () => {
    const { access_token } = await ehr.open(chart);
    expect((await introspect(access_token, 'fovea-app-public')).body).toEqual({ active: false });
  });

  it('says no more than that of an unknown token, and nothing to nobody', async () => {
    expect((await introspect('unknown')).body).toEqual({ active: false });
    const answer = await fetch(`${ehr.auth}/introspect`, {
      method: 'POST',
      body: new URLSearchParams({ token: 'unknown' }),
    });
    expect(answer.status).toBe(400);
  });
});

describe('the clients', () => {
  const code = async (client_id: Client) => {
    const { launch } = await ehr.launch(chart);
    return (await ehr.authorize(ehr.request({ launch, client_id })))?.get('code') ?? '';
  };

  it.each(['fovea-app', 'fovea-app-public', 'fovea-app-secret'] as const)(
    '%s gets its tokens',
    async (client) => {
      const { status, body } = await ehr.exchange(await code(client), client);
      expect([status, body['patient']]).toEqual([200, 'patient-1']);
    },
  );

  it('a code is good once, and for its own client', async () => {
    const own = await code('fovea-app');
    expect((await ehr.exchange(own, 'fovea-app-secret')).body['error']).toBe('invalid_grant');
    const again = await code('fovea-app');
    expect((await ehr.exchange(again)).status).toBe(200);
    expect((await ehr.exchange(again)).body['error']).toBe('invalid_grant');
  });

  it('a code without its verifier is worth nothing', async () => {
    const answer = await ehr.token(
      {
        grant_type: 'authorization_code',
        code: await code('fovea-app-public'),
        redirect_uri: callback,
        code_verifier: 'x'.repeat(43),
      },
      'fovea-app-public',
    );
    expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
  });

  it.each([
    ['for another audience', { aud: 'https://other.example/token' }, {}],
    ['of another issuer', { iss: 'fovea-app' }, {}],
    ['good for longer than five minutes', { exp: Math.floor(Date.now() / 1000) + 3600 }, {}],
    ['that has expired', { exp: Math.floor(Date.now() / 1000) - 60 }, {}],
    ['without jti', { jti: undefined }, {}],
    ['with another address of its keys', {}, { jku: 'https://evil.example/jwks.json' }],
    ['with an unknown key', {}, { kid: 'other' }],
  ])('S10 an assertion %s is refused', async (_, claims, header) => {
    const answer = await ehr.token({
      grant_type: 'client_credentials',
      client_id: 'fovea-backend',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: await ehr.assertion(
        { iss: 'fovea-backend', sub: 'fovea-backend', ...claims },
        header,
      ),
    });
    expect([answer.status, answer.body['error']]).toEqual([401, 'invalid_client']);
  });

  it('S10 an assertion is good once', async () => {
    const once = {
      grant_type: 'client_credentials',
      scope: 'system/Patient.rs',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: await ehr.assertion({ iss: 'fovea-backend', sub: 'fovea-backend' }),
    };
    expect((await ehr.token(once)).status).toBe(200);
    expect((await ehr.token(once)).body['error']).toBe('invalid_client');
  });

  it('S15 the backend service gets system/ scopes for 300 s and nothing to refresh', async () => {
    const { status, body } = await ehr.token(
      { grant_type: 'client_credentials', scope: 'system/ImagingStudy.rs system/Patient.rs' },
      'fovea-backend',
    );
    expect([status, body['expires_in'], body['scope']]).toEqual([
      200,
      300,
      'system/ImagingStudy.rs system/Patient.rs',
    ]);
    expect(body).not.toHaveProperty('refresh_token');
    expect(
      await statuses(body['access_token'], 'fhir/Patient/patient-2', 'fhir/ImagingStudy', 'fhir/Condition'),
    ).toEqual([200, 200, 403]);
    const wider = await ehr.token(
      { grant_type: 'client_credentials', scope: 'patient/Patient.rs' },
      'fovea-backend',
    );
    expect([wider.status, wider.body['error']]).toEqual([400, 'invalid_scope']);
  });

  it('S10 RS384 holds as ES384 does, with the keys read at their address', async () => {
    const { publicKey, privateKey } = await generateKeyPair('RS384');
    const jwk: JWK = { ...(await exportJWK(publicKey)), kid: 'rsa', alg: 'RS384', use: 'sig' } as JWK;
    const asked: unknown[] = [];
    const fovea = createServer((request, answer) => {
      asked.push(request.url);
      answer.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: [jwk] }));
    }).listen(0, '127.0.0.1');
    await once(fovea, 'listening');
    const { port } = fovea.address() as { port: number };
    const other = await startSmartEhr({ foveaBase: `http://127.0.0.1:${port}` });
    expect(asked).toEqual([]);
    const now = Math.floor(Date.now() / 1000);
    const client_assertion = await new SignJWT({ jti: 'one', exp: now + 200 })
      .setProtectedHeader({ alg: 'RS384', typ: 'JWT', kid: 'rsa' })
      .setIssuer('fovea-backend')
      .setSubject('fovea-backend')
      .setAudience(`${other.auth}/token`)
      .sign(privateKey);
    const answer = await other.token({
      grant_type: 'client_credentials',
      scope: 'system/*.rs',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion,
    });
    expect([answer.status, asked]).toEqual([200, ['/.well-known/jwks.json']]);
    await other.close();
    fovea.close();
  });
});

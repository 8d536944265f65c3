import type { Bundle } from '@medplum/fhirtypes';
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { fullCard } from './cds-peer.ts';
import { type SandboxServer, startSandbox } from './sandbox-server.ts';

let sandbox: SandboxServer;

beforeAll(async () => {
  sandbox = await startSandbox({ tokens: 'required' });
});
afterAll(() => sandbox.close());
afterEach(() => {
  sandbox.peer.calls.length = 0;
  sandbox.peer.answer = { status: 200, body: { cards: [] } };
});

const order = {
  service: 'imaging-assessment',
  hook: 'patient-view',
  patientId: 'patient-1',
  userId: 'Practitioner/demo',
};

async function post(path: string, body: unknown) {
  const answer = await fetch(`${sandbox.base}/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}
const callHook = async (more: object = {}) => (await post('ehr/hooks', { ...order, ...more })).body;
/** The hook call as it reached the service. */
const received = () => sandbox.peer.calls.findLast(({ path }) => path === '/cds-services/imaging-assessment');
const receivedToken = () => {
  const authorization = received()?.body['fhirAuthorization'] as { access_token: string };
  return authorization.access_token;
};
const withToken = (path: string, token: string) =>
  fetch(`${sandbox.base}/${path}`, { headers: { authorization: `Bearer ${token}` } });

describe('a hook call of the EHR', () => {
  it('carries hook, hookInstance, context, fhirServer and a token for this patient', async () => {
    await callHook();
    expect(received()?.body).toMatchObject({
      hook: 'patient-view',
      hookInstance: expect.stringMatching(
        /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
      ),
      context: { userId: 'Practitioner/demo', patientId: 'patient-1' },
      fhirServer: 'http://ehr.example/sandbox/fhir',
      fhirAuthorization: {
        token_type: 'Bearer',
        expires_in: 300,
        scope: expect.stringContaining('patient/ImagingStudy.rs'),
        subject: 'fovea',
        patient: 'patient-1',
      },
    });
  });

  it('resolves the prefetch of discovery on its own record; a template with a token of another user is left out', async () => {
    await callHook();
    const prefetch = received()?.body['prefetch'] as Record<string, { resourceType: string }>;
    expect(Object.keys(prefetch)).toEqual(['patient', 'imagingStudies', 'user']);
    expect(prefetch['patient']).toMatchObject({ resourceType: 'Patient', id: 'patient-1' });
    expect((prefetch['imagingStudies'] as Bundle).entry).toHaveLength(2);
    expect(prefetch['user']).toMatchObject({ resourceType: 'Practitioner', id: 'demo' });
  });

  it('sends null for a resource that is not in the record', async () => {
    await callHook({ userId: 'Practitioner/nobody' });
    expect(received()?.body['prefetch']).toMatchObject({ user: null });
  });

  it('sends no prefetch when the page turns it off', async () => {
    await callHook({ prefetch: false });
    expect(received()?.body).not.toHaveProperty('prefetch');
  });

  it('is signed by ES384 with kid, jku and typ, for exactly the address called, once', async () => {
    await callHook();
    await callHook();
    const jwks = createRemoteJWKSet(new URL(`${sandbox.base}/auth/jwks.json`));
    const seen = new Set<unknown>();
    for (const { path, authorization } of sandbox.peer.calls) {
      const jwt = (authorization ?? '').replace(/^Bearer /, '');
      const { payload } = await jwtVerify(jwt, jwks, {
        algorithms: ['ES384'],
        issuer: 'http://ehr.example/sandbox/auth',
        audience: `${sandbox.peer.base}${path}`,
        requiredClaims: ['exp', 'iat', 'jti'],
      });
      expect(decodeProtectedHeader(jwt)).toMatchObject({
        typ: 'JWT',
        kid: expect.any(String),
        jku: 'http://ehr.example/sandbox/auth/jwks.json',
      });
      expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(300);
      seen.add(payload.jti);
    }
    expect(seen.size).toBe(sandbox.peer.calls.length);
  });

  it('the key set holds no private key', async () => {
    const { keys } = (await (await fetch(`${sandbox.base}/auth/jwks.json`)).json()) as { keys: object[] };
    expect(keys).toHaveLength(1);
    expect(keys[0]).not.toHaveProperty('d');
  });

  it('gives the page request, response, status and time', async () => {
    sandbox.peer.answer = { status: 200, body: { cards: [fullCard] } };
    const exchange = await callHook();
    expect(exchange).toMatchObject({
      status: 200,
      problem: null,
      response: { cards: [{ uuid: fullCard.uuid }] },
    });
    expect(exchange['request']).toMatchObject({
      url: `${sandbox.peer.base}/cds-services/imaging-assessment`,
      clientJwt: { header: { alg: 'ES384' }, claims: { iss: 'http://ehr.example/sandbox/auth' } },
      body: { hook: 'patient-view' },
    });
    expect(exchange['milliseconds']).toBeGreaterThan(0);
  });

  it('passes on what the service answers when it cannot: 412, 503 with Retry-After', async () => {
    sandbox.peer.answer = { status: 412, body: { resourceType: 'OperationOutcome' } };
    expect(await callHook()).toMatchObject({ status: 412, response: { resourceType: 'OperationOutcome' } });
    sandbox.peer.answer = { status: 503, body: {}, headers: { 'retry-after': '7' } };
    expect(await callHook()).toMatchObject({ status: 503, retryAfter: '7' });
  });

  it('refuses an order that is none', async () => {
    const { status, body } = await post('ehr/hooks', { service: 'imaging-assessment' });
    expect(status).toBe(400);
    expect(body).toMatchObject({ resourceType: 'OperationOutcome' });
  });
});

describe('a service that is down', () => {
  it('is told to the page as unreachable, not as an error of the EHR', async () => {
    const alone = await startSandbox({ foveaBase: 'http://127.0.0.1:1' });
    const answer = await fetch(`${alone.base}/ehr/hooks`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(order),
    });
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ status: null, problem: 'unreachable' });
    await alone.close();
  });
});

describe('feedback', () => {
  it('goes to the feedback address of the service, signed for it', async () => {
    const feedback = [
      {
        card: fullCard.uuid,
        outcome: 'overridden',
        overrideReason: { reason: fullCard.overrideReasons[0] },
        outcomeTimestamp: '2026-11-24T09:00:00Z',
      },
    ];
    const { body } = await post('ehr/feedback', { service: 'imaging-assessment', feedback });
    expect(body).toMatchObject({ status: 200, response: null });
    const [call] = sandbox.peer.calls;
    expect(call?.path).toBe('/cds-services/imaging-assessment/feedback');
    expect(call?.body).toEqual({ feedback });
  });
});

describe('access tokens, required', () => {
  it.each([
    'fhir/Patient/patient-1',
    'fhir/ImagingStudy?patient=patient-1',
    'dicomweb/studies',
    'dicomweb/studies/2.25.1000',
  ])('401 without a token and with a foreign one: %s', async (path) => {
    for (const answer of [await fetch(`${sandbox.base}/${path}`), await withToken(path, 'foreign')]) {
      expect(answer.status).toBe(401);
      expect(answer.headers.get('www-authenticate')).toContain('Bearer');
      expect(await answer.json()).toMatchObject({ resourceType: 'OperationOutcome' });
    }
  });

  it('the token of a hook call opens that patient’s record and images, and nobody else’s', async () => {
    await callHook();
    const token = receivedToken();
    expect((await withToken('fhir/Patient/patient-1', token)).status).toBe(200);
    expect((await withToken('fhir/Endpoint/normal', token)).status).toBe(200);
    expect((await withToken('fhir/ImagingStudy?patient=patient-1', token)).status).toBe(200);
    expect((await withToken('dicomweb/studies/2.25.1000', token)).status).toBe(200);
    expect((await withToken('fhir/Patient/patient-2', token)).status).toBe(403);
    expect((await withToken('fhir/ImagingStudy?patient=patient-2', token)).status).toBe(403);
    expect((await withToken('fhir/Patient', token)).status).toBe(403);
    expect((await withToken('dicomweb/studies/2.25.1030', token)).status).toBe(404);
    const own = (await (await withToken('dicomweb/studies', token)).json()) as unknown[];
    expect(own).toHaveLength(2);
  });

  it('the token is for reading: it creates nothing', async () => {
    await callHook();
    const answer = await fetch(`${sandbox.base}/fhir/ServiceRequest`, {
      method: 'POST',
      headers: { authorization: `Bearer ${receivedToken()}`, 'content-type': 'application/fhir+json' },
      body: JSON.stringify({
        resourceType: 'ServiceRequest',
        status: 'active',
        intent: 'order',
        subject: {},
      }),
    });
    expect(answer.status).toBe(403);
  });
});

describe('access tokens, optional', () => {
  it('serves loopback without a token, and still checks one that comes', async () => {
    const open = await startSandbox({ tokens: 'optional' });
    expect((await fetch(`${open.base}/fhir/Patient/patient-1`)).status).toBe(200);
    expect((await fetch(`${open.base}/dicomweb/studies`)).status).toBe(200);
    const wrong = { headers: { authorization: 'Bearer foreign' } };
    expect((await fetch(`${open.base}/fhir/Patient/patient-1`, wrong)).status).toBe(401);
    expect((await fetch(`${open.base}/dicomweb/studies`, wrong)).status).toBe(401);
    const forwarded = { headers: { 'x-forwarded-for': '203.0.113.7' } };
    expect((await fetch(`${open.base}/dicomweb/studies`, forwarded)).status).toBe(401);
    await open.close();
  });
});

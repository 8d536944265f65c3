import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { performance } from 'node:perf_hooks';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { ServiceResponse } from '#cds/types';
import {
  accessToken,
  cdsServer,
  fhirAccess,
  hookInstance,
  outcomeOf,
  patientView,
  plainCard,
  reasonSystem,
} from '../support/cds-server.ts';

const url = '/cds-services/demo';
const json = { 'content-type': 'application/json' };
const abortOf = (signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve());
  });

describe('a hook call', () => {
  it('@16 is a POST to {baseUrl}/cds-services/{id}', async () => {
    const { app, seen } = await cdsServer();
    expect((await app.inject({ method: 'POST', url, payload: patientView() })).statusCode).toBe(200);
    expect(seen.requests[0]).toEqual({
      hook: 'patient-view',
      hookInstance,
      context: { userId: 'Practitioner/9', patientId: 'p1' },
      prefetch: {
        patient: { resourceType: 'Patient', id: 'p1' },
        conditions: { resourceType: 'Bundle', type: 'searchset', total: 0 },
      },
      incomplete: new Set(),
    });
    expect(seen.calls[0]).toMatchObject({
      client: { id: 'anonymous' },
      serviceId: 'demo',
      hook: 'patient-view',
      hookInstance,
      fhirServer: null,
      authorization: null,
    });
  });

  it('item 49 @211 the same id answers under another hook, with the prefetch of that hook', async () => {
    const { app, seen } = await cdsServer();
    const draftOrders = { resourceType: 'Bundle' };
    const payload = {
      hook: 'order-sign',
      hookInstance,
      context: { userId: 'Practitioner/9', patientId: 'p1', draftOrders },
    };
    expect((await app.inject({ method: 'POST', url, payload })).statusCode).toBe(200);
    expect(seen.requests[0]).toMatchObject({ hook: 'order-sign', prefetch: {} });
  });

  it('takes other methods with 405 and Allow', async () => {
    const { app } = await cdsServer();
    for (const address of [url, `${url}/feedback`]) {
      for (const method of ['GET', 'PUT', 'PATCH', 'DELETE'] as const) {
        const answer = await app.inject({ method, url: address });
        expect([answer.statusCode, answer.headers['allow'], outcomeOf(answer.body).code]).toEqual([
          405,
          'POST',
          'METHOD_NOT_ALLOWED',
        ]);
      }
    }
  });

  it('an address below that does not exist is 404 with an OperationOutcome', async () => {
    const { app, seen } = await cdsServer();
    const answer = await app.inject({ method: 'POST', url: `${url}/more/x`, payload: {} });
    expect([answer.statusCode, outcomeOf(answer.body).code]).toEqual([404, 'NOT_FOUND']);
    expect(answer.json().issue[0].details.coding).toEqual([{ system: reasonSystem, code: 'NOT_FOUND' }]);
    expect(seen.failures).toMatchObject([{ status: 404, method: 'POST', route: '/cds-services' }]);
  });

  it('the operator is told of every failure with the route’s pattern, not the address', async () => {
    const { app, seen } = await cdsServer();
    await app.inject({ method: 'POST', url: '/cds-services/secret-id', payload: {} });
    expect(seen.failures).toEqual([
      {
        error: expect.objectContaining({ code: 'SERVICE_NOT_FOUND' }),
        code: 'SERVICE_NOT_FOUND',
        status: 404,
        method: 'POST',
        route: '/cds-services/:id',
      },
    ]);
  });
});

describe('item 40 @176 @177 who calls is known before the body is read', () => {
  it('a refused caller gets 401 without a reason, whatever the body', async () => {
    const { app, seen } = await cdsServer();
    for (const [address, payload] of [
      [url, '{"a":'],
      ['/cds-services/none', '{}'],
      [`${url}/feedback`, '{}'],
    ] as const) {
      const answer = await app.inject({
        method: 'POST',
        url: address,
        headers: { ...json, authorization: 'Bearer refused' },
        payload,
      });
      expect(answer.statusCode).toBe(401);
      expect(answer.headers['www-authenticate']).toBe('Bearer');
      expect(outcomeOf(answer.body)).toEqual({
        code: 'CLIENT_UNAUTHENTICATED',
        text: 'The caller could not be authenticated.',
      });
    }
    expect(seen.requests).toEqual([]);
  });

  it('item 42 the audience is the address called, under every base address', async () => {
    const { app, seen } = await cdsServer({
      options: { baseUrl: ['https://cds.example/base/', 'https://alias.example'] },
    });
    await app.inject({ method: 'POST', url: `${url}?x=1`, payload: patientView() });
    await app.inject({ method: 'POST', url: `${url}/feedback`, payload: {} });
    expect(seen.audiences).toEqual([
      ['https://cds.example/base/cds-services/demo', 'https://alias.example/cds-services/demo'],
      [
        'https://cds.example/base/cds-services/demo/feedback',
        'https://cds.example/base/cds-services/demo',
        'https://alias.example/cds-services/demo/feedback',
        'https://alias.example/cds-services/demo',
      ],
    ]);
  });

  it('item 42 base addresses may be known only after listening', async () => {
    const bases: string[] = [];
    const { app, seen } = await cdsServer({ options: { baseUrl: () => bases } });
    bases.push('http://127.0.0.1:7');
    await app.inject({ method: 'POST', url, payload: patientView() });
    expect(seen.audiences).toEqual([['http://127.0.0.1:7/cds-services/demo']]);
  });
});

describe('item 16 the access token is transient', () => {
  it('it reaches the call, and neither the service’s request, the answer, what is stored, nor a failure', async () => {
    const { app, seen } = await cdsServer({
      fhirServers: ['https://fhir.example'],
      handle: () => Promise.reject(new TypeError('x')),
    });
    const answer = await app.inject({
      method: 'POST',
      url,
      payload: patientView(fhirAccess('https://fhir.example')),
    });
    expect(answer.statusCode).toBe(500);
    expect(seen.calls[0]?.authorization?.accessToken).toBe(accessToken);
    for (const kept of [seen.requests, seen.issued, seen.failures, answer.body])
      expect(JSON.stringify(kept)).not.toContain(accessToken);
  });
});

describe('item 36 @1 what is not a JSON request', () => {
  it.each([
    ['malformed JSON', json, '{"hook":', 400, 'MALFORMED_JSON'],
    ['an empty body', json, '', 400, 'MALFORMED_JSON'],
    ['a key that would change every object', json, '{"__proto__":{"x":1}}', 400, 'MALFORMED_JSON'],
    ['plain text', { 'content-type': 'text/plain' }, '{}', 415, 'UNSUPPORTED_MEDIA_TYPE'],
    ['XML', { 'content-type': 'application/fhir+xml' }, '<a/>', 415, 'UNSUPPORTED_MEDIA_TYPE'],
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }, 'a=1', 415, 'UNSUPPORTED_MEDIA_TYPE'],
  ])('%s', async (_name, headers, payload, status, code) => {
    const { app, seen } = await cdsServer();
    for (const address of [url, `${url}/feedback`]) {
      const answer = await app.inject({ method: 'POST', url: address, headers, payload });
      expect([answer.statusCode, outcomeOf(answer.body).code]).toEqual([status, code]);
      expect(answer.body).not.toMatch(/\bat .*\.[jt]s|node_modules|SyntaxError|position/);
    }
    expect([seen.requests, seen.issued, seen.feedback]).toEqual([[], [], []]);
  });

  it.each(['gzip', 'GZIP', 'br', 'identity, gzip', 'unheard-of'])(
    'a body that says Content-Encoding %s, plain or not',
    async (encoding) => {
      const { app, seen } = await cdsServer();
      const plain = JSON.stringify(patientView());
      for (const payload of [plain, gzipSync(plain)]) {
        for (const address of [url, `${url}/feedback`]) {
          const headers = { ...json, 'content-encoding': encoding };
          const answer = await app.inject({ method: 'POST', url: address, headers, payload });
          expect([answer.statusCode, outcomeOf(answer.body).code]).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE']);
          expect(answer.headers['accept-encoding']).toBe('identity');
        }
      }
      expect([seen.requests, seen.feedback]).toEqual([[], []]);
    },
  );

  it('Content-Encoding identity is none', async () => {
    const { app } = await cdsServer();
    const headers = { ...json, 'content-encoding': 'identity' };
    const answer = await app.inject({ method: 'POST', url, headers, payload: JSON.stringify(patientView()) });
    expect(answer.statusCode).toBe(200);
  });

  it('@1 JSON with a charset is JSON', async () => {
    const { app } = await cdsServer();
    const headers = { 'content-type': 'application/json; charset=utf-8' };
    expect(
      (await app.inject({ method: 'POST', url, headers, payload: JSON.stringify(patientView()) })).statusCode,
    ).toBe(200);
  });

  it('a body of 8 MiB is taken and one byte more refused', async () => {
    const { app } = await cdsServer();
    const limit = 8 * 1024 * 1024;
    const whole = JSON.stringify(patientView());
    const padded = (length: number) => whole + ' '.repeat(length - whole.length);
    expect(
      (await app.inject({ method: 'POST', url, headers: json, payload: padded(limit) })).statusCode,
    ).toBe(200);
    const answer = await app.inject({ method: 'POST', url, headers: json, payload: padded(limit + 1) });
    expect([answer.statusCode, outcomeOf(answer.body).code]).toEqual([413, 'BODY_TOO_LARGE']);
  });

  it('another limit holds for feedback as well', async () => {
    const { app } = await cdsServer({ options: { bodyLimit: 10 } });
    const answer = await app.inject({ method: 'POST', url: `${url}/feedback`, payload: { feedback: [] } });
    expect(answer.statusCode).toBe(413);
  });

  it('a bug in a service is 500 and tells nothing', async () => {
    const { app } = await cdsServer({ handle: () => Promise.reject(new TypeError('patient Miller')) });
    const answer = await app.inject({ method: 'POST', url, payload: patientView() });
    expect(answer.statusCode).toBe(500);
    expect(outcomeOf(answer.body)).toEqual({ code: 'INTERNAL', text: 'The service failed.' });
    expect(answer.body).not.toMatch(/Miller|TypeError|stack/);
  });
});

describe('item 39 @208 CORS', () => {
  const preflight = {
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'authorization,content-type',
  };
  const corsOrigins = ['https://ehr.example', 'http://localhost:8080'];

  it.each(['/cds-services', url, `${url}/feedback`])(
    'a preflight to %s is answered to a listed origin without a token',
    async (address) => {
      const { app, seen } = await cdsServer({ options: { corsOrigins } });
      const answer = await app.inject({
        method: 'OPTIONS',
        url: address,
        headers: { ...preflight, origin: 'http://localhost:8080' },
      });
      expect(answer.statusCode).toBe(204);
      expect(answer.headers).toMatchObject({
        'access-control-allow-origin': 'http://localhost:8080',
        'access-control-allow-methods': 'GET, POST, OPTIONS',
        'access-control-allow-headers': 'Authorization, Content-Type',
        'access-control-max-age': '600',
        vary: 'Origin',
      });
      expect(answer.headers).not.toHaveProperty('access-control-allow-credentials');
      expect(seen.audiences).toEqual([]);
    },
  );

  it.each(['https://evil.example', 'https://ehr.example.evil.example', 'null', 'http://ehr.example'])(
    'origin %s is given nothing',
    async (origin) => {
      const { app } = await cdsServer({ options: { corsOrigins } });
      const asked = await app.inject({ method: 'OPTIONS', url, headers: { ...preflight, origin } });
      const called = await app.inject({ method: 'POST', url, headers: { origin }, payload: patientView() });
      for (const answer of [asked, called])
        expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
    },
  );

  it('an answer to a listed origin may be read by it, an error too', async () => {
    const { app } = await cdsServer({ options: { corsOrigins } });
    const origin = 'https://ehr.example';
    for (const payload of [patientView(), {}]) {
      const answer = await app.inject({ method: 'POST', url, headers: { origin }, payload });
      expect(answer.headers['access-control-allow-origin']).toBe(origin);
    }
  });

  it('without a list there is no CORS', async () => {
    const { app } = await cdsServer();
    const answer = await app.inject({
      method: 'OPTIONS',
      url,
      headers: { ...preflight, origin: 'https://ehr.example' },
    });
    expect(answer.statusCode).toBe(404);
    expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
  });

  it.each([
    '*',
    'https://ehr.example/',
    'ehr.example',
    'https://ehr.example/app',
    'null',
    'https://EHR.example',
  ])('%s is no origin to list', async (origin) => {
    await expect(cdsServer({ options: { corsOrigins: [origin] } })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      detail: 'A CORS origin is scheme, host and port of a web page, https://ehr.example.',
    });
  });
});

describe('item 37 @27 one deadline for the whole call', () => {
  const patient = (signal: AbortSignal): Promise<ServiceResponse> =>
    abortOf(signal).then(() => ({ cards: [{ card: { ...plainCard, summary: 'In progress' } }] }));

  it('by default the signal aborts 400 ms after arrival, and the service may still word its answer', async () => {
    let waited = 0;
    const { app } = await cdsServer({
      options: { deadlineMs: undefined as never, graceMs: 20_000 },
      handle: async (_request, { signal }) => {
        const from = performance.now();
        expect(signal.aborted).toBe(false);
        const response = await patient(signal);
        waited = performance.now() - from;
        expect(signal.reason).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
        return response;
      },
    });
    const from = performance.now();
    const answer = await app.inject({ method: 'POST', url, payload: patientView() });
    expect(performance.now() - from).toBeGreaterThan(395);
    expect(waited).toBeLessThanOrEqual(401 + 5000);
    expect([answer.statusCode, answer.json().cards[0].summary]).toEqual([200, 'In progress']);
  });

  it('a service that does not heed it is 503 with Retry-After after the grace', async () => {
    const { app, seen } = await cdsServer({
      options: { deadlineMs: 50, graceMs: 100 },
      handle: () => new Promise(() => undefined),
    });
    const from = performance.now();
    const answer = await app.inject({ method: 'POST', url, payload: patientView() });
    expect(performance.now() - from).toBeGreaterThan(145);
    expect([answer.statusCode, answer.headers['retry-after'], outcomeOf(answer.body).code]).toEqual([
      503,
      '5',
      'DEADLINE_EXCEEDED',
    ]);
    expect(seen.issued).toEqual([]);
  });

  it.each(['verifyClient', 'cardsIssued'] as const)(
    '%s that never answers is 503 with Retry-After after the grace',
    async (port) => {
      const { app, seen } = await cdsServer({
        options: { deadlineMs: 50, graceMs: 100 },
        ports: { [port]: () => new Promise(() => undefined) },
      });
      const from = performance.now();
      const answer = await app.inject({ method: 'POST', url, payload: patientView() });
      expect(performance.now() - from).toBeGreaterThan(145);
      expect([answer.statusCode, answer.headers['retry-after'], outcomeOf(answer.body).code]).toEqual([
        503,
        '5',
        'DEADLINE_EXCEEDED',
      ]);
      expect(seen.requests).toHaveLength(port === 'verifyClient' ? 0 : 1);
    },
  );

  it('discovery and feedback wait for verifyClient no longer than a hook call does', async () => {
    const { app } = await cdsServer({
      options: { deadlineMs: 20, graceMs: 20 },
      ports: { verifyClient: () => new Promise(() => undefined) },
    });
    for (const asked of [
      { method: 'GET', url: '/cds-services' },
      { method: 'POST', url: `${url}/feedback`, payload: {} },
    ] as const)
      expect((await app.inject(asked)).statusCode).toBe(503);
  });

  it('the signal aborts at the deadline even where verifyClient took most of it', async () => {
    let waited = 0;
    const { app } = await cdsServer({
      options: { deadlineMs: 400, graceMs: 20_000 },
      ports: {
        verifyClient: async () => {
          await new Promise((resolve) => setTimeout(resolve, 300));
          return { id: 'late' };
        },
      },
      handle: async (_request, { signal }) => {
        const from = performance.now();
        const response = await patient(signal);
        waited = performance.now() - from;
        return response;
      },
    });
    expect((await app.inject({ method: 'POST', url, payload: patientView() })).statusCode).toBe(200);
    expect(waited).toBeLessThan(300);
  });

  it('a call without a body does not stop the clock', async () => {
    const { app } = await cdsServer({ options: { deadlineMs: 20, graceMs: 20 } });
    const answer = await app.inject({ method: 'POST', url });
    expect([answer.statusCode, outcomeOf(answer.body).code]).toEqual([400, 'INVALID_REQUEST']);
  });

  it('what is spent on the way counts: the time of arrival is that of the request, not of the handler', async () => {
    const spent = 300;
    const { app, seen } = await cdsServer({
      options: { deadlineMs: 200, graceMs: 20_000 },
      ports: {
        verifyClient: async () => {
          await new Promise((resolve) => setTimeout(resolve, spent));
          return { id: 'late' };
        },
      },
      handle: (_request, { signal }) => patient(signal),
    });
    const from = performance.now();
    await app.inject({ method: 'POST', url, payload: patientView() });
    const arrived = seen.calls[0]?.arrivedAt ?? 0;
    expect(arrived - from).toBeGreaterThanOrEqual(0);
    expect(performance.now() - arrived).toBeGreaterThanOrEqual(spent - 5);
  });

  it('a body on a slow line, over a real socket, is not the service’s time', async () => {
    const { app, seen } = await cdsServer({ options: { deadlineMs: 20_000 } });
    await app.listen({ host: '127.0.0.1', port: 0 });
    const body = JSON.stringify(patientView());
    const from = performance.now();
    const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1');
    await once(socket, 'connect');
    socket.write(
      `POST ${url} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n`,
    );
    socket.write(body.slice(0, 10));
    await new Promise((resolve) => setTimeout(resolve, 400));
    socket.write(body.slice(10));
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(text).toContain('"cards":[');
    expect((seen.calls[0]?.arrivedAt ?? 0) - from).toBeGreaterThan(300);
    await app.close();
  });
});

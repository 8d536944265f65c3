import { once } from 'node:events';
import http from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import type { InjectOptions } from 'fastify';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ServiceError } from '#core/error';
import { codeSystems } from '#core/identifiers';
import { createMetrics } from '#server/metrics';
import { serviceId, type TestApp, type TestAppOptions, testApp } from '../support/app.ts';
import { outcomeOf } from '../support/cds-server.ts';
import { answer, type FaultServer, startFaultServer } from '../support/fault-server.ts';

let served: TestApp;
const serve = async (options: TestAppOptions = {}) => {
  served = await testApp(options);
  return served.app;
};
afterEach(() => served.app.close());

const call = {
  method: 'POST',
  url: `/cds-services/${serviceId}`,
  headers: { 'content-type': 'application/json' },
} as const;
const hook = JSON.stringify({
  hook: 'patient-view',
  hookInstance: 'd1577c69-dfbe-44ad-ba6d-3e05e953b2ea',
  context: { userId: 'Practitioner/1', patientId: 'p1' },
});

describe('state of the service', () => {
  it('/healthz answers while the process lives, whatever the store does', async () => {
    const app = await serve({ readiness: () => new Promise(() => undefined) });
    const { statusCode, body } = await app.inject('/healthz');
    expect([statusCode, JSON.parse(body)]).toEqual([200, { status: 'ok' }]);
  });

  it('/readyz is 200 with what the models are doing; models that warm or were refused do not hold it back', async () => {
    const state = {
      ready: true,
      store: 'ok' as const,
      models: [
        { model: 'a@1.0.0', state: 'warming' as const },
        { model: 'b@1.0.0', state: 'refused' as const, code: 'MODEL_PARITY_FAILED' },
      ],
    };
    const app = await serve({ readiness: async () => state });
    const { statusCode, body, headers } = await app.inject('/readyz');
    expect([statusCode, JSON.parse(body)]).toEqual([200, state]);
    expect(headers['cache-control']).toBe('no-store');
  });

  it('/readyz is 503 when the store is away', async () => {
    const state = { ready: false, store: 'unavailable' as const, models: [] };
    const app = await serve({ readiness: async () => state });
    const { statusCode, body } = await app.inject('/readyz');
    expect([statusCode, JSON.parse(body)]).toEqual([503, state]);
  });

  it('/metrics speaks Prometheus, with labels of closed sets', async () => {
    const metrics = createMetrics();
    metrics.failures.inc({ code: 'PREFETCH_UNMET' });
    metrics.jobs.observe({ model: 'chest@1.0.0', outcome: 'final' }, 0.2);
    const app = await serve({ metrics: metrics.registry });
    const { body, headers } = await app.inject('/metrics');
    expect(headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(body).toContain('fovea_call_failures_total{code="PREFETCH_UNMET"} 1');
    expect(body).toContain('fovea_job_seconds_count{model="chest@1.0.0",outcome="final"} 1');
    expect(body).toContain('process_cpu_seconds_total');
    const labels = [...body.matchAll(/^fovea_\w+\{([^}]*)\}/gm)].flatMap(([, all]) =>
      [...(all as string).matchAll(/(\w+)="/g)].map(([, name]) => name),
    );
    for (const label of labels) expect(['code', 'model', 'outcome', 'le']).toContain(label);
  });
});

describe('a failure is a coded OperationOutcome and nothing else', () => {
  it.each<[string, InjectOptions, number, string]>([
    ['an address that does not exist', { url: '/nothing' }, 404, 'NOT_FOUND'],
    ['one below the services', { url: '/cds-services/a/b/c' }, 404, 'NOT_FOUND'],
    ['an address that is not one', { url: '/%zz' }, 400, 'INVALID_REQUEST'],
    ['a method that is not taken', { method: 'DELETE', url: call.url }, 405, 'METHOD_NOT_ALLOWED'],
    ['a method of a page', { method: 'POST', url: '/healthz' }, 405, 'METHOD_NOT_ALLOWED'],
    [
      'a method of the source attributes',
      { method: 'POST', url: `${call.url}/source-attributes` },
      405,
      'METHOD_NOT_ALLOWED',
    ],
    ['a body that is not JSON', { ...call, payload: '{"hook":' }, 400, 'MALFORMED_JSON'],
    ['no body', { ...call, payload: '' }, 400, 'MALFORMED_JSON'],
    [
      'a body that would reach a prototype',
      { ...call, payload: '{"__proto__":{"a":1}}' },
      400,
      'MALFORMED_JSON',
    ],
    [
      'a body above the limit',
      { ...call, payload: JSON.stringify({ a: 'x'.repeat(3000) }) },
      413,
      'BODY_TOO_LARGE',
    ],
    [
      'a content type that is not JSON',
      { ...call, headers: { 'content-type': 'text/plain' }, payload: 'x' },
      415,
      'UNSUPPORTED_MEDIA_TYPE',
    ],
    ['a body that is no call', { ...call, payload: '[]' }, 400, 'INVALID_REQUEST'],
    [
      'a service that does not exist',
      { ...call, url: '/cds-services/none', payload: hook },
      404,
      'SERVICE_NOT_FOUND',
    ],
  ])('%s', async (_name, request, status, code) => {
    const app = await serve();
    const answered = await app.inject(request);
    expect(answered.statusCode).toBe(status);
    expect(answered.headers['content-type']).toMatch(/^application\/fhir\+json/);
    expect(outcomeOf(answered.body).code).toBe(code);
    expect(JSON.parse(answered.body).issue[0].details.coding[0].system).toBe(codeSystems.reason);
    expect(answered.body).not.toMatch(/\\n +at |node_modules|\.ts|\.js|%zz/);
  });

  it('a body of exactly the limit is read', async () => {
    const app = await serve({ bodyLimit: 1024 });
    const payload = `{"a":"${'x'.repeat(1024 - 8)}"}`;
    expect(payload).toHaveLength(1024);
    expect(outcomeOf((await app.inject({ ...call, payload })).body).code).toBe('INVALID_REQUEST');
  });

  it('a bug in a hook is INTERNAL: neither its message nor its stack is told', async () => {
    const app = await serve({ handle: () => Promise.reject(new TypeError('Jane Doe, MRN 4711')) });
    const { statusCode, body } = await app.inject({ ...call, payload: hook });
    expect([statusCode, outcomeOf(body).code]).toEqual([500, 'INTERNAL']);
    expect(body).not.toMatch(/Jane|4711|TypeError| at /);
    expect(served.failures).toMatchObject([{ code: 'INTERNAL', status: 500, route: '/cds-services/:id' }]);
  });

  it('a bug outside of the services is INTERNAL too, and logged by its route and stack without its message', async () => {
    const app = await serve({ readiness: () => Promise.reject(new RangeError('Jane Doe')) });
    const { statusCode, body } = await app.inject('/readyz');
    expect([statusCode, outcomeOf(body).code]).toEqual([500, 'INTERNAL']);
    expect(served.logged).toMatchObject([
      { event: 'request-failed', route: '/readyz', method: 'GET', status: 500 },
    ]);
    expect(served.logged[0]?.stack).toMatch(/^RangeError \| at /);
    expect(JSON.stringify([body, served.logged])).not.toContain('Jane');
  });

  it('a code that says when to come again says it in Retry-After', async () => {
    const app = await serve({
      handle: () => Promise.reject(new ServiceError('STORE_FULL', { retryAfter: 29.2 })),
    });
    const { statusCode, headers, body } = await app.inject({ ...call, payload: hook });
    expect([statusCode, headers['retry-after'], outcomeOf(body).code]).toEqual([503, '30', 'STORE_FULL']);
  });
});

const deferred = () => {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
};

describe('a failure below the requests is a coded OperationOutcome too', () => {
  /** What comes back for bytes on a socket: head and body. */
  const send = async (port: number, text: string) => {
    const socket = connect(port, '127.0.0.1');
    socket.write(text);
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    const [head = '', body = ''] = Buffer.concat(chunks).toString('utf8').split('\r\n\r\n');
    return { head, body };
  };
  const listen = async (options: TestAppOptions = {}) => {
    const app = await serve(options);
    await app.listen({ host: '127.0.0.1', port: 0 });
    return (app.server.address() as AddressInfo).port;
  };
  const begin = `POST ${call.url} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n`;

  it.each([
    ['what is not HTTP', 'Jane Doe\r\n\r\n', '400 Bad Request', 'It is not HTTP.'],
    [
      'a method that HTTP does not know',
      'JANE / HTTP/1.1\r\nhost: x\r\n\r\n',
      '400 Bad Request',
      'It is not HTTP.',
    ],
    [
      'a length that is no number',
      `${begin}content-length: Jane\r\n\r\n`,
      '400 Bad Request',
      'It is not HTTP.',
    ],
    [
      'a chunk without length',
      `${begin}transfer-encoding: chunked\r\n\r\nJane\r\n`,
      '400 Bad Request',
      'It is not HTTP.',
    ],
    [
      'headers above the limit',
      `GET / HTTP/1.1\r\nhost: x\r\nx: ${'Jane'.repeat(5000)}\r\n\r\n`,
      '431 Request Header Fields Too Large',
      'Its header fields are too large.',
    ],
  ])('%s', async (_name, text, status, told) => {
    const { head, body } = await send(await listen(), text);
    const [line, ...headers] = head.split('\r\n');
    expect(line).toBe(`HTTP/1.1 ${status}`);
    expect(headers).toEqual([
      'content-type: application/fhir+json; charset=utf-8',
      'x-content-type-options: nosniff',
      `content-length: ${Buffer.byteLength(body)}`,
      'connection: close',
    ]);
    expect(outcomeOf(body).code).toBe('INVALID_REQUEST');
    expect(outcomeOf(body).text).toContain(told);
    expect(JSON.parse(body).issue[0].details.coding[0].system).toBe(codeSystems.reason);
    expect(head + body).not.toContain('Jane');
  });

  it('a request on a kept connection while the service stops is 503 with Retry-After', async () => {
    const { promise: asked, resolve: ask } = deferred();
    const { promise: held, resolve: release } = deferred();
    const port = await listen({
      readiness: () => {
        ask();
        return held.then(() => ({ ready: true, store: 'ok', models: [] }));
      },
    });
    const socket = connect(port, '127.0.0.1');
    let text = '';
    socket.on('data', (chunk) => {
      text += String(chunk);
    });
    socket.write('GET /readyz HTTP/1.1\r\nhost: x\r\n\r\n');
    await asked;
    const stopped = served.app.close();
    await vi.waitFor(() => expect(served.app.server.listening).toBe(false));
    socket.write('GET /cds-services HTTP/1.1\r\nhost: x\r\n\r\n');
    await vi.waitFor(() =>
      expect(served.failures).toMatchObject([{ code: 'SERVICE_STOPPING', status: 503 }]),
    );
    release();
    await once(socket, 'close');
    await stopped;
    expect(text).toContain('HTTP/1.1 503 Service Unavailable\r\n');
    expect(text).toMatch(/retry-after: 5\r\n/);
    expect(text).toContain('"code":"SERVICE_STOPPING"');
  });
});

describe('the sandbox', () => {
  let ehr: FaultServer | null = null;
  afterEach(async () => {
    await ehr?.close();
    ehr = null;
  });
  const sandbox = (origin: string) => ({ origin: () => origin });
  const startEhr = async () => {
    ehr = await startFaultServer({ '/sandbox/fhir/metadata': answer(200, {}, 'from the EHR') });
    return ehr;
  };

  const bareResult = '/evidence/5bd7d9c4-7d0c-4a53-8b67-0d0d4ab4f8ae';

  it('is not there outside of sandbox mode: neither the EHR nor an evidence page', async () => {
    const app = await serve();
    for (const url of ['/sandbox/', '/sandbox/fhir/metadata', bareResult])
      expect((await app.inject(url)).statusCode, url).toBe(404);
    expect((await app.inject('/')).body).toContain('CDS Hooks service');
  });

  it('has no page of a result that needs no sign-in', async () => {
    const app = await serve({ sandbox: sandbox('http://127.0.0.1:1') });
    const { statusCode, body } = await app.inject(bareResult);
    expect([statusCode, outcomeOf(body).code]).toEqual([404, 'NOT_FOUND']);
  });

  it('the first address leads to the chart page', async () => {
    const app = await serve({ sandbox: sandbox('http://127.0.0.1:1') });
    const { statusCode, headers } = await app.inject('/');
    expect([statusCode, headers.location]).toEqual([302, 'sandbox/']);
  });

  it('its server is reached under /sandbox', async () => {
    const app = await serve({ sandbox: sandbox((await startEhr()).origin) });
    expect((await app.inject('/sandbox/fhir/metadata')).body).toBe('from the EHR');
    expect((await app.inject('/sandbox/nothing')).statusCode).toBe(404);
  });

  it.each([
    ['nobody', [], '127.0.0.1'],
    ['a listed proxy', ['127.0.0.1'], '203.0.113.5'],
    ['another proxy', ['10.0.0.0/8'], '127.0.0.1'],
  ])('whose call it is is told to it; X-Forwarded-For is believed of %s', async (_who, trustProxy, seen) => {
    const { origin, requests } = await startEhr();
    const app = await serve({ sandbox: sandbox(origin), trustProxy });
    await app.inject({ url: '/sandbox/fhir/metadata', headers: { 'x-forwarded-for': '203.0.113.5' } });
    expect(requests[0]?.headers['x-forwarded-for']).toBe(seen);
  });

  it.each(['text/plain', 'application/json', 'application/octet-stream', 'text/html'])(
    'a body of %s in chunks reaches it as one request, and the next caller is answered',
    async (type) => {
      const { origin, requests } = await startEhr();
      const app = await serve({ sandbox: sandbox(origin) });
      const base = await app.listen({ host: '127.0.0.1', port: 0 });
      const headers = { 'content-type': type, 'transfer-encoding': 'chunked' };
      const smuggled = '0\r\n\r\nGET /sandbox/smuggled HTTP/1.1\r\nhost: x\r\n\r\n';
      for (let round = 0; round < 3; round += 1) {
        const posted = http.request(`${base}/sandbox/fhir/metadata`, { method: 'POST', headers });
        posted.end(smuggled);
        const [first] = (await once(posted, 'response')) as [http.IncomingMessage];
        await once(first.resume(), 'end');
        expect(first.statusCode).toBe(200);
        expect((await fetch(`${base}/sandbox/fhir/metadata`)).status).toBe(200);
      }
      expect(requests.map(({ url }) => url)).toEqual(new Array(6).fill('/sandbox/fhir/metadata'));
      expect(requests[0]?.headers).not.toHaveProperty('content-length');
    },
  );

  it.each(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'POST'])(
    'a %s with a body takes nothing of the next caller’s request',
    async (method) => {
      const { origin, requests } = await startEhr();
      const app = await serve({ sandbox: sandbox(origin) });
      const base = await app.listen({ host: '127.0.0.1', port: 0 });
      for (let round = 0; round < 3; round += 1) {
        const headers = { 'content-length': 5 };
        const asked = http.request(`${base}/sandbox/fhir/metadata`, { method, headers }).end('GET /');
        const [first] = (await once(asked, 'response')) as [http.IncomingMessage];
        await once(first.resume(), 'end');
        expect(first.statusCode).toBe(200);
        expect(await (await fetch(`${base}/sandbox/fhir/metadata`)).text()).toBe('from the EHR');
      }
      expect(requests).toHaveLength(6);
    },
  );

  it('when its server is away, that is a coded answer', async () => {
    const app = await serve({ sandbox: sandbox('http://127.0.0.1:1') });
    const { statusCode, body } = await app.inject('/sandbox/fhir/metadata');
    expect(statusCode).toBeGreaterThanOrEqual(500);
    expect(outcomeOf(body).code).toBe('INTERNAL');
    expect(body).not.toMatch(/ECONNREFUSED|127\.0\.0\.1/);
  });
});

it('every answer forbids guessing its type', async () => {
  const app = await serve();
  for (const url of [
    '/',
    '/healthz',
    '/readyz',
    '/metrics',
    '/cds-services',
    '/nothing',
    `/cds-services/${serviceId}`,
  ])
    expect((await app.inject(url)).headers['x-content-type-options'], url).toBe('nosniff');
});

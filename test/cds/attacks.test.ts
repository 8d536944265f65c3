import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import {
  cdsServer,
  fhirAccess,
  outcomeOf,
  patientView,
  startFhirServer,
  type TestServerOptions,
} from '../support/cds-server.ts';

/**
 * What other CDS services were seen to get wrong, each row with our answer. After each the service must still answer
 * a good call.
 */
interface Attack {
  readonly name: string;
  /** The body: an object, or text as it is. */
  readonly body: unknown;
  readonly url?: string;
  readonly status: number;
  readonly code?: string;
}

const without = (name: string) => {
  const { [name]: _left, ...rest } = patientView();
  return rest;
};
const prefetch = (value: unknown) => patientView({ prefetch: value });
const failed = { resourceType: 'OperationOutcome', issue: [{ severity: 'error', code: 'security' }] };

const attacks: readonly Attack[] = [
  {
    name: 'no prefetch (a peer’s process exits)',
    body: without('prefetch'),
    status: 412,
    code: 'PREFETCH_UNMET',
  },
  { name: 'null prefetch', body: prefetch(null), status: 412, code: 'PREFETCH_UNMET' },
  { name: 'prefetch values null', body: prefetch({ patient: null, conditions: null }), status: 200 },
  {
    name: 'prefetch value text',
    body: prefetch({ patient: 'text', conditions: null }),
    status: 400,
    code: 'INVALID_REQUEST',
  },
  {
    name: 'prefetch value OperationOutcome',
    body: prefetch({ patient: failed, conditions: null }),
    status: 412,
    code: 'PREFETCH_UNMET',
  },
  { name: 'no hookInstance', body: without('hookInstance'), status: 400, code: 'INVALID_REQUEST' },
  { name: 'no context', body: without('context'), status: 400, code: 'INVALID_REQUEST' },
  {
    name: 'a hook that the service does not have',
    body: patientView({ hook: 'appointment-book' }),
    status: 400,
    code: 'HOOK_MISMATCH',
  },
  {
    name: 'malformed JSON (peers: HTML with stack trace)',
    body: '{"hook": "patient-view",',
    status: 400,
    code: 'MALFORMED_JSON',
  },
  {
    name: 'unknown service (a peer: HTML with stack trace)',
    body: patientView(),
    url: '/cds-services/none',
    status: 404,
    code: 'SERVICE_NOT_FOUND',
  },
  {
    name: 'a real prefetch of 7 MiB (a peer refuses at 0.11 MiB)',
    body: prefetch({
      patient: null,
      conditions: {
        resourceType: 'Bundle',
        entry: [{ resource: { resourceType: 'Condition', note: 'x'.repeat(7 * 1024 * 1024) } }],
      },
    }),
    status: 200,
  },
  {
    name: 'a body of 11 MiB (a peer has no limit)',
    body: JSON.stringify(patientView()) + ' '.repeat(11 * 1024 * 1024),
    status: 413,
    code: 'BODY_TOO_LARGE',
  },
  {
    name: 'patientId ../../admin?x= (peers put it into the URL)',
    body: patientView({ context: { userId: 'Practitioner/9', patientId: '../../admin?x=' }, prefetch: {} }),
    status: 400,
    code: 'INVALID_REQUEST',
  },
  {
    name: 'JSON nested 100,000 deep',
    body: `{"hook":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
    status: 400,
    code: 'INVALID_REQUEST',
  },
  { name: 'a number as body', body: '42', status: 400, code: 'INVALID_REQUEST' },
];

const json = { 'content-type': 'application/json' };
const textOf = (body: unknown) => (typeof body === 'string' ? body : JSON.stringify(body));

async function serverWith(options: TestServerOptions = {}) {
  const { app, seen } = await cdsServer(options);
  const post = (payload: unknown, url = '/cds-services/demo', headers: Record<string, string> = {}) =>
    app.inject({ method: 'POST', url, headers: { ...json, ...headers }, payload: textOf(payload) });
  return { app, seen, post };
}

describe('attacks on a hook call', () => {
  it.each(attacks.map((one) => [one.name, one] as const))(
    '%s',
    async (_name, { body, url, status, code }) => {
      const { seen, post } = await serverWith();
      const answer = await post(body, url);
      expect(answer.statusCode).toBe(status);
      expect(answer.body).not.toMatch(/<html|node_modules|\bat .*\.[jt]s:/i);
      if (code !== undefined) {
        expect(outcomeOf(answer.body).code).toBe(code);
        expect(answer.body.length).toBeLessThan(1000);
        expect([seen.requests, seen.issued]).toEqual([[], []]);
      }
      expect((await post(patientView())).statusCode).toBe(200);
    },
  );

  it('a FHIR server that a caller names and nobody listed gets no request and no token', async () => {
    const evil = await startFhirServer({});
    const { post, seen } = await serverWith();
    const answer = await post({ ...without('prefetch'), ...fhirAccess(evil.base) });
    expect([answer.statusCode, outcomeOf(answer.body).code]).toEqual([403, 'FHIR_SERVER_NOT_ALLOWED']);
    expect(evil.requests).toEqual([]);
    expect(seen.calls).toEqual([]);
    await evil.close();
  });

  it('a patientId that leaves its path is not asked for, with a server and a token at hand', async () => {
    const fhir = await startFhirServer({});
    const { post } = await serverWith({ fhirServers: [fhir.base] });
    for (const patientId of ['../../admin?x=', '..', 'p1/../../x', 'p1?_format=xml', 'p1#', '%2e%2e']) {
      const context = { userId: 'Practitioner/9', patientId };
      expect((await post({ ...without('prefetch'), context, ...fhirAccess(fhir.base) })).statusCode).toBe(
        400,
      );
    }
    expect(fhir.requests).toEqual([]);
    await fhir.close();
  });

  it('client JWT: a call that is not authenticated is refused before anything else', async () => {
    const { post, seen } = await serverWith();
    const answer = await post('{"a":', '/cds-services/none', { authorization: 'Bearer refused' });
    expect([answer.statusCode, outcomeOf(answer.body).code]).toEqual([401, 'CLIENT_UNAUTHENTICATED']);
    expect(seen.requests).toEqual([]);
  });

  it('CORS: no wildcard, no reflection of an origin that is not listed, no credentials', async () => {
    const { post } = await serverWith({ options: { corsOrigins: ['https://ehr.example'] } });
    const foreign = await post(patientView(), undefined, { origin: 'https://evil.example' });
    expect(foreign.headers).not.toHaveProperty('access-control-allow-origin');
    const listed = await post(patientView(), undefined, { origin: 'https://ehr.example' });
    expect(listed.headers['access-control-allow-origin']).toBe('https://ehr.example');
    expect(listed.headers).not.toHaveProperty('access-control-allow-credentials');
  });
});

describe('a body in pieces of one byte', () => {
  const send = async (port: number, bytes: number) => {
    const body = JSON.stringify(patientView({ extension: 'x'.repeat(bytes) }));
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    // What it has not read yet when it refuses may reset the connection.
    socket.on('error', () => undefined);
    let text = '';
    socket.on('data', (chunk) => (text += chunk));
    socket.write(
      'POST /cds-services/demo HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n',
    );
    for (let at = 0; at < body.length && !socket.destroyed; at += 1000) {
      const pieces = [...body.slice(at, at + 1000)].map((byte) => `1\r\n${byte}\r\n`).join('');
      if (!socket.write(pieces)) await Promise.race([once(socket, 'drain'), once(socket, 'close')]);
    }
    if (!socket.destroyed) socket.write('0\r\n\r\n');
    if (!socket.destroyed) await once(socket, 'close');
    return text;
  };

  it('is read when they are few, refused when they are many, and the connection closed', async () => {
    const { app } = await cdsServer();
    await app.listen({ host: '127.0.0.1', port: 0 });
    const { port } = app.server.address() as AddressInfo;
    expect(await send(port, 20_000)).toMatch(/^HTTP\/1\.1 200 /);
    const refused = await send(port, 200_000);
    expect(refused).toMatch(/^HTTP\/1\.1 413 /);
    expect(refused).toContain('BODY_TOO_LARGE');
    expect(refused).toMatch(/^connection: close/im);
    expect(await send(port, 10)).toMatch(/^HTTP\/1\.1 200 /);
    await app.close();
  });
});

import { afterEach, describe, expect, it } from 'vitest';
import { createOutboundFetch } from '#auth/outbound';
import { type FhirRequest, fetchResource } from '#fhir/client';
import {
  answer,
  breakOff,
  endless,
  type Fault,
  type FaultServer,
  silence,
  startFaultServer,
} from '../support/fault-server.ts';

const running: FaultServer[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close()));
});

const outbound = createOutboundFetch();

async function start(faults: Record<string, Fault>) {
  const server = await startFaultServer(faults);
  running.push(server);
  const base = `${server.origin}/fhir`;
  const fetch = (path: string, more: Partial<FhirRequest> = {}) =>
    fetchResource({
      outbound,
      server: { base, addresses: ['127.0.0.0/8'] },
      path,
      timeoutMs: 3_000,
      ...more,
    });
  return { server, base, fetch };
}

const json = (resource: unknown, status = 200): Fault =>
  answer(status, { 'content-type': 'application/fhir+json; charset=utf-8' }, JSON.stringify(resource));

describe('read', () => {
  it('gives the resource and sends the token', async () => {
    const { fetch, server } = await start({
      '/fhir/Patient/1': json({ resourceType: 'Patient', id: '1', gender: 'ø' }),
    });
    expect(await fetch('Patient/1', { token: 'secret' })).toEqual({
      resourceType: 'Patient',
      id: '1',
      gender: 'ø',
    });
    expect(server.requests[0]?.headers).toMatchObject({
      accept: 'application/fhir+json',
      authorization: 'Bearer secret',
    });
  });

  it.each([404, 410])('status %i is no resource', async (status) => {
    const { fetch } = await start({ '/fhir/Patient/1': answer(status) });
    expect(await fetch('Patient/1')).toBeNull();
  });

  it('an absolute reference below the base is a read like any other', async () => {
    const { fetch, base } = await start({
      '/fhir/Endpoint/e': json({ resourceType: 'Endpoint', id: 'other' }),
    });
    await expect(fetch(`${base}/Endpoint/e`)).rejects.toMatchObject({ code: 'FHIR_INVALID_RESPONSE' });
    expect(await fetch(`${base}/Endpoint/none`)).toBeNull();
  });

  it.each([
    ['another resource', { resourceType: 'Patient', id: '2' }],
    ['another type', { resourceType: 'Person', id: '1' }],
    ['an OperationOutcome', { resourceType: 'OperationOutcome' }],
    ['no resource', { id: '1' }],
    ['a list', []],
    ['null', null],
  ])('%s in answer is FHIR_INVALID_RESPONSE', async (_name, resource) => {
    const { fetch } = await start({ '/fhir/Patient/1': json(resource) });
    await expect(fetch('Patient/1')).rejects.toMatchObject({ code: 'FHIR_INVALID_RESPONSE' });
  });
});

describe('search', () => {
  const page = (ids: readonly string[], next?: string) => ({
    resourceType: 'Bundle',
    type: 'searchset',
    ...(next !== undefined && { link: [{ relation: 'next', url: next }] }),
    entry: ids.map((id) => ({ resource: { resourceType: 'ImagingStudy', id } })),
  });

  it('gives one page as it came, its next link with it', async () => {
    const { fetch, server } = await start({ '/fhir/ImagingStudy': json(page(['a'], '/fhir/page2')) });
    expect(await fetch('ImagingStudy?patient=1', { token: 'secret' })).toEqual(page(['a'], '/fhir/page2'));
    expect(server.requests.map(({ url }) => url)).toEqual(['/fhir/ImagingStudy?patient=1']);
  });

  it.each(['?_getpages=x&_offset=2', '/page2', '/ImagingStudy?page=2'])(
    'item 11: the absolute link of a next page is a search too: %s',
    async (link) => {
      const { fetch, server, base } = await start({ [`/fhir${link}`]: json(page(['b'])) });
      expect(await fetch(`${base}${link}`, { token: 'secret' })).toEqual(page(['b']));
      expect(server.requests[0]?.headers.authorization).toBe('Bearer secret');
    },
  );

  it('an empty Bundle is a whole answer', async () => {
    const empty = { resourceType: 'Bundle', type: 'searchset', total: 0 };
    const { fetch } = await start({ '/fhir/ImagingStudy': json(empty) });
    expect(await fetch('ImagingStudy?patient=1')).toEqual(empty);
  });

  it.each([
    ['404', answer(404), 'FHIR_UNAVAILABLE'],
    ['one resource', json({ resourceType: 'ImagingStudy', id: 'a' }), 'FHIR_INVALID_RESPONSE'],
    ['an entry that is no list', json({ resourceType: 'Bundle', entry: {} }), 'FHIR_INVALID_RESPONSE'],
  ])('%s in answer is %s', async (_name, fault, code) => {
    const { fetch } = await start({ '/fhir/ImagingStudy': fault });
    await expect(fetch('ImagingStudy?patient=1')).rejects.toMatchObject({ code });
  });
});

describe('the bytes that may be read', () => {
  const answers = {
    '/fhir/Patient/1': json({ resourceType: 'Patient', id: '1' }),
    '/fhir/Patient/2': json({ resourceType: 'Patient', id: '2' }),
  };
  const size = JSON.stringify({ resourceType: 'Patient', id: '1' }).length;

  it('are shared by the requests that are given the same, one after another', async () => {
    const { fetch, server } = await start(answers);
    const bytes = { left: 2 * size };
    await fetch('Patient/1', { bytes });
    expect(bytes.left).toBe(size);
    await fetch('Patient/2', { bytes });
    expect(bytes.left).toBe(0);
    await expect(fetch('Patient/1', { bytes })).rejects.toMatchObject({ code: 'OUTBOUND_TOO_LARGE' });
    expect(server.requests).toHaveLength(2);
  });

  it('and by those that run at once', async () => {
    const { fetch } = await start(answers);
    const bytes = { left: 2 * size - 1 };
    const ends = await Promise.allSettled([fetch('Patient/1', { bytes }), fetch('Patient/2', { bytes })]);
    expect(ends.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(ends).toContainEqual({
      status: 'rejected',
      reason: expect.objectContaining({ code: 'OUTBOUND_TOO_LARGE' }),
    });
  });

  it('are 8 MiB where none are named', async () => {
    const { fetch } = await start({
      '/fhir/Patient/1': json({ resourceType: 'Patient', id: '1', text: 'x'.repeat(8 << 20) }),
    });
    await expect(fetch('Patient/1')).rejects.toMatchObject({ code: 'OUTBOUND_TOO_LARGE' });
  });
});

describe('failures, each with its code', () => {
  const html = answer(200, { 'content-type': 'text/html' }, '<html>sign in</html>');
  const jsonType = { 'content-type': 'application/fhir+json' };
  it.each([
    ['401', answer(401), { code: 'FHIR_UNAUTHORIZED' }],
    ['403', answer(403), { code: 'FHIR_UNAUTHORIZED' }],
    ['400', answer(400), { code: 'FHIR_UNAVAILABLE' }],
    ['500', answer(500), { code: 'FHIR_UNAVAILABLE', retryAfter: undefined }],
    [
      '503 with Retry-After',
      answer(503, { 'retry-after': '7' }),
      { code: 'FHIR_UNAVAILABLE', retryAfter: 7 },
    ],
    [
      '503 with an endless Retry-After',
      answer(503, { 'retry-after': '999999' }),
      { code: 'FHIR_UNAVAILABLE', retryAfter: 300 },
    ],
    [
      '429 with a date long ago',
      answer(429, { 'retry-after': 'Wed, 21 Oct 2015 07:28:00 GMT' }),
      { code: 'FHIR_UNAVAILABLE', retryAfter: 0 },
    ],
    ['a sign-in page', html, { code: 'FHIR_INVALID_RESPONSE' }],
    ['no content type', answer(200, {}, '{}'), { code: 'FHIR_INVALID_RESPONSE' }],
    ['half JSON', answer(200, jsonType, '{"resourceType":'), { code: 'FHIR_INVALID_RESPONSE' }],
    ['not UTF-8', answer(200, jsonType, Buffer.from([0x22, 0xff, 0x22])), { code: 'FHIR_INVALID_RESPONSE' }],
    [
      'a body that breaks off',
      breakOff({ ...jsonType, 'content-length': 99 }, '{'),
      { code: 'OUTBOUND_UNREACHABLE' },
    ],
    ['an endless body', endless(jsonType), { code: 'OUTBOUND_TOO_LARGE' }],
    [
      'a redirect to a metadata address',
      answer(302, { location: 'http://169.254.169.254/' }),
      { code: 'REDIRECT_REFUSED' },
    ],
  ])('%s', async (_name, fault, failure) => {
    const { fetch } = await start({ '/fhir/Patient/1': fault });
    await expect(fetch('Patient/1')).rejects.toMatchObject(failure);
  });

  it('silence ends at the deadline', async () => {
    const { fetch } = await start({ '/fhir/Patient/1': silence });
    await expect(fetch('Patient/1', { timeoutMs: 100 })).rejects.toMatchObject({ code: 'OUTBOUND_TIMEOUT' });
    await expect(fetch('Patient/1', { timeoutMs: 0 })).rejects.toMatchObject({ code: 'OUTBOUND_TIMEOUT' });
  });

  it('a redirect out of the base is not followed, though it stays on the host', async () => {
    const { fetch, server } = await start({
      '/fhir/Patient/1': answer(302, { location: '/other/Patient/1' }),
    });
    await expect(fetch('Patient/1')).rejects.toMatchObject({ code: 'REDIRECT_REFUSED' });
    expect(server.requests).toHaveLength(1);
  });

  it('an address that the server may not have is no question of the link', async () => {
    const { fetch, base } = await start({});
    await expect(fetch('Patient/1', { server: { base, addresses: [] } })).rejects.toMatchObject({
      code: 'ADDRESS_NOT_ALLOWED',
    });
  });
});

describe('paths', () => {
  it.each([
    'Patient/../../admin?x=',
    'Patient/..',
    'Patient/.',
    'Patient/%2e%2e',
    'Patient/1/../2',
    'Patient/1?_format=xml',
    'Patient/1#x',
    'Patient/1 ',
    'Patient/',
    'Patient',
    '/Patient/1',
    '../Patient/1',
    '//evil.tld/Patient/1',
    'patient/1',
    'ImagingStudy?patient=1?x',
    'ImagingStudy?patient=1#x',
    'ImagingStudy?patient=a b',
    'ImagingStudy?patient=1\r\nX: y',
    'ftp://ehr.example.org/fhir/Patient/1',
    '',
  ])('%j is neither a read nor a search', async (path) => {
    const { fetch, server } = await start({});
    await expect(fetch(path)).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
    expect(server.requests).toEqual([]);
  });

  it.each([
    'http://169.254.169.254/fhir/Patient/1',
    'http://127.0.0.1/fhir/Patient/1',
    'https://evil.tld/fhir?page=2',
    'https://ehr.example.org.evil.tld/fhir?page=2',
    'http://',
    'http://[',
  ])('item 47 an absolute address elsewhere is FHIR_SERVER_NOT_ALLOWED: %s', async (path) => {
    const { fetch, server } = await start({});
    await expect(fetch(path)).rejects.toMatchObject({ code: 'FHIR_SERVER_NOT_ALLOWED' });
    expect(server.requests).toEqual([]);
  });

  it('an absolute address on the server but out of its base, hidden or not, is refused', async () => {
    const { fetch, server } = await start({});
    await expect(fetch(`${server.origin}/admin`)).rejects.toMatchObject({ code: 'FHIR_SERVER_NOT_ALLOWED' });
    await expect(fetch(`${server.origin}/fhir/../admin`)).rejects.toMatchObject({
      code: 'FHIR_SERVER_NOT_ALLOWED',
    });
    for (const path of ['/fhir-evil?page=2', '/', '/fhir/..%2fadmin'])
      await expect(fetch(`${server.origin}${path}`), path).rejects.toMatchObject({
        code: 'FHIR_SERVER_NOT_ALLOWED',
      });
    expect(server.requests).toEqual([]);
  });

  it.each(['?x=', '#x', '?x=/'])('a base with %j after it is not a base', async (more) => {
    const { fetch, server, base } = await start({});
    await expect(fetch('Patient/1', { server: { base: `${base}${more}` } })).rejects.toMatchObject({
      code: 'FHIR_SERVER_NOT_ALLOWED',
    });
    expect(server.requests).toEqual([]);
  });

  it('user information is refused in a base and in an absolute address', async () => {
    const { fetch, server, base } = await start({});
    const named = base.replace('://', '://user@');
    await expect(fetch('Patient/1', { server: { base: named } })).rejects.toMatchObject({
      code: 'FHIR_SERVER_NOT_ALLOWED',
    });
    await expect(fetch(`${named}/Patient/1`)).rejects.toMatchObject({ code: 'FHIR_SERVER_NOT_ALLOWED' });
    expect(server.requests).toEqual([]);
  });
});

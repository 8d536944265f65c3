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
      server: base,
      allowed: [{ base, addresses: ['127.0.0.0/8'] }],
      path,
      timeoutMs: 3_000,
      ...more,
    });
  return { server, base, fetch };
}

const json = (resource: unknown, status = 200): Fault =>
  answer(status, { 'content-type': 'application/fhir+json; charset=utf-8' }, JSON.stringify(resource));

const bundle = (ids: readonly string[], next?: string) => ({
  resourceType: 'Bundle',
  type: 'searchset',
  total: 3,
  link: [{ relation: 'self', url: 'x' }, ...(next === undefined ? [] : [{ relation: 'next', url: next }])],
  entry: ids.map((id) => ({ resource: { resourceType: 'ImagingStudy', id } })),
});

const idsOf = (resource: unknown) =>
  (resource as { entry: { resource: { id: string } }[] }).entry.map((entry) => entry.resource.id);

describe('read', () => {
  it('gives the resource and sends the token', async () => {
    const { fetch, server } = await start({
      '/fhir/Patient/1': json({ resourceType: 'Patient', id: '1', gender: 'ø' }),
    });
    expect(await fetch('Patient/1', { token: 'secret' })).toEqual({
      resource: { resourceType: 'Patient', id: '1', gender: 'ø' },
      complete: true,
    });
    expect(server.requests[0]?.headers).toMatchObject({
      accept: 'application/fhir+json',
      authorization: 'Bearer secret',
    });
  });

  it.each([404, 410])('status %i is no resource', async (status) => {
    const { fetch } = await start({ '/fhir/Patient/1': answer(status) });
    expect(await fetch('Patient/1')).toEqual({ resource: null, complete: true });
  });

  it('an absolute reference below the base is a read like any other', async () => {
    const { fetch, base } = await start({
      '/fhir/Endpoint/e': json({ resourceType: 'Endpoint', id: 'other' }),
    });
    await expect(fetch(`${base}/Endpoint/e`)).rejects.toMatchObject({ code: 'FHIR_INVALID_RESPONSE' });
    expect(await fetch(`${base}/Endpoint/none`)).toEqual({ resource: null, complete: true });
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
  it('item 11: next pages are followed and joined to one Bundle', async () => {
    const { fetch, server, base } = await start({
      '/fhir/ImagingStudy?patient=1': (request, response) =>
        json(bundle(['a', 'b'], `${base}?_getpages=x&_offset=2`))(request, response),
      '/fhir?_getpages=x&_offset=2': (request, response) =>
        json(bundle(['c'], '/fhir/page3'))(request, response),
      '/fhir/page3': json(bundle(['d'])),
    });
    const { resource, complete } = await fetch('ImagingStudy?patient=1', { token: 'secret' });
    expect(idsOf(resource)).toEqual(['a', 'b', 'c', 'd']);
    expect(resource).toMatchObject({ resourceType: 'Bundle', type: 'searchset', total: 3 });
    expect(resource).not.toHaveProperty('link');
    expect(complete).toBe(true);
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual(
      Array(3).fill('Bearer secret'),
    );
  });

  it('item 11: over the page limit the answer says that it is incomplete', async () => {
    const { fetch, server } = await start({
      '/fhir/ImagingStudy': json(bundle(['a'], '/fhir/page2')),
      '/fhir/page2': json(bundle(['b'], '/fhir/page3')),
    });
    const { resource, complete } = await fetch('ImagingStudy?patient=1', { maxPages: 2 });
    expect(idsOf(resource)).toEqual(['a', 'b']);
    expect(resource).toMatchObject({ link: [{ relation: 'next', url: '/fhir/page3' }] });
    expect(complete).toBe(false);
    expect(server.requests).toHaveLength(2);
  });

  it.each([
    'http://169.254.169.254/latest/meta-data/',
    'https://ehr.example.org.evil.tld/fhir?page=2',
    '/admin?page=2',
    '/fhir-evil?page=2',
    '/fhir/../admin',
    'javascript:alert(1)',
    'http://',
  ])('a next link that leads elsewhere is not followed: %s', async (next) => {
    const { fetch, server } = await start({ '/fhir/ImagingStudy': json(bundle(['a'], next)) });
    const { resource, complete } = await fetch('ImagingStudy?patient=1', { token: 'secret' });
    expect(idsOf(resource)).toEqual(['a']);
    expect(complete).toBe(false);
    expect(server.requests).toHaveLength(1);
  });

  it('pages in a circle end', async () => {
    const { fetch, server } = await start({
      '/fhir/ImagingStudy': json(bundle(['a'], '/fhir/ImagingStudy?patient=1')),
    });
    expect(await fetch('ImagingStudy?patient=1')).toMatchObject({ complete: false });
    expect(server.requests).toHaveLength(1);
  });

  it('a page that fails fails the search', async () => {
    const { fetch } = await start({
      '/fhir/ImagingStudy': json(bundle(['a'], '/fhir/page2')),
      '/fhir/page2': answer(500),
    });
    await expect(fetch('ImagingStudy?patient=1')).rejects.toMatchObject({ code: 'FHIR_UNAVAILABLE' });
  });

  it('an empty Bundle is a whole answer', async () => {
    const empty = { resourceType: 'Bundle', type: 'searchset', total: 0 };
    const { fetch } = await start({ '/fhir/ImagingStudy': json(empty) });
    expect(await fetch('ImagingStudy?patient=1')).toEqual({ resource: empty, complete: true });
  });

  it('the size limit holds for all pages together', async () => {
    const { fetch } = await start({
      '/fhir/ImagingStudy': json(bundle(['a'.repeat(64)], '/fhir/page2')),
      '/fhir/page2': json(bundle(['b'.repeat(64)])),
    });
    await expect(fetch('ImagingStudy?patient=1', { maxBytes: 400 })).rejects.toMatchObject({
      code: 'OUTBOUND_TOO_LARGE',
    });
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

  it('a server that is not on the list is not asked', async () => {
    const { fetch, server } = await start({ '/fhir/Patient/1': answer(200) });
    await expect(fetch('Patient/1', { allowed: [] })).rejects.toMatchObject({ code: 'HOST_NOT_ALLOWED' });
    expect(server.requests).toEqual([]);
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
  ])('an absolute address elsewhere is FHIR_SERVER_NOT_ALLOWED: %s', async (path) => {
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
    await expect(fetch(`${server.origin}/fhir/..%2fadmin`)).rejects.toMatchObject({
      code: 'HOST_NOT_ALLOWED',
    });
    expect(server.requests).toEqual([]);
  });

  it.each(['?x=', '#x', '?x=/'])('a base with %j after it is not a base', async (more) => {
    const { fetch, server, base } = await start({});
    await expect(fetch('Patient/1', { server: `${base}${more}` })).rejects.toMatchObject({
      code: 'FHIR_SERVER_NOT_ALLOWED',
    });
    expect(server.requests).toEqual([]);
  });

  it('user information is refused in a base and in an absolute address', async () => {
    const { fetch, server, base } = await start({});
    const named = base.replace('://', '://user@');
    await expect(fetch('Patient/1', { server: named })).rejects.toMatchObject({
      code: 'FHIR_SERVER_NOT_ALLOWED',
    });
    await expect(fetch(`${named}/Patient/1`)).rejects.toMatchObject({ code: 'FHIR_SERVER_NOT_ALLOWED' });
    expect(server.requests).toEqual([]);
  });
});

import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { createOutboundFetch } from '#auth/outbound';
import { maySendToken } from '#auth/outbound-hosts';
import type { OutboundFetch } from '#core/outbound';
import { retryAfterSeconds } from '#core/retry-after';
import { createDicomwebClient, type DicomwebOptions } from '#dicom/dicomweb';
import {
  answer,
  breakOff,
  drip,
  endless,
  type Fault,
  type FaultServer,
  redirect,
  silence,
  stall,
  startFaultServer,
} from '../support/fault-server.ts';

const running: FaultServer[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close()));
});
async function start(faults: Record<string, Fault>): Promise<FaultServer> {
  const server = await startFaultServer(faults);
  running.push(server);
  return server;
}

const outbound = createOutboundFetch();
const loopback = ['127.0.0.0/8'];

function clientOf(server: FaultServer, more: Partial<DicomwebOptions> = {}) {
  return createDicomwebClient({
    outbound,
    endpoint: { address: `${server.origin}/wado`, requiresAccessToken: false },
    allowed: [{ base: `${server.origin}/wado`, addresses: loopback }],
    token: null,
    maySendToken: () => false,
    timeoutMs: 3_000,
    idleTimeoutMs: 1_000,
    maxBytes: 1 << 20,
    ...more,
  });
}

async function all(files: AsyncIterable<Buffer>): Promise<string[]> {
  const texts: string[] = [];
  for await (const file of files) texts.push(file.toString());
  return texts;
}

const related = { 'content-type': 'multipart/related; type="application/dicom"; boundary=b' };
const part = (content: string, type = 'application/dicom') =>
  `--b\r\nContent-Type: ${type}\r\n\r\n${content}\r\n`;
const study = '/wado/studies/1.2.3';

describe('S20 WADO-RS', () => {
  it('asks for a study as SMART Imaging Access says and gives its files one at a time', async () => {
    const server = await start({ [study]: answer(200, related, `${part('one')}${part('two')}--b--`) });
    expect(await all(clientOf(server).retrieveStudy('1.2.3'))).toEqual(['one', 'two']);
    expect(server.requests[0]?.headers).toMatchObject({
      accept: 'multipart/related; type="application/dicom"; transfer-syntax=*',
      'accept-encoding': 'identity',
    });
  });

  it('series and instances have their own addresses', async () => {
    const body = answer(200, related, `${part('one')}--b--`);
    const server = await start({ [`${study}/series/4`]: body, [`${study}/series/4/instances/5.6`]: body });
    expect(await all(clientOf(server).retrieveSeries('1.2.3', '4'))).toEqual(['one']);
    expect(await all(clientOf(server).retrieveInstance('1.2.3', '4', '5.6'))).toEqual(['one']);
  });

  it.each(['', '..', '1.2/../3', '1.2.3?x', '1.2.3#', `1.${'2'.repeat(63)}`, '1..2', '%31'])(
    'what is not a UID never becomes an address: %j',
    async (uid) => {
      const server = await start({});
      const client = clientOf(server);
      expect(() => client.retrieveStudy(uid)).toThrow(expect.objectContaining({ code: 'INVALID_REQUEST' }));
      await expect(client.qidoInstances(uid)).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
      expect(server.requests).toEqual([]);
    },
  );

  it('a study is streamed: a file is given while the next has not arrived, and stopping ends the transfer', async () => {
    let closed: Promise<unknown> = Promise.resolve();
    const server = await start({
      [study]: (_request, response) => {
        closed = once(response, 'close');
        response.writeHead(200, related).write(`${part('one')}${part('two')}--b\r\n`);
      },
    });
    for await (const file of clientOf(server).retrieveStudy('1.2.3')) {
      expect(file.toString()).toBe('one');
      break;
    }
    await closed;
  });

  it.each([
    'multipart/related; type="application/dicom; transfer-syntax=1.2.840.10008.1.2.1"; boundary="b"',
    'multipart/related; boundary=b',
    'Multipart/Related; boundary="b"; type=APPLICATION/DICOM',
  ])('is content with %s', async (type) => {
    const server = await start({ [study]: answer(200, { 'content-type': type }, `${part('one')}--b--`) });
    expect(await all(clientOf(server).retrieveStudy('1.2.3'))).toEqual(['one']);
  });
});

describe('failures, each with its code and a bounded wait', () => {
  const whole = `${part('one')}${part('two')}--b--`;
  const soon = { timeoutMs: 300, idleTimeoutMs: 150 };
  it.each<[string, Fault, object, Partial<DicomwebOptions>]>([
    [
      'S21 503 with Retry-After in seconds',
      answer(503, { 'retry-after': '12' }),
      { code: 'DICOMWEB_BUSY', retryAfter: 12 },
      {},
    ],
    ['S21 503 without Retry-After', answer(503), { code: 'DICOMWEB_BUSY', retryAfter: 5 }, {}],
    ['503 with an endless body', endless({}, { status: 503 }), { code: 'DICOMWEB_BUSY' }, {}],
    ['429', answer(429, { 'retry-after': '1' }), { code: 'DICOMWEB_BUSY', retryAfter: 1 }, {}],
    ['202', answer(202), { code: 'DICOMWEB_BUSY', retryAfter: 5 }, {}],
    ['401', answer(401), { code: 'DICOMWEB_UNAUTHORIZED' }, {}],
    ['403', answer(403), { code: 'DICOMWEB_UNAUTHORIZED' }, {}],
    ['404', answer(404), { code: 'DICOMWEB_NOT_FOUND' }, {}],
    ['400', answer(400), { code: 'DICOMWEB_UNAVAILABLE' }, {}],
    ['406', answer(406), { code: 'DICOMWEB_UNAVAILABLE' }, {}],
    ['500', answer(500), { code: 'DICOMWEB_UNAVAILABLE' }, {}],
    ['206, a part of the study', answer(206, related, whole), { code: 'DICOMWEB_TRUNCATED' }, {}],
    ['204', answer(204), { code: 'DICOMWEB_UNAVAILABLE' }, {}],
    ['silence before the head', silence, { code: 'DICOMWEB_TIMEOUT' }, soon],
    ['silence within a file', stall(related, part('one').slice(0, -2)), { code: 'DICOMWEB_TIMEOUT' }, soon],
    ['a slow drip', drip(related, 20), { code: 'DICOMWEB_TIMEOUT' }, soon],
    [
      'a cut within a file',
      breakOff({ ...related, 'content-length': 500 }, part('one')),
      { code: 'DICOMWEB_TRUNCATED' },
      {},
    ],
    ['a cut between chunks', breakOff(related, part('one')), { code: 'DICOMWEB_TRUNCATED' }, {}],
    [
      'an end without the closing boundary',
      answer(200, related, part('one')),
      { code: 'DICOMWEB_TRUNCATED' },
      {},
    ],
    ['nothing at all', answer(200, related), { code: 'DICOMWEB_TRUNCATED' }, {}],
    [
      'a sign-in page',
      answer(200, { 'content-type': 'text/html' }, '<html>'),
      { code: 'DICOMWEB_CONTENT_TYPE' },
      {},
    ],
    ['no content type', answer(200, {}, whole), { code: 'DICOMWEB_CONTENT_TYPE' }, {}],
    [
      'no boundary',
      answer(200, { 'content-type': 'multipart/related' }, whole),
      { code: 'DICOMWEB_CONTENT_TYPE' },
      {},
    ],
    [
      'pictures',
      answer(200, { 'content-type': 'multipart/related; type="image/jpeg"; boundary=b' }, whole),
      { code: 'DICOMWEB_CONTENT_TYPE' },
      {},
    ],
    [
      'a picture among the parts',
      answer(200, related, `${part('x', 'image/png')}--b--`),
      { code: 'DICOMWEB_CONTENT_TYPE' },
      {},
    ],
    [
      'a part that lies about its length',
      answer(200, related, '--b\r\nContent-Length: 2\r\n\r\none\r\n--b--'),
      { code: 'DICOMWEB_INVALID_RESPONSE' },
      {},
    ],
    [
      'compression',
      answer(200, { ...related, 'content-encoding': 'gzip' }, whole),
      { code: 'OUTBOUND_INVALID_RESPONSE' },
      {},
    ],
    [
      'an announced size over the limit',
      answer(200, related, 'x'.repeat(200)),
      { code: 'DICOMWEB_TOO_LARGE' },
      { maxBytes: 100 },
    ],
    ['an endless file', endless(related, { start: '--b\r\n\r\n' }), { code: 'DICOMWEB_TOO_LARGE' }, {}],
    [
      'an endless number of files',
      endless(related, { chunk: Buffer.from(part('one').repeat(500)) }),
      { code: 'DICOMWEB_TOO_LARGE' },
      {},
    ],
    [
      'a redirect to a metadata address',
      redirect('http://169.254.169.254/latest/meta-data/'),
      { code: 'REDIRECT_REFUSED' },
      {},
    ],
    ['a redirect out of the listed path', redirect('/admin'), { code: 'REDIRECT_REFUSED' }, {}],
  ])('%s', async (_name, fault, failure, more) => {
    const server = await start({ [study]: fault });
    await expect(all(clientOf(server, more).retrieveStudy('1.2.3'))).rejects.toMatchObject(failure);
    expect(server.requests).toHaveLength(1);
  });

  it('what has arrived whole before the cut is given', async () => {
    const server = await start({ [study]: breakOff(related, `${part('one')}${part('two')}--b\r\n\r\nthr`) });
    const given: string[] = [];
    const taking = (async () => {
      for await (const file of clientOf(server).retrieveStudy('1.2.3')) given.push(file.toString());
    })();
    await expect(taking).rejects.toMatchObject({ code: 'DICOMWEB_TRUNCATED' });
    expect(given).toEqual(['one', 'two']);
  });

  it('a server that cannot be reached, and one that is not on the list', async () => {
    const server = await startFaultServer({});
    await server.close();
    await expect(all(clientOf(server).retrieveStudy('1.2.3'))).rejects.toMatchObject({
      code: 'OUTBOUND_UNREACHABLE',
    });
    await expect(all(clientOf(server, { allowed: [] }).retrieveStudy('1.2.3'))).rejects.toMatchObject({
      code: 'HOST_NOT_ALLOWED',
    });
  });

  it('the caller’s signal ends the wait', async () => {
    const server = await start({ [study]: silence });
    const signal = AbortSignal.timeout(50);
    await expect(all(clientOf(server, { signal }).retrieveStudy('1.2.3'))).rejects.toMatchObject({
      code: 'DICOMWEB_TIMEOUT',
    });
  });

  it('a fault of ours is not given a code of the server', async () => {
    const broken: OutboundFetch = () => Promise.reject(new TypeError('x'));
    const server = await start({});
    await expect(all(clientOf(server, { outbound: broken }).retrieveStudy('1.2.3'))).rejects.toBeInstanceOf(
      TypeError,
    );
  });

  it.each([
    ['7', 7],
    ['0', 1],
    ['99999999999999', 300],
    ['Tue, 24 Nov 2026 10:00:30 GMT', 30],
    ['Tue, 24 Nov 2026 09:00:00 GMT', 1],
    ['Wed, 24 Nov 2027 10:00:00 GMT', 300],
    ['-5', 5],
    ['soon', 5],
    ['', 5],
    [undefined, 5],
  ])('S21 Retry-After %j is %i s', (value, seconds) => {
    expect(Math.max(1, retryAfterSeconds(value, Date.parse('2026-11-24T10:00:00Z')) ?? 5)).toBe(seconds);
  });
});

describe('S19 the access token', () => {
  const body = answer(200, related, `${part('one')}--b--`);

  async function sent(
    server: FaultServer,
    requiresAccessToken: boolean,
    sendToken: boolean,
    fhirServer: string | null,
  ) {
    const allowed = [{ base: `${server.origin}/wado`, addresses: loopback, sendToken }];
    const client = clientOf(server, {
      allowed,
      endpoint: { address: `${server.origin}/wado`, requiresAccessToken },
      token: 'secret',
      maySendToken: (endpoint) => maySendToken(endpoint, allowed, fhirServer),
    });
    await all(client.retrieveStudy('1.2.3'));
    return server.requests.at(-1)?.headers.authorization;
  }

  it('is sent when the Endpoint asks for it and the list trusts the server, or it is the FHIR server', async () => {
    const server = await start({ [study]: body });
    expect(await sent(server, true, true, null)).toBe('Bearer secret');
    expect(await sent(server, true, false, `${server.origin}/fhir`)).toBe('Bearer secret');
    expect(await sent(server, true, false, 'https://ehr.example.org/fhir')).toBeUndefined();
    expect(await sent(server, true, false, null)).toBeUndefined();
    expect(await sent(server, false, true, `${server.origin}/fhir`)).toBeUndefined();
  });

  it('never follows a redirect to another origin', async () => {
    const second = await start({ '/files': body });
    const first = await start({ [study]: redirect(`${second.origin}/files`, 307) });
    const client = clientOf(first, {
      allowed: [
        { base: `${first.origin}/wado`, addresses: loopback, sendToken: true },
        { base: second.origin, addresses: loopback, sendToken: true },
      ],
      endpoint: { address: `${first.origin}/wado`, requiresAccessToken: true },
      token: 'secret',
      maySendToken: () => true,
    });
    expect(await all(client.retrieveStudy('1.2.3'))).toEqual(['one']);
    expect(first.requests[0]?.headers.authorization).toBe('Bearer secret');
    expect(second.requests.map(({ headers }) => headers.authorization)).toEqual([undefined]);
  });
});

describe('QIDO-RS', () => {
  const instance = (sop: string, series = '1.2.3.4', more: object = {}) => ({
    '00080018': { vr: 'UI', Value: [sop] },
    '0020000E': { vr: 'UI', Value: [series] },
    '0020000D': { vr: 'UI', Value: ['1.2.3'] },
    '00080016': { vr: 'UI', Value: ['1.2.840.10008.5.1.4.1.1.2'] },
    ...more,
  });
  const list = (instances: unknown, headers: object = {}) =>
    answer(200, { 'content-type': 'application/dicom+json', ...headers }, JSON.stringify(instances));
  const path = `${study}/instances`;

  it('instances are grouped by series', async () => {
    const server = await start({
      [path]: list([
        instance('1.1', '1.2.3.4', {
          '00080060': { vr: 'CS', Value: ['CT'] },
          '00200013': { vr: 'IS', Value: [3] },
        }),
        instance('1.2', '1.2.3.5', { '00200013': { vr: 'IS', Value: ['4'] }, '00080016': { vr: 'UI' } }),
        instance('1.3', '1.2.3.4', { '00200013': { vr: 'IS' } }),
      ]),
    });
    const sopClassUid = '1.2.840.10008.5.1.4.1.1.2';
    expect(await clientOf(server).qidoInstances('1.2.3')).toEqual([
      {
        seriesInstanceUid: '1.2.3.4',
        modality: 'CT',
        bodySite: null,
        endpoint: null,
        unreadEndpoints: [],
        instances: [
          { sopInstanceUid: '1.1', sopClassUid, number: 3 },
          { sopInstanceUid: '1.3', sopClassUid, number: null },
        ],
      },
      {
        seriesInstanceUid: '1.2.3.5',
        modality: null,
        bodySite: null,
        endpoint: null,
        unreadEndpoints: [],
        instances: [{ sopInstanceUid: '1.2', sopClassUid: null, number: 4 }],
      },
    ]);
  });

  it.each([
    ['200 with an empty list', list([])],
    ['204', answer(204)],
  ])('no hit is no series: %s', async (_name, fault) => {
    const server = await start({ [path]: fault });
    expect(await clientOf(server).qidoInstances('1.2.3')).toEqual([]);
  });

  it('a server that warns that there are more is asked for the rest', async () => {
    const warning = {
      warning: '299 pacs: "The number of results exceeded the maximum supported by the server"',
    };
    const page = (offset: string) => new RegExp(`offset=${offset}$`);
    const server = await start({
      [path]: (request, response) => {
        const url = request.url ?? '';
        const instances = page('2').test(url) ? [instance('1.3')] : [instance('1.1'), instance('1.2')];
        list(instances, page('2').test(url) ? {} : warning)(request, response);
      },
    });
    const [series] = await clientOf(server).qidoInstances('1.2.3');
    expect(series?.instances.map(({ sopInstanceUid }) => sopInstanceUid)).toEqual(['1.1', '1.2', '1.3']);
    expect(server.requests).toHaveLength(2);
  });

  it('a server that always warns and never goes on is asked twice', async () => {
    const server = await start({ [path]: list([instance('1.1')], { warning: '299 more' }) });
    expect(await clientOf(server).qidoInstances('1.2.3')).toHaveLength(1);
    expect(server.requests).toHaveLength(2);
  });

  const json = { 'content-type': 'application/dicom+json' };
  it.each<[string, Fault, string]>([
    ['half JSON', answer(200, json, '[{'), 'DICOMWEB_INVALID_RESPONSE'],
    ['no list', list({}), 'DICOMWEB_INVALID_RESPONSE'],
    ['an entry that is no object', list([null]), 'DICOMWEB_INVALID_RESPONSE'],
    [
      'an instance without UID',
      list([{ ...instance('1.1'), '00080018': { vr: 'UI' } }]),
      'DICOMWEB_INVALID_RESPONSE',
    ],
    ['an instance with a wrong UID', list([instance('../../x')]), 'DICOMWEB_INVALID_RESPONSE'],
    [
      'another study',
      list([instance('1.1', '1', { '0020000D': { vr: 'UI', Value: ['9.9'] } })]),
      'DICOMWEB_INVALID_RESPONSE',
    ],
    ['a page', answer(200, { 'content-type': 'text/html' }, '[]'), 'DICOMWEB_CONTENT_TYPE'],
    ['503', answer(503), 'DICOMWEB_BUSY'],
    ['404', answer(404), 'DICOMWEB_NOT_FOUND'],
    ['a body that breaks off', breakOff({ ...json, 'content-length': 90 }, '[{'), 'DICOMWEB_TRUNCATED'],
    ['an endless list', endless(json), 'DICOMWEB_TOO_LARGE'],
  ])('%s', async (_name, fault, code) => {
    const server = await start({ [path]: fault });
    await expect(clientOf(server).qidoInstances('1.2.3')).rejects.toMatchObject({ code });
  });
});

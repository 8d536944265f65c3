import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createOutboundFetch } from '#auth/outbound';
import {
  answer,
  breakOff,
  drip,
  endless,
  raw,
  redirect,
  silence,
  stall,
  startFaultServer,
} from '../support/fault-server.ts';
import { coded, listed, request, start, text } from '../support/outbound.ts';
import { findCommand, serverOrSkip } from '../support/servers.ts';

const outbound = createOutboundFetch();

describe('an allowed request', () => {
  it('gives status, headers and body, asks for no compression and carries the token', async () => {
    const server = await start({
      '/fhir/Patient': answer(201, { 'X-One': 'a', 'set-cookie': ['b', 'c'] }, 'body'),
    });
    const response = await outbound(
      request(`${server.origin}/fhir/Patient?name=x`, {
        token: 'secret',
        headers: {
          Accept: 'application/fhir+json',
          Cookie: 'no',
          Host: 'evil.tld',
          'Accept-Encoding': 'gzip',
        },
      }),
    );
    expect(response.status).toBe(201);
    expect(response.headers).toMatchObject({ 'x-one': 'a', 'set-cookie': 'b, c' });
    expect(await text(response)).toBe('body');
    expect(server.requests).toHaveLength(1);
    expect(server.requests[0]?.url).toBe('/fhir/Patient?name=x');
    expect(server.requests[0]?.headers).toMatchObject({
      accept: 'application/fhir+json',
      'accept-encoding': 'identity',
      authorization: 'Bearer secret',
      host: `127.0.0.1:${server.port}`,
    });
    expect(server.requests[0]?.headers.cookie).toBeUndefined();
  });

  it('uses a kept connection again, also after an answer whose body was left unread', async () => {
    const server = await start({ '/': answer(200, {}, 'x'.repeat(50_000)) });
    const first = await outbound(request(`${server.origin}/`));
    await first.body[Symbol.asyncIterator]().return?.();
    await sleep(50);
    for (let call = 0; call < 3; call++) await text(await outbound(request(`${server.origin}/`)));
    expect(server.connections()).toBe(1);
  });

  it('makes a fresh connection when the server has closed the kept one', async () => {
    let calls = 0;
    const server = await start({
      '/': (incoming, response) => {
        calls++;
        if (calls === 2) incoming.socket.destroy();
        else response.end('ok');
      },
    });
    const own = createOutboundFetch();
    expect(await text(await own(request(`${server.origin}/`)))).toBe('ok');
    expect(await text(await own(request(`${server.origin}/`)))).toBe('ok');
    expect(calls).toBe(3);
  });

  it('streams no more than the consumer takes', async () => {
    const server = await start({ '/': endless({}) });
    const response = await outbound(request(`${server.origin}/`, { maxBytes: 1 << 30 }));
    let taken = 0;
    for await (const chunk of response.body) {
      taken += chunk.length;
      if (taken > 4 << 20) break;
    }
    expect(taken).toBeGreaterThan(4 << 20);
  });

  it.each([0, 20])(
    '200,000 chunks of one byte come joined, to a consumer that waits %i ms',
    async (pause) => {
      const count = 200_000;
      const server = await start({
        '/': (_incoming, response) => {
          response.writeHead(200);
          for (let at = 0; at < count; at++) response.write(Buffer.of(at % 251));
          response.end();
        },
      });
      const response = await outbound(
        request(`${server.origin}/`, { timeoutMs: 60_000, idleTimeoutMs: 60_000 }),
      );
      const chunks: Uint8Array[] = [];
      for await (const chunk of response.body) {
        chunks.push(chunk);
        await sleep(pause);
      }
      const body = Buffer.concat(chunks);
      expect(body.equals(Buffer.from(Array.from({ length: count }, (_, at) => at % 251)))).toBe(true);
      // 1.2 MB came over the connection, in reads of 64 KiB at most.
      expect(chunks.length).toBeLessThan(400);
    },
  );
});

describe('hosts and addresses', () => {
  it('a host that is not on the list is refused before anything is resolved or sent', async () => {
    const server = await start({ '/': answer(200) });
    const names: string[] = [];
    const own = createOutboundFetch({
      resolve: async (name) => {
        names.push(name);
        return ['127.0.0.1'];
      },
    });
    await expect(
      own({ ...request(`${server.origin}/`), allowed: listed('https://ehr.example.org/fhir') }),
    ).rejects.toEqual(coded('HOST_NOT_ALLOWED'));
    expect(names).toEqual([]);
    expect(server.requests).toEqual([]);
  });

  it.each([
    ['loopback without a list of addresses', ['127.0.0.1'], undefined],
    ['a metadata address behind an allowed name', ['169.254.169.254'], ['10.0.0.0/8']],
    ['one wrong address among right ones', ['10.0.0.1', '169.254.169.254'], ['10.0.0.0/8']],
    ['IPv4 in IPv6', ['::ffff:127.0.0.1'], ['10.0.0.0/8']],
    ['an answer that is not an address', ['metadata.internal'], ['10.0.0.0/8']],
  ] as const)('%s is refused', async (_name, addresses, ranges) => {
    const own = createOutboundFetch({ resolve: async () => addresses });
    const url = 'http://pacs.hospital.example/dicom-web';
    await expect(
      own(request(url, { allowed: [{ base: url, ...(ranges !== undefined && { addresses: ranges }) }] })),
    ).rejects.toEqual(coded('ADDRESS_NOT_ALLOWED'));
  });

  it('an address in the URL itself is checked too', async () => {
    const server = await start({ '/': answer(200) });
    await expect(
      outbound(request(`${server.origin}/`, { allowed: [{ base: server.origin }] })),
    ).rejects.toEqual(coded('ADDRESS_NOT_ALLOWED'));
    expect(server.requests).toEqual([]);
  });

  it('DNS rebinding: the name is resolved once a request and the connection goes to the checked address', async () => {
    const server = await start({ '/': answer(200, {}, 'ok') });
    const answers = [['127.0.0.1'], ['169.254.169.254'], ['127.0.0.1']];
    let asked = 0;
    const own = createOutboundFetch({ resolve: async () => answers[asked++] ?? [] });
    const url = `http://pacs.hospital.example:${server.port}/`;
    expect(await text(await own(request(url)))).toBe('ok');
    expect(asked).toBe(1);
    expect(server.requests[0]?.headers.host).toBe(`pacs.hospital.example:${server.port}`);
    await expect(own(request(url))).rejects.toEqual(coded('ADDRESS_NOT_ALLOWED'));
    expect(asked).toBe(2);
  });

  it('the next checked address is tried when no connection can be made', async () => {
    const server = await start({ '/': answer(200, {}, 'ok') });
    const own = createOutboundFetch({ resolve: async () => ['127.0.0.2', '127.0.0.1'] });
    const url = `http://pacs.hospital.example:${server.port}/`;
    expect(await text(await own(request(url)))).toBe('ok');
  });

  it('a name without address and a closed port are OUTBOUND_UNREACHABLE', async () => {
    const nothing = createOutboundFetch({ resolve: async () => [] });
    const url = 'http://pacs.hospital.example/';
    await expect(nothing(request(url))).rejects.toEqual(coded('OUTBOUND_UNREACHABLE'));
    const failing = createOutboundFetch({ resolve: () => Promise.reject(new TypeError('ENOTFOUND')) });
    await expect(failing(request(url))).rejects.toEqual(coded('OUTBOUND_UNREACHABLE'));
    const server = await startFaultServer({});
    await server.close();
    await expect(outbound(request(`${server.origin}/`))).rejects.toEqual(coded('OUTBOUND_UNREACHABLE'));
  });

  it('a token that could end its header line is refused', async () => {
    const server = await start({ '/': answer(200) });
    await expect(outbound(request(`${server.origin}/`, { token: 'a\r\nX-Evil: 1' }))).rejects.toEqual(
      coded('INVALID_REQUEST'),
    );
    expect(server.requests).toEqual([]);
  });
});

describe('redirects', () => {
  it('on the same origin lose the token as well', async () => {
    const server = await start({ '/a': redirect('/b', 307), '/b': answer(200, {}, 'ok') });
    expect(await text(await outbound(request(`${server.origin}/a`, { token: 'secret' })))).toBe('ok');
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual(['Bearer secret', undefined]);
  });

  it('to another listed origin lose the token, and do not get it back', async () => {
    const second = await start({
      '/b': (_r, response) => response.writeHead(302, { location: back }).end(),
    });
    const first = await start({ '/a': redirect(`${second.origin}/b`), '/c': answer(200, {}, 'ok') });
    const back = `${first.origin}/c`;
    const response = await outbound(
      request(`${first.origin}/a`, { token: 'secret', allowed: listed(first.origin, second.origin) }),
    );
    expect(await text(response)).toBe('ok');
    expect(second.requests.map(({ headers }) => headers.authorization)).toEqual([undefined]);
    expect(first.requests.map(({ headers }) => headers.authorization)).toEqual(['Bearer secret', undefined]);
  });

  it('to an origin that is not listed are refused, and nothing arrives there', async () => {
    const second = await start({ '/b': answer(200) });
    const first = await start({ '/a': redirect(`${second.origin}/b`) });
    await expect(outbound(request(`${first.origin}/a`, { token: 'secret' }))).rejects.toEqual(
      coded('REDIRECT_REFUSED'),
    );
    expect(second.requests).toEqual([]);
  });

  it.each([
    'http://169.254.169.254/latest/meta-data/iam/security-credentials/',
    'http://2852039166/latest/',
    'file:///etc/passwd',
    '//evil.tld/',
    'http://user@127.0.0.1/',
    'http://',
  ])('to %s are refused', async (location) => {
    const server = await start({ '/a': redirect(location) });
    await expect(outbound(request(`${server.origin}/a`))).rejects.toEqual(coded('REDIRECT_REFUSED'));
    expect(server.requests).toHaveLength(1);
  });

  it.each(['../admin', '/fhir/%2e%2e/admin', '/fhir/..%2fadmin', '/fhir-evil'])(
    'out of the listed path, to %s, are refused',
    async (location) => {
      const server = await start({ '/fhir/a': redirect(location) });
      await expect(
        outbound(request(`${server.origin}/fhir/a`, { allowed: listed(`${server.origin}/fhir`) })),
      ).rejects.toEqual(coded('REDIRECT_REFUSED'));
      expect(server.requests).toHaveLength(1);
    },
  );

  it('to a listed name whose address is not allowed are refused', async () => {
    const server = await start({ '/a': redirect('http://inside.example/x') });
    const own = createOutboundFetch({ resolve: async () => ['169.254.169.254'] });
    await expect(
      own(request(`${server.origin}/a`, { allowed: listed(server.origin, 'http://inside.example') })),
    ).rejects.toEqual(coded('REDIRECT_REFUSED'));
  });

  it('end after three', async () => {
    const server = await start({
      '/0': redirect('/1', 301),
      '/1': redirect('/2', 303),
      '/2': redirect('/3', 308),
      '/3': answer(200, {}, 'ok'),
      '/loop': redirect('/loop'),
    });
    expect(await text(await outbound(request(`${server.origin}/0`)))).toBe('ok');
    await expect(outbound(request(`${server.origin}/loop`))).rejects.toEqual(coded('REDIRECT_REFUSED'));
    expect(server.requests).toHaveLength(8);
  });

  it('without a location are an answer like any other', async () => {
    const server = await start({ '/': answer(304) });
    expect((await outbound(request(`${server.origin}/`))).status).toBe(304);
  });
});

describe('limits', () => {
  it('silence before the head ends in OUTBOUND_TIMEOUT', async () => {
    const server = await start({ '/': silence });
    await expect(outbound(request(`${server.origin}/`, { idleTimeoutMs: 80 }))).rejects.toEqual(
      coded('OUTBOUND_TIMEOUT'),
    );
  });

  it('silence within the body ends in OUTBOUND_TIMEOUT', async () => {
    const server = await start({ '/': stall({}, 'start') });
    const response = await outbound(request(`${server.origin}/`, { idleTimeoutMs: 80 }));
    await expect(text(response)).rejects.toEqual(coded('OUTBOUND_TIMEOUT'));
  });

  it('a slow drip ends in OUTBOUND_TIMEOUT when the whole time is over', async () => {
    const server = await start({ '/': drip({}, 10) });
    const response = await outbound(request(`${server.origin}/`, { timeoutMs: 200, idleTimeoutMs: 1_000 }));
    await expect(text(response)).rejects.toEqual(coded('OUTBOUND_TIMEOUT'));
  });

  it('a consumer that takes its time is not silence of the server', async () => {
    const server = await start({ '/': answer(200, {}, 'x'.repeat(300_000)) });
    const response = await outbound(request(`${server.origin}/`, { idleTimeoutMs: 50 }));
    let taken = 0;
    for await (const chunk of response.body) {
      if (taken === 0) await sleep(150);
      taken += chunk.length;
    }
    expect(taken).toBe(300_000);
  });

  it('a name server that does not answer ends in OUTBOUND_TIMEOUT', async () => {
    const own = createOutboundFetch({ resolve: () => new Promise(() => undefined) });
    await expect(own(request('http://pacs.hospital.example/', { timeoutMs: 60 }))).rejects.toEqual(
      coded('OUTBOUND_TIMEOUT'),
    );
  });

  it('the caller’s signal ends it, before and while it runs', async () => {
    const server = await start({ '/': silence });
    const early = request(`${server.origin}/`, { signal: AbortSignal.abort() });
    await expect(outbound(early)).rejects.toEqual(coded('OUTBOUND_TIMEOUT'));
    const late = request(`${server.origin}/`, { signal: AbortSignal.timeout(60) });
    await expect(outbound(late)).rejects.toEqual(coded('OUTBOUND_TIMEOUT'));
  });

  it('an announced size over the limit is OUTBOUND_TOO_LARGE before a byte is read', async () => {
    const server = await start({ '/': stall({ 'content-length': 2_000_000 }, 'x') });
    const response = await outbound(request(`${server.origin}/`, { maxBytes: 1_000_000 }));
    await expect(text(response)).rejects.toEqual(coded('OUTBOUND_TOO_LARGE'));
  });

  it('an endless body is OUTBOUND_TOO_LARGE', async () => {
    const server = await start({ '/': endless({}) });
    await expect(text(await outbound(request(`${server.origin}/`)))).rejects.toEqual(
      coded('OUTBOUND_TOO_LARGE'),
    );
  });

  it('endless headers are OUTBOUND_TOO_LARGE', async () => {
    const server = await start({ '/': raw(`HTTP/1.1 200 OK\r\nX: ${'a'.repeat(40_000)}\r\n\r\n`) });
    await expect(outbound(request(`${server.origin}/`))).rejects.toEqual(coded('OUTBOUND_TOO_LARGE'));
  });
});

describe('answers that are not whole', () => {
  it.each([
    ['with a Content-Length', breakOff({ 'content-length': 1_000 }, 'start')],
    ['in chunks', breakOff({}, 'start')],
  ])('a body that breaks off %s is OUTBOUND_UNREACHABLE', async (_name, fault) => {
    const server = await start({ '/': fault });
    const response = await outbound(request(`${server.origin}/`));
    await expect(text(response)).rejects.toMatchObject({
      code: 'OUTBOUND_UNREACHABLE',
      detail: 'Its answer broke off.',
    });
  });

  it('a compressed answer is OUTBOUND_INVALID_RESPONSE', async () => {
    const server = await start({ '/': answer(200, { 'content-encoding': 'gzip' }, 'x') });
    await expect(outbound(request(`${server.origin}/`))).rejects.toEqual(coded('OUTBOUND_INVALID_RESPONSE'));
  });

  it('what is not HTTP is OUTBOUND_INVALID_RESPONSE', async () => {
    const server = await start({ '/': raw('220 smtp.example.org ESMTP\r\n') });
    await expect(outbound(request(`${server.origin}/`))).rejects.toEqual(coded('OUTBOUND_INVALID_RESPONSE'));
  });
});

const opensslCommand = findCommand('openssl');
const openssl = serverOrSkip('openssl', opensslCommand !== null);

describe.skipIf(!openssl.available)(`TLS ${openssl.reason}`, () => {
  function certificate(): { key: string; cert: string } {
    const folder = mkdtempSync(path.join(tmpdir(), 'fovea-tls-'));
    const [key, cert] = [path.join(folder, 'key.pem'), path.join(folder, 'cert.pem')];
    execFileSync(
      opensslCommand as string,
      ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
        .concat(['-subj', '/CN=pacs.hospital.example', '-addext', 'subjectAltName=DNS:pacs.hospital.example'])
        .concat(['-keyout', key, '-out', cert]),
      { stdio: 'ignore' },
    );
    const files = { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
    rmSync(folder, { recursive: true });
    return files;
  }

  it('the certificate is checked against the name, with the extra authorities', async () => {
    const tls = certificate();
    const server = await start(
      { '/': answer(200, {}, 'ok'), '/down': redirect('http://pacs.hospital.example/') },
      tls,
    );
    const resolve = async () => ['127.0.0.1'];
    const trusting = createOutboundFetch({ resolve, extraCa: tls.cert });
    const base = `https://pacs.hospital.example:${server.port}`;
    expect(await text(await trusting(request(`${base}/`)))).toBe('ok');
    await expect(createOutboundFetch({ resolve })(request(`${base}/`))).rejects.toEqual(
      coded('OUTBOUND_UNREACHABLE'),
    );
    const other = `https://other.hospital.example:${server.port}/`;
    await expect(trusting(request(other))).rejects.toEqual(coded('OUTBOUND_UNREACHABLE'));
    await expect(trusting(request(`${server.origin}/`))).rejects.toEqual(coded('OUTBOUND_UNREACHABLE'));
    await expect(
      trusting(request(`${base}/down`, { allowed: listed(base, 'http://pacs.hospital.example') })),
    ).rejects.toEqual(coded('REDIRECT_REFUSED'));
  });
});

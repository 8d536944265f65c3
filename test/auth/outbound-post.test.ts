import type http from 'node:http';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { createOutboundFetch } from '#auth/outbound';
import { answer, type Fault, redirect } from '../support/fault-server.ts';
import { coded, request, start, text } from '../support/outbound.ts';

const outbound = createOutboundFetch();

interface Posted {
  readonly method: string | undefined;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

/** Notes what is posted and answers 200. */
function notes(posted: Posted[]): Fault {
  return (incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk) => chunks.push(chunk));
    incoming.on('end', () => {
      posted.push({
        method: incoming.method,
        headers: incoming.headers,
        body: Buffer.concat(chunks).toString(),
      });
      response.writeHead(200).end('taken');
    });
  };
}

const form = { method: 'POST', body: 'code=c%C3%A9&grant_type=authorization_code' } as const;

describe('a POST', () => {
  it('carries the form with its length, and Basic credentials alone where they are given', async () => {
    const posted: Posted[] = [];
    const server = await start({ '/token': notes(posted) });
    const url = `${server.origin}/token`;
    expect(await text(await outbound(request(url, form)))).toBe('taken');
    await text(
      await outbound(request(url, { ...form, basic: 'YTpi', headers: { authorization: 'Bearer x' } })),
    );
    await text(await outbound(request(url, { method: 'POST' })));
    expect(posted.map(({ method, body }) => [method, body])).toEqual([
      ['POST', form.body],
      ['POST', form.body],
      ['POST', ''],
    ]);
    expect(posted[0]?.headers).toMatchObject({
      'content-type': 'application/x-www-form-urlencoded',
      'content-length': String(form.body.length),
      'accept-encoding': 'identity',
    });
    expect(posted.map(({ headers }) => headers.authorization)).toEqual([undefined, 'Basic YTpi', undefined]);
  });

  it.each([301, 302, 303, 307, 308])(
    'follows no redirect of status %i, not even on the list',
    async (status) => {
      const posted: Posted[] = [];
      const server = await start({ '/token': redirect('/there', status), '/there': notes(posted) });
      const failure = await outbound(request(`${server.origin}/token`, form)).catch(
        (error: unknown) => error,
      );
      expect(failure).toEqual(coded('REDIRECT_REFUSED'));
      expect(inspect(failure, { depth: 9 })).not.toContain('grant_type');
      expect(server.requests.map(({ url }) => url)).toEqual(['/token']);
    },
  );

  it('is held against the list as a GET is', async () => {
    const server = await start({});
    await expect(
      outbound(request(`${server.origin}/token`, { ...form, allowed: [{ base: 'https://ehr.example' }] })),
    ).rejects.toEqual(coded('HOST_NOT_ALLOWED'));
    await expect(
      outbound(request(`${server.origin}/token`, { ...form, allowed: [{ base: server.origin }] })),
    ).rejects.toEqual(coded('ADDRESS_NOT_ALLOWED'));
    expect(server.connections()).toBe(0);
  });

  it('is sent once, on a connection of its own: a connection that is lost may have carried it out', async () => {
    const server = await start({
      '/get': answer(200, {}, 'x'),
      '/token': (incoming) => incoming.socket.destroy(),
    });
    await text(await outbound(request(`${server.origin}/get`)));
    await expect(outbound(request(`${server.origin}/token`, form))).rejects.toEqual(
      coded('OUTBOUND_UNREACHABLE'),
    );
    expect(server.requests.map(({ url }) => url)).toEqual(['/get', '/token']);
    expect(server.connections()).toBe(2);
  });

  it.each(['YTpi\r\nx-evil: 1', 'a b', '', 'Basic YTpi', 'é'])(
    'credentials %j that are no Basic credentials are refused and nothing is asked',
    async (basic) => {
      const server = await start({ '/token': answer(200) });
      await expect(outbound(request(`${server.origin}/token`, { ...form, basic }))).rejects.toEqual(
        coded('INVALID_REQUEST'),
      );
      expect(server.connections()).toBe(0);
    },
  );
});

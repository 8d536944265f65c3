import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { createOutboundFetch } from '#auth/outbound';
import type { OutboundFetch } from '#core/outbound';
import { answer, silence } from '../support/fault-server.ts';
import { coded, request, start, text } from '../support/outbound.ts';

describe('many requests at once', () => {
  /** Sixteen requests that hold all connections to the server: they are answered when `release` is called. */
  async function crowd(own: OutboundFetch) {
    const held: (() => void)[] = [];
    const server = await start({
      '/held': (_incoming, response) => void held.push(() => response.end('held')),
      '/': answer(200, {}, 'ok'),
      '/silent': silence,
      '/closes': (incoming, response) => {
        response.end('ok', () => incoming.socket.destroy());
      },
    });
    const calls = Array.from({ length: 16 }, async () => text(await own(request(`${server.origin}/held`))));
    await vi.waitUntil(() => held.length === 16);
    const release = (): void => {
      for (const answerIt of held.splice(0)) answerIt();
    };
    return { server, calls: Promise.all(calls), release };
  }

  it('40 to one origin open 16 connections, and all are answered', async () => {
    const server = await start({
      '/': (_incoming, response) => void setTimeout(() => response.end('ok'), 20),
    });
    const own = createOutboundFetch();
    const calls = Array.from({ length: 40 }, async () => text(await own(request(`${server.origin}/`))));
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['ok']));
    expect(server.requests).toHaveLength(40);
    expect(server.connections()).toBe(16);
  });

  it('waiting for a connection is no silence of the server; its silence afterwards is', async () => {
    const own = createOutboundFetch();
    const { server, calls, release } = await crowd(own);
    const waiting = own(request(`${server.origin}/`, { idleTimeoutMs: 300 })).then(text);
    const silent = own(request(`${server.origin}/silent`, { idleTimeoutMs: 300 }));
    await sleep(600);
    expect(server.requests).toHaveLength(16);
    release();
    expect(await waiting).toBe('ok');
    await expect(silent).rejects.toEqual(coded('OUTBOUND_TIMEOUT'));
    expect((await calls).every((body) => body === 'held')).toBe(true);
  });

  it('a request that waits ends with its whole time and with its signal, unsent, and blocks no other', async () => {
    const own = createOutboundFetch();
    const { server, calls, release } = await crowd(own);
    const late = own(request(`${server.origin}/`, { timeoutMs: 60 }));
    const left = own(request(`${server.origin}/`, { signal: AbortSignal.timeout(60) }));
    await expect(late).rejects.toEqual(coded('OUTBOUND_TIMEOUT'));
    await expect(left).rejects.toEqual(coded('OUTBOUND_TIMEOUT'));
    const next = own(request(`${server.origin}/`)).then(text);
    release();
    expect(await next).toBe('ok');
    await calls;
    expect(server.requests).toHaveLength(17);
    expect(server.connections()).toBe(16);
  });

  it('those that fail make room for those that wait', async () => {
    const server = await start({ '/silent': silence, '/': answer(200, {}, 'ok') });
    const own = createOutboundFetch();
    const silent = Array.from({ length: 16 }, () =>
      own(request(`${server.origin}/silent`, { idleTimeoutMs: 80 })),
    );
    const waiting = own(request(`${server.origin}/`)).then(text);
    const ends = await Promise.allSettled(silent);
    expect(ends.every((end) => end.status === 'rejected')).toBe(true);
    expect(await waiting).toBe('ok');
  });

  it('a connection that is closed as it is handed on is replaced', async () => {
    const own = createOutboundFetch();
    const { server, calls, release } = await crowd(own);
    const waiting = Array.from({ length: 40 }, () => own(request(`${server.origin}/closes`)).then(text));
    release();
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(['ok']));
    await calls;
  });
});

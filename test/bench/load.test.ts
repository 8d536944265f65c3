import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { createAgent, measureCapacity, measureLatency } from '#bench/support/load';
import { inTurn, parted, ratios } from '#bench/support/numbers';

async function serverThatAnswers(status: number) {
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(status).end('{}');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    target: { url: `http://127.0.0.1:${port}/`, pid: process.pid, body: '{}' },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

describe('load of the bench', () => {
  it('an answer other than 200 fails the measurement and nothing else: no rejection is left unheard', async () => {
    const { target, close } = await serverThatAnswers(503);
    const agent = createAgent();
    const unheard: unknown[] = [];
    const hear = (reason: unknown) => unheard.push(reason);
    process.on('unhandledRejection', hear);
    try {
      // The first answers are there long before the last call is sent.
      await expect(measureLatency(target, agent, 10)).rejects.toThrow('answered 503');
      await expect(measureCapacity(target, { amount: 20 })).rejects.toThrow('other than 200');
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(unheard).toEqual([]);
    } finally {
      process.off('unhandledRejection', hear);
      agent.destroy();
      close();
    }
  });

  it('a call every 10 ms, each timed', async () => {
    const { target, close } = await serverThatAnswers(200);
    const agent = createAgent();
    const started = performance.now();
    const times = await measureLatency(target, agent, 6);
    expect(performance.now() - started).toBeGreaterThanOrEqual(45);
    expect(times).toHaveLength(6);
    for (const time of times) expect(time).toBeGreaterThan(0);
    agent.destroy();
    close();
  });
});

describe('numbers of the bench', () => {
  it('who comes first changes from round to round', () => {
    expect([0, 1, 2].map((round) => inTurn(['a', 'b'], round).join(''))).toEqual(['ab', 'ba', 'ab']);
  });

  it('ratios are of one round each, parts keep the order of time', () => {
    expect(ratios([2, 9], [1, 3])).toEqual([2, 3]);
    expect(parted([1, 2, 3, 4, 5], 2)).toEqual([
      [1, 2, 3],
      [4, 5],
    ]);
  });
});

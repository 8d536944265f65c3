import http from 'node:http';
import autocannon from 'autocannon';
import { processorTime } from './children.ts';

/** One way to answer a hook. */
export interface Target {
  /** Address of the POST. */
  readonly url: string;
  /** Whose processor time is counted. */
  readonly pid: number;
  readonly body: string;
  /** The next client JWT; absent: calls come without one. */
  readonly token?: () => string;
}

export interface Capacity {
  /** Answers with 200 a second. */
  readonly perSecond: number;
  /** Processor time an answer, all threads, milliseconds; NaN off Linux. */
  readonly processorMs: number;
}

/** Of a capacity measurement. */
export const connections = 16;

/** Closed loop with 16 connections: `seconds` long, or `amount` requests. Rejects when an answer is not 200. */
export async function measureCapacity(
  target: Target,
  size: { readonly seconds: number } | { readonly amount: number },
): Promise<Capacity> {
  const before = processorTime(target.pid);
  const { token } = target;
  const headers = { 'content-type': 'application/json' };
  const started = performance.now();
  let last = started;
  const result = await new Promise<autocannon.Result>((resolve, reject) => {
    autocannon(
      {
        url: target.url,
        method: 'POST',
        headers,
        body: target.body,
        connections,
        ...('seconds' in size ? { duration: size.seconds } : { amount: size.amount }),
        ...(token !== undefined && {
          requests: [
            {
              method: 'POST' as const,
              setupRequest: (request: autocannon.Request) => ({
                ...request,
                headers: { ...headers, authorization: `Bearer ${token()}` },
                body: target.body,
              }),
            },
          ],
        }),
      },
      (error, found) => (error === null || error === undefined ? resolve(found) : reject(error)),
    ).on('response', () => {
      // autocannon itself counts in whole seconds, which is too coarse for a number of requests.
      last = performance.now();
    });
  });
  if (result.non2xx > 0 || result.errors > 0) {
    throw new Error(`${result.non2xx} answers other than 200 and ${result.errors} errors of ${target.url}`);
  }
  const after = processorTime(target.pid);
  return {
    perSecond: (1000 * result['2xx']) / (last - started),
    processorMs: before === null || after === null ? Number.NaN : (after - before) / result['2xx'],
  };
}

/** Connections of this process, kept alive. */
export const createAgent = () => new http.Agent({ keepAlive: true, maxSockets: 256 });

/** POSTs once; gives status, body and milliseconds to the last byte. */
export function post(
  { url, body, token }: Pick<Target, 'url' | 'body' | 'token'>,
  agent: http.Agent,
): Promise<{ readonly status: number; readonly body: Buffer; readonly milliseconds: number }> {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const request = http.request(
      url,
      {
        method: 'POST',
        agent,
        headers: {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
          ...(token !== undefined && { authorization: `Bearer ${token()}` }),
        },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const milliseconds = performance.now() - started;
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks), milliseconds });
        });
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

/**
 * Open loop: a request every 10 ms whether or not the last was answered. Gives the milliseconds of each from the
 * moment it was sent. Rejects when an answer is not 200, unless `onRefused` is told of it: then its time counts as any
 * other's.
 */
export async function measureLatency(
  target: Target,
  agent: http.Agent,
  count: number,
  onRefused?: (status: number) => void,
): Promise<number[]> {
  const started = performance.now();
  const answers: Promise<number>[] = [];
  while (answers.length < count) {
    const due = Math.min(count, 1 + Math.floor((performance.now() - started) / 10));
    while (answers.length < due) {
      const answer = post(target, agent).then(({ status, milliseconds }) => {
        if (status !== 200 && onRefused === undefined) throw new Error(`${target.url} answered ${status}`);
        if (status !== 200) onRefused?.(status);
        return milliseconds;
      });
      // Told at the end; before that nobody listens, and a failure that nobody hears would end the whole run.
      answer.catch(() => undefined);
      answers.push(answer);
    }
    const next = started + answers.length * 10 - performance.now();
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, next)));
  }
  return Promise.all(answers);
}

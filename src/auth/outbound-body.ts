import type { IncomingMessage } from 'node:http';
import { ServiceError } from '#core/error';
import { createBlocks } from './outbound-blocks.ts';
import type { Limits } from './outbound-limits.ts';

/** Read ahead of the consumer at most, bytes with the cost of their buffers; beyond it the connection waits. */
const readAhead = 1 << 20;
/** What may still come after a consumer has stopped, for the connection to be kept: bytes and milliseconds. */
const remainder = { bytes: 64 << 10, milliseconds: 500 } as const;

/**
 * The body of one response as an async iterable that may be iterated once. Chunks are those of the connection, small
 * ones joined ({@link createBlocks}). Silence is counted only while the consumer waits. A consumer that stops early
 * (`return`) frees the connection, also before its first `next`. What has arrived before a failure is given first.
 *
 * While it is read it throws OUTBOUND_TIMEOUT, OUTBOUND_TOO_LARGE, or OUTBOUND_UNREACHABLE when the body breaks off
 * before its announced end.
 */
export function responseBody(
  response: IncomingMessage,
  maxBytes: number,
  limits: Limits,
): AsyncIterable<Uint8Array> {
  const blocks = createBlocks();
  let rest = 0;
  let received = 0;
  let state: 'open' | 'ended' | 'left' = 'open';
  let failure: ServiceError | null = null;
  let wake: (() => void) | null = null;

  const notify = (): void => {
    wake?.();
    wake = null;
  };
  const fail = (error: ServiceError): void => {
    if (state !== 'open' || failure !== null) return;
    failure = error;
    limits.stop();
    response.destroy();
    notify();
  };
  const brokeOff = (cause: unknown): void =>
    fail(new ServiceError('OUTBOUND_UNREACHABLE', { detail: 'Its answer broke off.', cause }));
  const tooLarge = (): void => fail(new ServiceError('OUTBOUND_TOO_LARGE'));

  response.on('data', (chunk: Buffer) => {
    received += chunk.length;
    if (state === 'left') {
      rest += chunk.length;
      if (rest > remainder.bytes) response.destroy();
      return;
    }
    if (received > maxBytes) return tooLarge();
    blocks.push(chunk);
    if (blocks.cost() >= readAhead) response.pause();
    notify();
  });
  response.on('end', () => {
    if (!response.complete) return brokeOff(undefined);
    if (state === 'open' && failure === null) {
      state = 'ended';
      limits.stop();
      notify();
    }
  });
  response.on('error', brokeOff);
  response.on('close', () => {
    if (state === 'open') brokeOff(undefined);
  });
  response.pause();
  if (Number(response.headers['content-length'] ?? 0) > maxBytes) tooLarge();
  limits.onFailure(fail);

  /** Lets a short rest run out, so that the connection can be used again; a long one is cut off. */
  const leave = (): void => {
    if (state !== 'open' || failure !== null) return;
    state = 'left';
    limits.stop();
    blocks.clear();
    const cut = setTimeout(() => response.destroy(), remainder.milliseconds);
    response.once('close', () => clearTimeout(cut));
    response.resume();
  };

  const iterator: AsyncIterator<Uint8Array> = {
    async next() {
      for (;;) {
        const chunk = blocks.take();
        if (chunk !== undefined) return { done: false, value: chunk };
        if (failure !== null) throw failure;
        if (state !== 'open') return { done: true, value: undefined };
        limits.waitForBytes(true);
        await new Promise<void>((resolve) => {
          wake = resolve;
          response.resume();
        });
        limits.waitForBytes(false);
      }
    },
    async return() {
      leave();
      return { done: true, value: undefined };
    },
  };
  return { [Symbol.asyncIterator]: () => iterator };
}

import { PassThrough, type Readable } from 'node:stream';
import { operationOutcome } from '#cds/operation-outcome';
import type { AppEvent, AppStudy } from '#core/app';
import { asServiceError, ServiceError } from '#core/error';
import { codeSystems } from '#core/identifiers';

export interface EventSource {
  /** Ends when nothing moves any more. */
  studies(signal: AbortSignal): AsyncIterable<AppStudy>;
  /** When the session ends as things are; null: it has ended. */
  endsAt(): Promise<Date | null>;
  readonly heartbeatMs: number;
  /** Aborts when the stream has to end: logout, or the server stops. */
  readonly stop: AbortSignal;
}

/**
 * Server-sent events: `study` for each study that moved, a comment line as heartbeat, then either `end` (nothing is
 * pending), or `failed` with an OperationOutcome, also where the session ended. Without either the stream broke off.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export function eventStream({ studies, endsAt, heartbeatMs, stop }: EventSource): Readable {
  const out = new PassThrough();
  const over = new AbortController();
  out.on('close', () => over.abort());
  const end = () => over.abort();
  stop.addEventListener('abort', end, { once: true });

  const send = (event: string, data: unknown) => {
    if (!out.writableEnded && !out.destroyed) out.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  };
  const fail = (error: unknown) => {
    if (!over.signal.aborted) send('failed', operationOutcome(asServiceError(error), codeSystems.reason));
    end();
  };

  const beat = setInterval(() => {
    endsAt().then((ends) => {
      if (ends === null) fail(new ServiceError('SMART_SESSION_ENDED'));
      else if (!over.signal.aborted) out.write(':\n\n');
    }, fail);
  }, heartbeatMs);

  async function run(): Promise<void> {
    for await (const study of studies(over.signal)) {
      if (over.signal.aborted) return;
      send('study', { study } satisfies AppEvent);
    }
    if (!over.signal.aborted) send('end', {});
  }

  // What is sent at once takes the headers along.
  out.write(':\n\n');
  const finished = new Promise<void>((resolve) => over.signal.addEventListener('abort', () => resolve()));
  void Promise.race([run().catch(fail), finished]).then(() => {
    clearInterval(beat);
    stop.removeEventListener('abort', end);
    out.end();
    end();
  });
  return out;
}

import { ServiceError } from '#core/error';
import type { OutboundRequest } from '#core/outbound';

/** The clocks of one outbound request, redirects included, and its caller's abort signal. */
export interface Limits {
  /** Starts or stops the clock of silence. */
  waitForBytes(waiting: boolean): void;
  /** `listener` is called once, with OUTBOUND_TIMEOUT; at once when it has already happened. */
  onFailure(listener: (error: ServiceError) => void): void;
  /** `work`, or OUTBOUND_TIMEOUT as soon as a limit is reached. */
  within<Value>(work: Promise<Value>): Promise<Value>;
  stop(): void;
}

/** Starts the clock of the whole request. {@link Limits.stop} must be called in the end. */
export function startLimits(
  request: Pick<OutboundRequest, 'timeoutMs' | 'idleTimeoutMs' | 'signal'>,
): Limits {
  let failure: ServiceError | null = null;
  let waiting = false;
  let stopped = false;
  const listeners = new Set<(error: ServiceError) => void>();

  const fail = (cause?: unknown): void => {
    if (stopped || failure !== null) return;
    failure = new ServiceError('OUTBOUND_TIMEOUT', cause === undefined ? {} : { cause });
    stop();
    for (const listener of listeners) listener(failure);
    listeners.clear();
  };
  const total = setTimeout(fail, request.timeoutMs);
  const idle = setTimeout(() => {
    if (waiting) fail();
  }, request.idleTimeoutMs);
  const aborted = (): void => fail(request.signal?.reason);
  const stop = (): void => {
    stopped = true;
    clearTimeout(total);
    clearTimeout(idle);
    request.signal?.removeEventListener('abort', aborted);
  };
  if (request.signal?.aborted === true) aborted();
  else request.signal?.addEventListener('abort', aborted);

  return {
    waitForBytes(now) {
      waiting = now;
      if (now && !stopped) idle.refresh();
    },
    onFailure(listener) {
      if (failure === null) listeners.add(listener);
      else listener(failure);
    },
    within(work) {
      return new Promise((resolve, reject) => {
        listeners.add(reject);
        if (failure !== null) reject(failure);
        work.then(resolve, reject).finally(() => listeners.delete(reject));
      });
    },
    stop,
  };
}

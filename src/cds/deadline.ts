import { ServiceError } from '#core/error';

/** The one clock of a call, from its arrival. It stands still while a body is on the line. */
export interface Deadline {
  /** `performance.now()` milliseconds, later by the time that the clock stood still. */
  readonly arrivedAt: number;
  /** Asks what is under way to come to an end: aborts `deadlineMs` after arrival, with DEADLINE_EXCEEDED as reason. */
  readonly signal: AbortSignal;
  /** Ends the call: aborts `graceMs` after `signal`. */
  readonly lastSignal: AbortSignal;
  /** Stops the clock. */
  pause(): void;
  /** Lets the clock go on; nothing happens where it runs. */
  resume(): void;
  /** Ends the clock: no signal aborts any more. */
  clear(): void;
}

/** Starts the clock of a call that arrives now. Both times in milliseconds. */
export function startDeadline({
  deadlineMs,
  graceMs,
}: {
  readonly deadlineMs: number;
  readonly graceMs: number;
}): Deadline {
  const soft = new AbortController();
  const last = new AbortController();
  const state = { arrivedAt: performance.now(), pausedAt: null as number | null };
  let timers: readonly NodeJS.Timeout[] = [];
  const end = (controller: AbortController) => controller.abort(new ServiceError('DEADLINE_EXCEEDED'));
  const stop = () => {
    for (const timer of timers) clearTimeout(timer);
    timers = [];
  };
  const run = () => {
    const left = state.arrivedAt + deadlineMs - performance.now();
    timers = [setTimeout(end, Math.max(0, left), soft), setTimeout(end, Math.max(0, left + graceMs), last)];
  };
  run();
  return {
    get arrivedAt() {
      return state.arrivedAt;
    },
    signal: soft.signal,
    lastSignal: last.signal,
    pause() {
      state.pausedAt ??= performance.now();
      stop();
    },
    resume() {
      if (state.pausedAt === null) return;
      state.arrivedAt += performance.now() - state.pausedAt;
      state.pausedAt = null;
      run();
    },
    clear() {
      stop();
      state.pausedAt = null;
    },
  };
}

/** `promise`, or a failure once `signal` aborts: a port that does not heed the signal must not hold the call. */
export function untilDeadline<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const late = () => reject(new ServiceError('DEADLINE_EXCEEDED'));
    if (signal.aborted) late();
    else signal.addEventListener('abort', late, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', late));
  });
}

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { ServiceError } from '#core/error';
import type { Answer } from './dialect.ts';
import { storeFailure, storeUnavailable } from './failures.ts';
import type { FromThread, ThreadData, ToThread } from './pglite-messages.ts';

/** Longest wait for the thread to open the database, milliseconds. */
const openTimeout = 20_000;
/** A statement that takes longer has taken the thread with it, milliseconds. */
const queryTimeout = 60_000;

/** One thread with the database open in it. */
export interface Thread {
  query(sql: string, values: readonly unknown[]): Promise<Answer>;
  close(): Promise<void>;
  /** Ends the thread where it stands: nothing more is written, not even what closing writes. */
  kill(failure: ServiceError): void;
  readonly alive: boolean;
  readonly worker: Worker;
  /** Why it is not alive; null while it is. */
  readonly failure: ServiceError | null;
}

/** The compiled entry of the thread: beside this module in dist, or in dist when this module is the source (tests). */
function threadEntry(): string {
  const here = fileURLToPath(import.meta.url);
  if (here.endsWith('.js')) return fileURLToPath(new URL('./pglite-thread.js', import.meta.url));
  const compiled = fileURLToPath(new URL('../../dist/src/store/pglite-thread.js', import.meta.url));
  if (existsSync(compiled)) return compiled;
  throw new ServiceError('INTERNAL', {
    detail: 'The thread of the embedded database is not compiled: run npm run build:node.',
  });
}

/**
 * Starts the thread and waits until the database is open.
 *
 * @throws ServiceError STORE_UNAVAILABLE, STORE_FULL; INTERNAL when the sources were not compiled
 */
export async function startThread(
  data: ThreadData,
  onMessage: (payload: string | null) => void,
): Promise<Thread> {
  const worker = new Worker(threadEntry(), {
    workerData: data,
    name: 'fovea-store',
    // Flags of the caller (--input-type, --conditions, a debugger) are not meant for this thread.
    execArgv: [],
  });
  const waiting = new Map<number, { resolve(answer: Answer): void; reject(error: unknown): void }>();
  let last = 0;
  let failure: ServiceError | null = null;
  let onReady: () => void = () => undefined;
  let onClosed: () => void = () => undefined;
  let onFailed: (error: unknown) => void = () => undefined;
  const ready = new Promise<void>((resolve, reject) => {
    onReady = resolve;
    onFailed = reject;
  });
  const closed = new Promise<void>((resolve) => {
    onClosed = resolve;
  });

  const die = (cause?: unknown) => {
    if (failure !== null) return;
    const mapped = storeFailure(cause);
    failure = mapped instanceof ServiceError ? mapped : storeUnavailable(cause);
    onFailed(failure);
    onClosed();
    for (const { reject } of waiting.values()) reject(failure);
    waiting.clear();
    void worker.terminate();
  };
  worker.on('error', die);
  worker.on('exit', () => die());
  worker.on('message', (message: FromThread) => {
    if (message.type === 'ready') onReady();
    else if (message.type === 'closed') onClosed();
    else if (message.type === 'notification') onMessage(message.payload);
    else {
      const caller = waiting.get(message.id);
      waiting.delete(message.id);
      if (message.type === 'answer') caller?.resolve(message);
      else {
        const error = new DatabaseFailure(message.message, message.code);
        if (message.fatal) die(error);
        caller?.reject(message.fatal ? failure : error);
      }
    }
  });

  const timer = setTimeout(die, openTimeout);
  try {
    await ready;
  } finally {
    clearTimeout(timer);
  }

  const send = (message: ToThread) => worker.postMessage(message);
  return {
    worker,
    get alive() {
      return failure === null;
    },
    get failure() {
      return failure;
    },
    query(sql, values) {
      if (failure !== null) return Promise.reject(failure);
      last += 1;
      const id = last;
      return new Promise((resolve, reject) => {
        const guard = setTimeout(die, queryTimeout);
        const settled = <Value>(settle: (value: Value) => void) => {
          return (value: Value) => {
            clearTimeout(guard);
            settle(value);
          };
        };
        waiting.set(id, { resolve: settled(resolve), reject: settled(reject) });
        send({ type: 'query', id, sql, values });
      });
    },
    kill: die,
    async close() {
      if (failure !== null) return;
      send({ type: 'close' });
      await closed;
      die(storeUnavailable(undefined, 'The database is closed.'));
      await worker.terminate();
    },
  };
}

/** An error of the embedded database as it arrives from its thread: message and SQLSTATE. Never leaves the store. */
class DatabaseFailure extends Error {
  override readonly name = 'DatabaseFailure';
  readonly code: string;
  constructor(message: string, code: string) {
    super(message);
    this.code = code;
  }
}

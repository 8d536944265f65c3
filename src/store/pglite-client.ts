import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { ServiceError } from '#core/error';
import type { Answer, Session, Sessions } from './dialect.ts';
import { storeFailure, storeUnavailable } from './failures.ts';
import type { FromThread, ThreadData, ToThread } from './pglite-messages.ts';

/** Longest wait for the thread to open the database, milliseconds. */
const openTimeout = 60_000;
/** After a failed opening, callers are refused for this long before the next try, milliseconds. */
const reopenPause = 1_000;

interface Thread {
  query(sql: string, values: readonly unknown[]): Promise<Answer>;
  close(): Promise<void>;
  readonly alive: boolean;
  readonly worker: Worker;
}

/** The embedded database: one session, callers take turns. */
export interface Embedded extends Sessions {
  /** Native id of the thread now in use, for tests of its death; null before the first use. */
  readonly worker: Worker | null;
}

/**
 * Opens the cluster in `data.folder` in a thread of its own. When the thread dies, the call that was under way fails
 * with STORE_UNAVAILABLE and the next one opens the database again.
 *
 * @param onMessage payload of a NOTIFY, or null when something may have been missed
 * @throws ServiceError INTERNAL when the sources were not compiled
 */
export async function openEmbedded(
  data: ThreadData,
  onMessage: (payload: string | null) => void,
): Promise<Embedded> {
  const entry = threadEntry();
  let thread: Thread | null = await startThread(entry, data, onMessage);
  let refusedUntil = 0;
  let closed = false;
  let turn: Promise<void> = Promise.resolve();

  const current = async (): Promise<Thread> => {
    if (closed) throw storeUnavailable(undefined, 'The database is closed.');
    if (thread?.alive) return thread;
    if (Date.now() < refusedUntil) throw storeUnavailable();
    try {
      thread = await startThread(entry, data, onMessage);
    } catch (error) {
      refusedUntil = Date.now() + reopenPause;
      throw error;
    }
    onMessage(null);
    return thread;
  };

  return {
    get worker() {
      return thread?.worker ?? null;
    },
    async acquire(): Promise<Session> {
      const before = turn;
      let done: () => void = () => undefined;
      turn = new Promise((resolve) => {
        done = resolve;
      });
      await before;
      try {
        const mine = await current();
        // A session belongs to one thread: a transaction never goes on in the thread that replaced it.
        return { query: (sql, values) => mine.query(sql, values), release: () => done() };
      } catch (error) {
        done();
        throw error;
      }
    },
    async close() {
      await turn;
      closed = true;
      await thread?.close();
    },
  };
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

async function startThread(
  entry: string,
  data: ThreadData,
  onMessage: (payload: string | null) => void,
): Promise<Thread> {
  const worker = new Worker(entry, { workerData: data, name: 'fovea-store' });
  const waiting = new Map<number, { resolve(answer: Answer): void; reject(error: unknown): void }>();
  let last = 0;
  let alive = true;
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
    if (!alive) return;
    alive = false;
    const mapped = storeFailure(cause);
    const failure = mapped instanceof ServiceError ? mapped : storeUnavailable(cause);
    onFailed(failure);
    onClosed();
    for (const { reject } of waiting.values()) reject(failure);
    waiting.clear();
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
        caller?.reject(message.fatal ? (asCoded(error) ?? storeUnavailable(error)) : error);
        if (message.fatal) {
          die(error);
          void worker.terminate();
        }
      }
    }
  });

  const timer = setTimeout(() => {
    die();
    void worker.terminate();
  }, openTimeout);
  try {
    await ready;
  } finally {
    clearTimeout(timer);
  }

  const send = (message: ToThread) => worker.postMessage(message);
  return {
    worker,
    get alive() {
      return alive;
    },
    query(sql, values) {
      if (!alive) return Promise.reject(storeUnavailable());
      last += 1;
      const id = last;
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        send({ type: 'query', id, sql, values });
      });
    },
    async close() {
      if (!alive) return;
      send({ type: 'close' });
      await closed;
      alive = false;
      await worker.terminate();
    },
  };
}

function asCoded(error: unknown): ServiceError | null {
  const mapped = storeFailure(error);
  return mapped instanceof ServiceError ? mapped : null;
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

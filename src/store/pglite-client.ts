import type { Worker } from 'node:worker_threads';
import { asServiceError, type ServiceError } from '#core/error';
import type { Session, Sessions } from './dialect.ts';
import { storeUnavailable } from './failures.ts';
import type { ThreadData } from './pglite-messages.ts';
import { startThread, type Thread } from './pglite-worker.ts';

/** After a failed opening, callers are refused for this long before the next try, milliseconds. */
const reopenPause = 1_000;
/** Longest that a caller waits for an opening that takes its time, milliseconds. */
const reopenPatience = 3_000;

/** The embedded database: one session, callers take turns. */
export interface Embedded extends Sessions {
  /** The thread now in use, for tests of its death. */
  readonly worker: Worker;
  /** Ends the thread at once, for good: nothing more is written, and every call fails so. */
  abandon(failure: ServiceError): void;
}

/**
 * Opens the cluster in `data.folder` in a thread of its own. When the thread dies, the call that was under way fails
 * and the next one opens the database again; while that fails, callers are told why the thread died (STORE_FULL) or
 * STORE_UNAVAILABLE.
 *
 * @param onMessage payload of a NOTIFY, or null when something may have been missed
 * @param confirm asked before anything is sent to the thread; throws when the folder is not this process's any more
 * @throws ServiceError STORE_UNAVAILABLE, STORE_FULL, INTERNAL when the sources were not compiled
 */
export async function openEmbedded(
  data: ThreadData,
  onMessage: (payload: string | null) => void,
  confirm: () => Promise<void> = async () => undefined,
): Promise<Embedded> {
  let thread: Thread = await startThread(data, onMessage);
  let opening: Promise<void> | null = null;
  let refusal: { readonly failure: ServiceError; readonly until: number } | null = null;
  /** Why it is over. */
  let closed: ServiceError | null = null;
  let turn: Promise<void> = Promise.resolve();

  const reopen = async (died: ServiceError | null) => {
    try {
      thread = await startThread(data, onMessage);
      if (closed !== null) thread.kill(closed);
      refusal = null;
      onMessage(null);
    } catch (error) {
      const failure = died?.code === 'STORE_FULL' ? died : storeUnavailable(error);
      refusal = { failure, until: Date.now() + reopenPause };
    } finally {
      opening = null;
    }
  };

  const current = async (): Promise<Thread> => {
    if (closed !== null) throw closed;
    await confirm();
    if (thread.alive) return thread;
    if (refusal !== null && Date.now() < refusal.until) throw refusal.failure;
    opening ??= reopen(thread.failure);
    await Promise.race([opening, patience()]);
    if (!thread.alive) throw refusal?.failure ?? storeUnavailable();
    return thread;
  };

  /** Also in the midst of a transaction; when the folder is unsure then, its thread ends with it. */
  const confirmed = async (mine: Thread, sql: string, values: readonly unknown[]) => {
    try {
      await confirm();
    } catch (error) {
      mine.kill(asServiceError(error));
      throw error;
    }
    return mine.query(sql, values);
  };

  return {
    get worker() {
      return thread.worker;
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
        return { query: (sql, values) => confirmed(mine, sql, values), release: () => done() };
      } catch (error) {
        done();
        throw error;
      }
    },
    abandon(failure) {
      closed = failure;
      thread.kill(failure);
    },
    async close() {
      await turn;
      closed ??= storeUnavailable(undefined, 'The database is closed.');
      await opening;
      await thread.close();
    },
  };
}

function patience(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, reopenPatience).unref();
  });
}

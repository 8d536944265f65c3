import type { Database } from './database.ts';

/** Waits for jobs. */
export interface Watch {
  /**
   * Resolves when one of the jobs ended (`done`, `dead` or `needs-credential`), when messages may have been missed, or
   * when `signal` aborts: read the state again. Resolves at once when that happened since the watch began; then waits
   * anew.
   */
  next(signal: AbortSignal): Promise<void>;
  close(): void;
}

export interface Watcher {
  watch(ids: readonly string[]): Watch;
  onWork(listener: () => void): () => void;
  close(): void;
}

/** Turns the store's messages (`<state>:<job id>`) into wake-ups. */
export function createWatcher(database: Pick<Database, 'subscribe'>): Watcher {
  const watching = new Map<string, Set<() => void>>();
  const workers = new Set<() => void>();
  const all = (callbacks: Iterable<() => void>) => {
    for (const callback of [...callbacks]) callback();
  };

  const unsubscribe = database.subscribe((payload) => {
    if (payload === null) {
      for (const callbacks of watching.values()) all(callbacks);
      all(workers);
      return;
    }
    const colon = payload.indexOf(':');
    const state = payload.slice(0, colon);
    if (state === 'queued' || state === 'waiting') all(workers);
    else all(watching.get(payload.slice(colon + 1)) ?? []);
  });

  return {
    watch(ids) {
      let rung = false;
      let wake: () => void = () => undefined;
      const ring = () => {
        rung = true;
        wake();
      };
      for (const id of ids) {
        const callbacks = watching.get(id) ?? new Set();
        callbacks.add(ring);
        watching.set(id, callbacks);
      }
      return {
        next: (signal) =>
          new Promise((resolve) => {
            const finish = () => {
              signal.removeEventListener('abort', finish);
              wake = () => undefined;
              rung = false;
              resolve();
            };
            if (rung || signal.aborted) return finish();
            wake = finish;
            signal.addEventListener('abort', finish, { once: true });
          }),
        close() {
          for (const id of ids) {
            const callbacks = watching.get(id);
            callbacks?.delete(ring);
            if (callbacks?.size === 0) watching.delete(id);
          }
          wake();
        },
      };
    },
    onWork(listener) {
      workers.add(listener);
      return () => workers.delete(listener);
    },
    close() {
      unsubscribe();
      for (const callbacks of watching.values()) all(callbacks);
      watching.clear();
      workers.clear();
    },
  };
}

import { Kysely } from 'kysely';
import { storeDialect } from './dialect.ts';
import { openFolder } from './embedded.ts';
import { channel } from './messages.ts';
import { listen, openPool, type PostgresOptions } from './postgres.ts';
import type { Schema } from './schema.ts';

/** PostgreSQL by its URL, or the embedded database in a folder of ours. */
export type DatabaseOptions = PostgresOptions | { readonly folder: string };

/** An open database: the same schema and SQL on both kinds. */
export interface Database {
  readonly kind: 'embedded' | 'postgres';
  readonly kysely: Kysely<Schema>;
  /**
   * Calls `listener` with the payload of each committed `pg_notify('fovea_jobs', …)` of any process, and with null
   * when messages may have been missed (the connection came back). Gives the function that ends it.
   */
  subscribe(listener: (payload: string | null) => void): () => void;
  /** Waits for the call under way, closes, unlocks the folder. */
  close(): Promise<void>;
}

/**
 * Opens the database. PostgreSQL is not contacted yet: the first query does. The embedded database locks its folder
 * and runs in a thread of its own.
 *
 * @throws ServiceError DATA_FOLDER_LOCKED, STORE_FULL, STORE_UNAVAILABLE
 */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const listeners = new Set<(payload: string | null) => void>();
  const publish = (payload: string | null) => {
    for (const listener of listeners) listener(payload);
  };
  const opened =
    'folder' in options
      ? { kind: 'embedded' as const, ...(await openFolder(options.folder, channel, publish)) }
      : openServer(options, publish);
  const kysely = new Kysely<Schema>({ dialect: storeDialect(opened.sessions) });
  return {
    kind: opened.kind,
    kysely,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async close() {
      listeners.clear();
      await kysely.destroy();
      // kysely closes its driver only when it was used.
      await opened.close();
    },
  };
}

function openServer(options: PostgresOptions, publish: (payload: string | null) => void) {
  const sessions = once(openPool(options));
  const listener = listen(options.url, channel, publish);
  return {
    kind: 'postgres' as const,
    sessions,
    async close() {
      await listener.close();
      await sessions.close();
    },
  };
}

/** `sessions` whose second `close` does nothing. */
function once<Closable extends { close(): Promise<void> }>(sessions: Closable): Closable {
  let closing: Promise<void> | null = null;
  const close = sessions.close.bind(sessions);
  return Object.assign(sessions, {
    close: () => {
      closing ??= close();
      return closing;
    },
  });
}

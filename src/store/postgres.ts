import { createHash } from 'node:crypto';
import pg from 'pg';
import type { Answer, Session, Sessions } from './dialect.ts';

/** How PostgreSQL is reached. */
export interface PostgresOptions {
  readonly url: string;
  /** Most connections of the pool, default 8. */
  readonly connections?: number;
  /** Longest that one statement may take before its connection is given up, milliseconds, default 30,000. */
  readonly queryTimeout?: number;
}

/** Longest wait for a connection, milliseconds. */
const connectTimeout = 3_000;
/** Statements that each connection keeps prepared. */
const mostPrepared = 100;
/** Pause before the listener connects again, milliseconds. */
const listenPause = 500;

/** A pool of connections; a lost one is replaced by the next call that needs one. */
export function openPool({ url, connections = 8, queryTimeout = 30_000 }: PostgresOptions): Sessions {
  const pool = new pg.Pool({
    connectionString: url,
    max: connections,
    connectionTimeoutMillis: connectTimeout,
    query_timeout: queryTimeout,
    keepAlive: true,
    application_name: 'fovea',
  });
  // A connection that the server ends while it is idle, or held between two statements, is nobody's call: the pool
  // drops it, or its next statement fails. Unheard, either event would end the process.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  const names = new Map<string, string>();
  /** Name under which connections prepare a statement; null when there are too many texts to keep them all. */
  const nameOf = (sql: string): string | null => {
    const known = names.get(sql);
    if (known !== undefined || names.size >= mostPrepared) return known ?? null;
    const name = `fovea_${createHash('sha256').update(sql).digest('hex').slice(0, 24)}`;
    names.set(sql, name);
    return name;
  };
  return {
    async acquire(): Promise<Session> {
      const client = await pool.connect();
      return {
        async query(sql, values): Promise<Answer> {
          const name = values.length === 0 ? null : nameOf(sql);
          const result = await (name === null
            ? client.query(sql, [...values])
            : client.query({ name, text: sql, values: [...values] }));
          const last = Array.isArray(result) ? (result.at(-1) as pg.QueryResult | undefined) : result;
          return { rows: last?.rows ?? [], affected: last?.rowCount ?? undefined };
        },
        release: (broken) => client.release(broken),
      };
    },
    close: () => pool.end(),
  };
}

/** A connection of its own that listens on `channel`, and comes back by itself. */
export interface Listener {
  close(): Promise<void>;
}

/**
 * Calls `onMessage` with each payload, and with null each time the connection is (again) there: something may have
 * been missed before.
 */
export function listen(url: string, channel: string, onMessage: (payload: string | null) => void): Listener {
  let closed = false;
  let client: pg.Client | null = null;
  let timer: NodeJS.Timeout | undefined;
  let connecting: Promise<void> = Promise.resolve();

  const connect = async () => {
    const next = new pg.Client({
      connectionString: url,
      connectionTimeoutMillis: connectTimeout,
      keepAlive: true,
      application_name: 'fovea-listen',
    });
    let ended = false;
    const again = () => {
      if (ended) return;
      ended = true;
      if (client === next) client = null;
      next.end().catch(() => undefined);
      if (!closed) timer = setTimeout(start, listenPause).unref();
    };
    next.on('error', again);
    next.on('end', again);
    next.on('notification', (message) => onMessage(message.payload ?? ''));
    try {
      await next.connect();
      await next.query(`listen ${channel}`);
      client = next;
      onMessage(null);
    } catch {
      // The database is away; callers learn it from their own queries.
      again();
    }
  };
  const start = () => {
    connecting = connect();
  };
  start();

  return {
    async close() {
      closed = true;
      clearTimeout(timer);
      await connecting;
      const open = client;
      client = null;
      await open?.end();
    },
  };
}

import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
} from 'kysely';
import { ServiceError } from '#core/error';
import { storeFailure } from './failures.ts';

/** Rows of the last statement and how many rows it changed. */
export interface Answer {
  readonly rows: readonly Record<string, unknown>[];
  readonly affected: number | undefined;
}

/** One session with the database, used by one caller at a time. */
export interface Session {
  /** `sql` may hold several statements when there are no `values`. Rejects with the error of the database. */
  query(sql: string, values: readonly unknown[]): Promise<Answer>;
  /** Gives the session back; `broken`: it cannot be used again. */
  release(broken: boolean): void;
}

/** Where sessions come from: a pool of PostgreSQL connections, or the one session of the embedded database. */
export interface Sessions {
  acquire(): Promise<Session>;
  close(): Promise<void>;
}

interface Held extends DatabaseConnection {
  readonly session: Session;
  broken: boolean;
}

/**
 * The PostgreSQL dialect of kysely over `sessions`. Failures of connection and room leave as
 * ServiceError STORE_UNAVAILABLE and STORE_FULL: this is the one place where they are told apart.
 */
export function storeDialect(sessions: Sessions): Dialect {
  return {
    createAdapter: () => new PostgresAdapter(),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
    createDriver: () => storeDriver(sessions),
  };
}

function storeDriver(sessions: Sessions): Driver {
  return {
    init: async () => undefined,
    acquireConnection: async () => hold(await coded(sessions.acquire())),
    beginTransaction: (connection) => command(connection, 'begin'),
    commitTransaction: (connection) => command(connection, 'commit'),
    async rollbackTransaction(connection) {
      try {
        await command(connection, 'rollback');
      } catch {
        // The session is lost and its transaction with it: the caller gets the error that led here.
        (connection as Held).broken = true;
      }
    },
    async releaseConnection(connection) {
      const held = connection as Held;
      held.session.release(held.broken);
    },
    destroy: () => sessions.close(),
  };
}

function hold(session: Session): Held {
  const held: Held = {
    session,
    broken: false,
    async executeQuery<Row>(query: CompiledQuery) {
      try {
        const { rows, affected } = await session.query(query.sql, query.parameters);
        return {
          rows: rows as Row[],
          ...(affected !== undefined && { numAffectedRows: BigInt(affected) }),
        };
      } catch (error) {
        const failure = storeFailure(error);
        if (failure instanceof ServiceError && failure.code === 'STORE_UNAVAILABLE') held.broken = true;
        throw failure;
      }
    },
    streamQuery() {
      throw new ServiceError('INTERNAL', { detail: 'The store does not stream rows.' });
    },
  };
  return held;
}

async function command(connection: DatabaseConnection, sql: string): Promise<void> {
  try {
    await (connection as Held).session.query(sql, []);
  } catch (error) {
    throw storeFailure(error);
  }
}

async function coded<Result>(work: Promise<Result>): Promise<Result> {
  try {
    return await work;
  } catch (error) {
    throw storeFailure(error);
  }
}

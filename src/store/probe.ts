import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { type Database, type DatabaseOptions, openDatabase } from './database.ts';
import { hasCluster } from './embedded.ts';
import { migrations } from './migrate.ts';
import { createQueueReads, type QueueReads } from './queue-reads.ts';

/** What a look at a database found. */
export interface StoreProbe {
  /** As the database names itself, e.g. `PostgreSQL 17.5`. */
  readonly version: string;
  /** Steps of the schema that this program has and the database has not. All of them: it holds no schema of Fovea yet. */
  readonly stepsBehind: number;
  /** Steps that the database has and this program does not know: a newer program made them. */
  readonly stepsAhead: number;
  /** Jobs that are not done, by state; null where there is no schema. */
  readonly jobs: Awaited<ReturnType<QueueReads['counts']>> | null;
}

/**
 * Looks at the database and changes nothing: no migration, no new cluster. null: the embedded database is not made yet.
 * One that is there is opened, which locks its folder meanwhile and lets PGlite finish what a killed process left.
 *
 * @throws ServiceError STORE_UNAVAILABLE, STORE_FULL, DATA_FOLDER_LOCKED
 */
export async function probeStore(options: DatabaseOptions): Promise<StoreProbe | null> {
  if ('folder' in options && !(await hasCluster(options.folder))) return null;
  const database = await openDatabase(options);
  try {
    return await look(database);
  } finally {
    await database.close();
  }
}

async function look(database: Database): Promise<StoreProbe> {
  const about = await sql<{ version: string; migrated: boolean }>`
    select split_part(version(), ' on ', 1) as version, to_regclass('schema_migrations') is not null as migrated
  `.execute(database.kysely);
  const { version = '', migrated = false } = about.rows[0] ?? {};
  if (!migrated) return { version, stepsBehind: migrations.length, stepsAhead: 0, jobs: null };
  const { rows } = await sql<{ number: number }>`select number from schema_migrations`.execute(
    database.kysely,
  );
  const applied = new Set(rows.map((row) => row.number));
  const known = new Set(migrations.map((step) => step.number));
  return {
    version,
    stepsBehind: migrations.filter((step) => !applied.has(step.number)).length,
    stepsAhead: rows.filter((row) => !known.has(row.number)).length,
    jobs: applied.size === 0 ? null : await createQueueReads(database, randomUUID()).counts(),
  };
}

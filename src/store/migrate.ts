import { type Kysely, sql } from 'kysely';
import { first } from './migrations/0001-first.ts';
import { oldCards } from './migrations/0002-old-cards.ts';
import { app } from './migrations/0003-app.ts';
import { cardAssessments } from './migrations/0004-card-assessments.ts';
import type { Schema } from './schema.ts';

/** One step of the schema. Expand style: an older program still works on the newer schema. */
export interface Migration {
  readonly number: number;
  readonly name: string;
  readonly sql: string;
}

/** Every step, oldest first. */
export const migrations: readonly Migration[] = [first, oldCards, app, cardAssessments];

/** Key of the advisory lock: "fovea" in ASCII. */
const lockKey = 0x66_6f_76_65_61;

/**
 * Brings the schema to the newest step. Forward only, idempotent, safe when several processes start at once (an
 * advisory lock), all or nothing (one transaction). Gives the numbers of the steps that it applied.
 *
 * @throws ServiceError STORE_UNAVAILABLE, STORE_FULL
 */
export async function migrate(
  database: { readonly kysely: Kysely<Schema> },
  steps: readonly Migration[] = migrations,
): Promise<number[]> {
  return database.kysely.transaction().execute(async (transaction) => {
    await sql`select pg_advisory_xact_lock(${lockKey}::bigint)`.execute(transaction);
    await sql`create table if not exists schema_migrations (
      number integer primary key, name text not null, applied timestamptz not null default now()
    )`.execute(transaction);
    const { rows } = await sql<{ number: number }>`select number from schema_migrations`.execute(transaction);
    const applied = new Set(rows.map((row) => row.number));
    const missing = steps.filter((step) => !applied.has(step.number)).sort((a, b) => a.number - b.number);
    for (const step of missing) {
      await sql.raw(step.sql).execute(transaction);
      await sql`insert into schema_migrations (number, name) values (${step.number}, ${step.name})`.execute(
        transaction,
      );
    }
    return missing.map((step) => step.number);
  });
}

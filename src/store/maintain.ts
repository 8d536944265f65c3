import { sql } from 'kysely';
import { createLaunchStore } from './app-launches.ts';
import { createCards } from './cards.ts';
import type { Database } from './database.ts';
import { chunkRows, inChunks } from './in-chunks.ts';
import { createReplay } from './replay.ts';
import type { Schema } from './schema.ts';

/** Days that the record of cards and their feedback is kept when nothing else is said. */
const defaultCardDays = 365;
/** Days that a job which ended without a result, or waits for access, keeps what it would need to run. */
const defaultPayloadDays = 7;

const tables: readonly (keyof Schema)[] = [
  'assessments',
  'assessment_private',
  'jobs',
  'processes',
  'cards_issued',
  'feedback',
  'seen_jti',
  'app_launches',
  'answers',
];

/** How long things are kept. */
export interface MaintainOptions {
  /** Default: the time of this machine. */
  readonly now?: Date;
  /** Days from the card's issue, default 365. */
  readonly cardDays?: number;
  /** Days from the end of the last try, default 7. */
  readonly payloadDays?: number;
}

/**
 * Housekeeping for once a day: forgets used tokens and launches of the app that expired, and cards older than
 * `cardDays`, empties the payloads of jobs that have been dead or without access for `payloadDays` (they name the
 * patient; whoever asks for such a job again gives it a new one), and does for the embedded database what PostgreSQL's
 * autovacuum does by itself. In many short statements: calls that come meanwhile go between.
 *
 * @throws ServiceError STORE_UNAVAILABLE, STORE_FULL
 */
export async function maintain(
  database: Database,
  { now = new Date(), cardDays = defaultCardDays, payloadDays = defaultPayloadDays }: MaintainOptions = {},
): Promise<void> {
  const daysAgo = (days: number) => new Date(now.getTime() - days * 86_400_000);
  await createReplay(database).purge(now);
  await createLaunchStore(database).purge(now);
  await createCards(database).purge(daysAgo(cardDays));
  await emptyPayloads(database, daysAgo(payloadDays));
  if (database.kind === 'postgres') return;
  for (const table of tables) {
    await sql`vacuum ${sql.table(table)}`.execute(database.kysely);
    await sql`analyze ${sql.table(table)}`.execute(database.kysely);
  }
}

async function emptyPayloads(database: Database, before: Date): Promise<void> {
  await inChunks(
    database,
    sql`
      update jobs set payload = '{}' where id in (
        select id from jobs
        where state in ('dead', 'needs-credential') and coalesce(settled_at, run_after) < ${before}
          and payload::text <> '{}'
        limit ${chunkRows} for update skip locked
      )`,
  );
}

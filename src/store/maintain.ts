import { sql } from 'kysely';
import type { Database } from './database.ts';

/** Most days that the record of cards and their feedback is kept when nothing else is said. */
const defaultCardDays = 365;

/**
 * Housekeeping for once a day: forgets used tokens that expired and cards older than `cardDays`, and does for the
 * embedded database what PostgreSQL's autovacuum does by itself. Other calls wait while it runs.
 *
 * @throws ServiceError STORE_UNAVAILABLE, STORE_FULL
 */
export async function maintain(
  database: Database,
  { now = new Date(), cardDays = defaultCardDays }: { readonly now?: Date; readonly cardDays?: number } = {},
): Promise<void> {
  const db = database.kysely;
  await db.deleteFrom('seen_jti').where('expires', '<', now).execute();
  const oldest = new Date(now.getTime() - cardDays * 86_400_000);
  await db.deleteFrom('cards_issued').where('created', '<', oldest).execute();
  if (database.kind === 'embedded') await sql`vacuum (analyze)`.execute(db);
}

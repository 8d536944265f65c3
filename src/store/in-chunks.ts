import type { RawBuilder } from 'kysely';
import type { Database } from './database.ts';

/** Rows of one statement of the housekeeping: some tens of milliseconds on the embedded database, whose callers take turns. */
export const chunkRows = 1_000;

/**
 * Repeats `statement`, which changes up to {@link chunkRows} rows, until it finds no more; gives how many in all. Other
 * calls come between, and no lock is held for long.
 */
export async function inChunks(
  { kysely }: Pick<Database, 'kysely'>,
  statement: RawBuilder<unknown>,
): Promise<number> {
  let total = 0;
  for (;;) {
    const { numAffectedRows } = await statement.execute(kysely);
    const changed = Number(numAffectedRows ?? 0);
    total += changed;
    if (changed < chunkRows) return total;
  }
}

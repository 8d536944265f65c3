import { sql } from 'kysely';
import { createBatcher } from './batch.ts';
import type { Database } from './database.ts';
import { chunkRows, inChunks } from './in-chunks.ts';
import { tokenHash } from './keys.ts';

/** Remembers which client tokens were used. @see CDS Hooks 2.0 §Trusting CDS Clients, `jti` */
export interface Replay {
  /**
   * Whether this is the first use of `jti` by `issuer`; remembered until `expires`, after which the token is refused
   * for its age. Of calls at the same time one is the first.
   *
   * @throws ServiceError STORE_UNAVAILABLE, STORE_FULL: then the token must not be taken
   */
  firstUse(issuer: string, jti: string, expires: Date): Promise<boolean>;
  /** Forgets expired ones; gives how many. */
  purge(now: Date): Promise<number>;
}

interface Use {
  readonly hash: string;
  readonly expires: Date;
}

export function createReplay(database: Pick<Database, 'kysely'>): Replay {
  const use = createBatcher<Use, boolean>(async (uses) => {
    const values = JSON.stringify(uses.map(({ hash, expires }) => ({ token_hash: hash, expires })));
    const { rows } = await sql<{ token_hash: string }>`
      insert into seen_jti (token_hash, expires)
      select token_hash, max(expires)
      from json_to_recordset(${values}::json) as used (token_hash text, expires timestamptz)
      group by token_hash order by token_hash
      on conflict (token_hash) do nothing
      returning token_hash`.execute(database.kysely);
    const first = new Set(rows.map((row) => row.token_hash));
    // `delete` is true for the first of equal ones in this round.
    return uses.map(({ hash }) => first.delete(hash));
  });
  return {
    async firstUse(issuer, jti, expires) {
      const [first] = await use([{ hash: tokenHash(issuer, jti), expires }]);
      return first === true;
    },
    purge: (now) =>
      inChunks(
        database,
        sql`
          delete from seen_jti where token_hash in (
            select token_hash from seen_jti where expires < ${now} limit ${chunkRows} for update skip locked
          )`,
      ),
  };
}

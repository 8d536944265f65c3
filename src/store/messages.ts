import { sql } from 'kysely';

/** Channel of the wake-up messages, `<state>:<job id>`. */
export const channel = 'fovea_jobs';

/**
 * Column of the last clause of every statement that changes jobs: tells every process, once it is committed, of each
 * row with `state` and `id`.
 */
export const notify = sql`pg_notify(${sql.lit(channel)}, state || ':' || id)`;

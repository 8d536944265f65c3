import { sql } from 'kysely';
import { errorTable } from '#core/error';
import type { Database } from './database.ts';
import { notify } from './messages.ts';
import { exhausted } from './reasons.ts';

/**
 * Frees what dead processes held. Their running jobs are queued again, or dead after the last try (a job may be what
 * ends the process); jobs on their tokens wait for access. Gives how many changed.
 */
export async function freeOrphans(database: Pick<Database, 'kysely'>, processId: string): Promise<number> {
  await sql`delete from processes where seen_until < clock_timestamp() and id <> ${processId}`.execute(
    database.kysely,
  );
  const { rows } = await sql<{ id: string }>`
    with orphan as (
      select id from jobs
      where state = 'running'
        and (lease_until < clock_timestamp() or lease_owner not in (select id from processes))
      for update skip locked
    ), freed as (
      update jobs set
        state = case when attempts >= max_attempts then 'dead'
          when credential = 'hook' and credential_owner not in (select id from processes) then 'needs-credential'
          else 'queued' end,
        settled_at = case when attempts >= max_attempts then clock_timestamp() end,
        reason_code = case when attempts >= max_attempts then 'JOB_EXHAUSTED' else 'WORKER_DIED' end,
        reason_text = case when attempts >= max_attempts then ${exhausted(errorTable.WORKER_DIED.text).text}
          else ${errorTable.WORKER_DIED.text} end,
        lease_id = null, lease_owner = null, lease_until = null, run_after = clock_timestamp()
      where id in (select id from orphan)
      returning id, state
    ), barred as (
      update jobs set state = 'needs-credential', reason_code = 'NEEDS_CREDENTIAL',
        reason_text = ${errorTable.NEEDS_CREDENTIAL.text}
      where state in ('queued', 'waiting') and credential = 'hook'
        and credential_owner not in (select id from processes)
      returning id, state
    )
    select id, ${notify} from (select * from freed union all select * from barred) as changed`.execute(
    database.kysely,
  );
  return rows.length;
}

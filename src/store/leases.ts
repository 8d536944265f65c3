import { sql } from 'kysely';
import type { Database } from './database.ts';
import { notify } from './messages.ts';

/** The leases that this process holds, kept alive together with its row in `processes`. */
export interface Leases {
  /** Gives a signal that aborts when the lease turns out to be lost. */
  hold(jobId: string, lease: string): AbortSignal;
  drop(jobId: string, lease: string): void;
  /** Extends the process's row and every lease; aborts the signals of those that are another's by now. */
  beat(): Promise<void>;
  /** Says that this process is gone and gives back what it still holds. */
  end(): Promise<void>;
}

export function createLeases(
  database: Pick<Database, 'kysely'>,
  { processId, leaseSeconds }: { readonly processId: string; readonly leaseSeconds: number },
): Leases {
  const held = new Map<string, { readonly lease: string; readonly lost: AbortController }>();
  return {
    hold(jobId, lease) {
      const lost = new AbortController();
      held.set(jobId, { lease, lost });
      return lost.signal;
    },
    drop(jobId, lease) {
      if (held.get(jobId)?.lease === lease) held.delete(jobId);
    },
    async beat() {
      const before = [...held].map(([id, { lease }]) => ({ id, lease }));
      const { rows } = await sql<{ id: string; lease: string }>`
        with me as (
          insert into processes (id, seen_until)
          values (${processId}, clock_timestamp() + make_interval(secs => ${leaseSeconds}::float8))
          on conflict (id) do update set seen_until = excluded.seen_until
        ), kept as (
          update jobs set lease_until = clock_timestamp() + make_interval(secs => ${leaseSeconds}::float8)
          from json_to_recordset(${JSON.stringify(before)}::json) as mine (id uuid, lease uuid)
          where jobs.id = mine.id and jobs.lease_id = mine.lease and jobs.state = 'running'
          returning jobs.id, jobs.lease_id as lease
        )
        select id, lease from kept`.execute(database.kysely);
      const kept = new Set(rows.map((row) => `${row.id} ${row.lease}`));
      for (const { id, lease } of before) {
        if (kept.has(`${id} ${lease}`)) continue;
        const entry = held.get(id);
        // One that ended while the statement ran is not lost.
        if (entry?.lease !== lease) continue;
        held.delete(id);
        entry.lost.abort();
      }
    },
    async end() {
      held.clear();
      await sql`
        with gone as (
          delete from processes where id = ${processId} returning id
        ), freed as (
          update jobs set state = case credential when 'hook' then 'needs-credential' else 'queued' end,
            attempts = attempts - 1, lease_id = null, lease_owner = null, lease_until = null
          where state = 'running' and lease_owner in (select id from gone)
          returning id, state
        )
        select ${notify} from freed`.execute(database.kysely);
    },
  };
}

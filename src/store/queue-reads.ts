import { sql } from 'kysely';
import type { Database } from './database.ts';
import type { JobKey } from './keys.ts';
import type { JobState } from './schema.ts';

/** What may be asked about the jobs as a whole. */
export interface QueueReads {
  /** Milliseconds until the next job that this process may claim is due; null when none waits. */
  nextDue(models?: readonly string[]): Promise<number | null>;
  /** Median running time of this model's recent jobs, seconds; null without any. */
  usualSeconds(model: JobKey['model']): Promise<number | null>;
  /** Jobs that are not done, by state; from an index of theirs alone, so it costs the same beside a million done ones. */
  counts(): Promise<Readonly<Record<Exclude<JobState, 'done'>, number>>>;
}

/** Jobs of which the usual time is the median. */
const usualOf = 50;

export function createQueueReads(database: Pick<Database, 'kysely'>, processId: string): QueueReads {
  const db = database.kysely;
  return {
    async nextDue(models) {
      const { rows } = await sql<{ due: number | null }>`
        select extract(epoch from min(run_after) - clock_timestamp())::float8 as due from jobs
        where state in ('queued', 'waiting') and (credential <> 'hook' or credential_owner = ${processId}::uuid)
          and ${ofModels(models)}`.execute(db);
      const due = rows[0]?.due ?? null;
      return due === null ? null : Math.max(0, due * 1_000);
    },
    async usualSeconds({ name, version }) {
      const { rows } = await sql<{ usual: number | null }>`
        select percentile_cont(0.5) within group (order by seconds)::float8 as usual from (
          select extract(epoch from settled_at - started_at)::float8 as seconds from jobs
          where state = 'done' and model_name = ${name} and model_version = ${version}
          order by settled_at desc limit ${usualOf}
        ) as recent`.execute(db);
      return rows[0]?.usual ?? null;
    },
    async counts() {
      const { rows } = await sql<{
        state: JobState;
        n: number;
      }>`select state, count(*)::integer as n from jobs where state <> 'done' group by state`.execute(db);
      const none = { queued: 0, running: 0, waiting: 0, 'needs-credential': 0, dead: 0 };
      return { ...none, ...Object.fromEntries(rows.map(({ state, n }) => [state, n])) };
    },
  };
}

/** Condition on `jobs`: one of `models`, or any when there is no list. */
export function ofModels(models: readonly string[] | undefined) {
  return models === undefined
    ? sql`true`
    : sql`model_name || '@' || model_version in (
        select json_array_elements_text(${JSON.stringify(models)}::json))`;
}

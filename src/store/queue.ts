import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import type { AssessedStudy, Reason } from '#core/assessment';
import { ServiceError } from '#core/error';
import { type Backoff, pauseBefore } from './backoff.ts';
import type { Database } from './database.ts';
import { isDuplicate } from './failures.ts';
import { type JobKey, jobIdOf, studyHash } from './keys.ts';
import { createLeases } from './leases.ts';
import { notify } from './messages.ts';
import { createQueueReads, ofModels, type QueueReads } from './queue-reads.ts';
import { exhausted, toReason } from './reasons.ts';
import { freeOrphans } from './recover.ts';
import type { CredentialKind, JobState } from './schema.ts';
import { createWatcher, type Watch } from './watch.ts';

/** What is asked for. */
export interface JobRequest extends JobKey {
  /** What the job needs to run: the record's study, whom its images are held against, where they are. Never a token. */
  readonly payload: Readonly<Record<string, unknown>>;
  /** `hook`: the token is in the memory of this very process. */
  readonly credential: CredentialKind;
  /** Higher runs first, default 0. */
  readonly priority?: number;
  /** Seconds that the study must stay quiet before the job starts, default 0. Waiting jobs of earlier contents of the study wait as long. */
  readonly quietSeconds?: number;
}

/** A job after it was accepted: its row is committed. */
export interface AcceptedJob {
  readonly id: string;
  readonly state: JobState;
  readonly acceptedAt: Date;
  /** Why the last try failed. */
  readonly reason: Reason | null;
  /** This call made the job, or woke one that waited for access or had ended long ago. */
  readonly fresh: boolean;
}

/** A job that this process works on. */
export interface ClaimedJob extends JobKey {
  readonly id: string;
  readonly lease: string;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly credential: CredentialKind;
  /** Which try this is, from 1. */
  readonly attempt: number;
  readonly acceptedAt: Date;
  /** Aborts when the lease was lost: the work is in vain, another process has the job. */
  readonly lost: AbortSignal;
}

export interface QueueOptions {
  /** This process, a UUID. Default: a new one. */
  readonly processId?: string;
  /** How long a lease lasts without a heartbeat, seconds, default 30. Heartbeats come every third of it. */
  readonly leaseSeconds?: number;
  /** Tries before a job is dead, default 5. */
  readonly maxAttempts?: number;
  /** Default: 2 s doubling to 300 s. */
  readonly backoff?: Backoff;
  /** A dead job that is asked for again this long after its end is tried anew, seconds, default 3,600. */
  readonly reviveSeconds?: number;
}

/**
 * The jobs. Each of enqueue, claim, complete and fail is one statement, so it happened whole or not at all, wherever
 * the process is killed. All throw ServiceError STORE_UNAVAILABLE and STORE_FULL.
 */
export interface Queue extends QueueReads {
  readonly processId: string;
  /**
   * Makes this process known, frees the jobs of dead ones ({@link recover}) and starts the heartbeat. Call it after
   * `migrate`, before anything else.
   */
  start(): Promise<void>;
  /** Ends the heartbeat and says that this process is gone; its jobs are free at once. */
  stop(): Promise<void>;
  /** Idempotent: one key is one job. When it resolves, the job is committed. */
  enqueue(request: JobRequest): Promise<AcceptedJob>;
  /** Takes up to `count` jobs that are due, by priority then age. `models` as `name@version`: only theirs. */
  claim(count: number, models?: readonly string[]): Promise<ClaimedJob[]>;
  /** Extends every lease of this process now; the timer does it anyway. */
  heartbeat(): Promise<void>;
  /**
   * Stores the result and ends the job in one statement. null: the lease was lost and the result is discarded.
   * Else the id of the assessment; the one that stood already when there was one.
   */
  complete(job: ClaimedJob, study: AssessedStudy): Promise<string | null>;
  /**
   * A try failed: again after a pause, `needs-credential` when the error says so, or `dead` with JOB_EXHAUSTED after
   * the last try. `final`: trying again would not help, so it is `dead` at once with the error's own code. null: the
   * lease was lost.
   */
  fail(job: ClaimedJob, error: ServiceError, options?: { readonly final: boolean }): Promise<JobState | null>;
  /** Gives a job back untried (orderly shutdown); the try does not count. */
  release(job: ClaimedJob): Promise<void>;
  /** Frees jobs of dead processes; ran by `start` and by the timer. Gives how many changed. */
  recover(): Promise<number>;
  /** Tells when one of these jobs ended. Begin to watch before reading the state, so nothing is missed between. */
  watch(ids: readonly string[]): Watch;
  /** Calls `listener` when there may be something to claim. Gives the function that ends it. */
  onWork(listener: () => void): () => void;
}

const defaultBackoff: Backoff = { first: 2, longest: 300, seed: 'fovea' };

interface EnqueuedRow {
  readonly id: string;
  readonly state: JobState;
  readonly accepted_at: Date;
  readonly reason_code: string | null;
  readonly reason_text: string | null;
}

export function createQueue(database: Database, options: QueueOptions = {}): Queue {
  const processId = options.processId ?? randomUUID();
  const leaseSeconds = options.leaseSeconds ?? 30;
  const maxAttempts = options.maxAttempts ?? 5;
  const backoff = options.backoff ?? defaultBackoff;
  const reviveSeconds = options.reviveSeconds ?? 3_600;
  const db = database.kysely;
  const watcher = createWatcher(database);
  const leases = createLeases(database, { processId, leaseSeconds });

  const enqueue = async (request: JobRequest): Promise<AcceptedJob> => {
    const id = jobIdOf(request);
    const hash = studyHash(request.tenant, request.studyInstanceUid);
    const owner = request.credential === 'hook' ? processId : null;
    const quiet = request.quietSeconds ?? 0;
    const statement = sql<EnqueuedRow>`
      with accepted as (
        insert into jobs (id, tenant, study_hash, study_uid, content_digest, model_name, model_version, payload,
          credential, credential_owner, state, priority, max_attempts, run_after)
        values (${id}, ${request.tenant}, ${hash}, ${request.studyInstanceUid}, ${request.contentDigest},
          ${request.model.name}, ${request.model.version}, ${JSON.stringify(request.payload)}::json,
          ${request.credential}, ${owner}::uuid, ${quiet > 0 ? 'waiting' : 'queued'}, ${request.priority ?? 0},
          ${maxAttempts}, now() + make_interval(secs => ${quiet}::float8))
        on conflict (id) do update set
          state = case jobs.state when 'waiting' then 'waiting' else 'queued' end,
          run_after = case jobs.state when 'waiting' then jobs.run_after else now() end,
          payload = excluded.payload, credential = excluded.credential,
          credential_owner = excluded.credential_owner,
          priority = greatest(jobs.priority, excluded.priority),
          attempts = case jobs.state when 'dead' then 0 else jobs.attempts end,
          settled_at = null
        where jobs.state = 'needs-credential'
          or (jobs.state = 'dead' and jobs.settled_at < now() - make_interval(secs => ${reviveSeconds}::float8))
          or (jobs.state in ('queued', 'waiting') and jobs.credential = 'hook' and not exists (
            select from processes p where p.id = jobs.credential_owner and p.seen_until > clock_timestamp()))
        returning *, (xmax = 0) as made
      ), hushed as (
        update jobs set run_after = greatest(jobs.run_after, accepted.run_after)
        from accepted
        where accepted.made and jobs.state = 'waiting' and jobs.study_hash = accepted.study_hash
          and jobs.model_name = accepted.model_name and jobs.model_version = accepted.model_version
          and jobs.id <> accepted.id
      )
      select id, state, accepted_at, reason_code, reason_text, ${notify} from accepted`;
    const { rows } = await statement.execute(db).catch((error: unknown) => {
      // Of two that come at once for a new key, neither finds the other under `id`, and the later one may meet it in
      // `jobs_once`, of which `on conflict (id)` knows nothing. By then the other is committed: asked again, it is found.
      if (!isDuplicate(error)) throw error;
      return statement.execute(db);
    });
    if (rows[0] !== undefined) return toAccepted(rows[0], true);
    const standing = await sql<EnqueuedRow>`
      select id, state, accepted_at, reason_code, reason_text from jobs where id = ${id}`.execute(db);
    if (standing.rows[0] !== undefined) return toAccepted(standing.rows[0], false);
    // Another process removed the row between the two statements.
    throw new ServiceError('STORE_UNAVAILABLE', { retryAfter: 1 });
  };

  const claim = async (count: number, models?: readonly string[]): Promise<ClaimedJob[]> => {
    const lease = randomUUID();
    const { rows } = await sql<{
      id: string;
      tenant: string;
      study_uid: string;
      content_digest: string;
      model_name: string;
      model_version: string;
      payload: string;
      credential: CredentialKind;
      attempts: number;
      accepted_at: Date;
    }>`
      update jobs set state = 'running', attempts = attempts + 1, started_at = clock_timestamp(),
        lease_id = ${lease}::uuid, lease_owner = ${processId}::uuid,
        lease_until = clock_timestamp() + make_interval(secs => ${leaseSeconds}::float8)
      where id in (
        select id from jobs
        where state in ('queued', 'waiting') and run_after <= now()
          and (credential <> 'hook' or credential_owner = ${processId}::uuid)
          and ${ofModels(models)}
        order by priority desc, run_after
        limit ${count} for update skip locked
      )
      returning id, tenant, study_uid, content_digest, model_name, model_version, payload::text as payload,
        credential, attempts, accepted_at`.execute(db);
    return rows.map((row) => ({
      id: row.id,
      lease,
      tenant: row.tenant,
      studyInstanceUid: row.study_uid,
      contentDigest: row.content_digest,
      model: { name: row.model_name, version: row.model_version },
      payload: JSON.parse(row.payload) as Record<string, unknown>,
      credential: row.credential,
      attempt: row.attempts,
      acceptedAt: row.accepted_at,
      lost: leases.hold(row.id, lease),
    }));
  };

  /**
   * Does `work`, the end of a try, and lets go of its lease whatever became of it. Kept after a failure it would be
   * extended by every heartbeat, and the job would run for ever; let go it runs out and the job is tried again.
   */
  const lastOf = <Result>({ id, lease }: ClaimedJob, work: Promise<Result>): Promise<Result> =>
    work.finally(() => leases.drop(id, lease));

  const complete = async (job: ClaimedJob, { assessment, private: hidden }: AssessedStudy) => {
    const statement = sql<{ assessment_id: string | null }>`
      with ended as (
        update jobs set state = 'done', settled_at = clock_timestamp(), payload = '{}', lease_id = null,
          lease_owner = null, lease_until = null, reason_code = null, reason_text = null
        where id = ${job.id} and lease_id = ${job.lease} and state = 'running'
        returning *
      ), stored as (
        insert into assessments (id, tenant, study_hash, content_digest, model_name, model_version, status,
          reason_code, reason_text, assessment)
        select ${randomUUID()}::uuid, tenant, study_hash, content_digest, model_name, model_version,
          ${assessment.status}, ${assessment.reason?.code ?? null}, ${assessment.reason?.text ?? null},
          ${JSON.stringify(assessment)}::json
        from ended
        on conflict (study_hash, model_name, model_version, content_digest) do nothing
        returning id
      ), hidden as (
        insert into assessment_private (assessment_id, study_uid, result)
        select stored.id, ended.study_uid, ${hidden === null ? null : JSON.stringify(hidden)}::json
        from stored, ended
      )
      select coalesce(
          (select id from stored),
          (select a.id from assessments a where a.study_hash = ended.study_hash
            and a.model_name = ended.model_name and a.model_version = ended.model_version
            and a.content_digest = ended.content_digest)
        ) as assessment_id, ${notify}
      from ended`;
    const { rows } = await lastOf(job, statement.execute(db));
    return rows[0]?.assessment_id ?? null;
  };

  /** Ends the try of a job whose lease is ours and leaves it in `state`. */
  const settle = async (
    job: ClaimedJob,
    state: 'queued' | 'dead' | 'needs-credential',
    change: { readonly reason: Reason | null; readonly pause: number; readonly counts: boolean },
  ): Promise<JobState | null> => {
    const statement = sql<{ state: JobState }>`
      with ended as (
        update jobs set state = ${state}, lease_id = null, lease_owner = null, lease_until = null,
          attempts = attempts - ${change.counts ? 0 : 1},
          run_after = clock_timestamp() + make_interval(secs => ${change.pause}::float8),
          settled_at = case when ${state} = 'dead' then clock_timestamp() end,
          reason_code = coalesce(${change.reason?.code ?? null}, reason_code),
          reason_text = coalesce(${change.reason?.text ?? null}, reason_text)
        where id = ${job.id} and lease_id = ${job.lease} and state = 'running'
        returning *
      )
      select state, ${notify} from ended`;
    const { rows } = await lastOf(job, statement.execute(db));
    return rows[0]?.state ?? null;
  };

  const fail = async (
    job: ClaimedJob,
    error: ServiceError,
    { final } = { final: false },
  ): Promise<JobState | null> => {
    const reason: Reason = { code: error.code, text: error.message };
    if (error.code === 'NEEDS_CREDENTIAL')
      // Access ended, which is nobody's failure: the try does not count.
      return settle(job, 'needs-credential', { reason, pause: 0, counts: false });
    if (final) return settle(job, 'dead', { reason, pause: 0, counts: true });
    if (job.attempt >= maxAttempts)
      return settle(job, 'dead', { reason: exhausted(error.message), pause: 0, counts: true });
    const pause = pauseBefore(backoff, job.id, job.attempt, error.retryAfter);
    return settle(job, 'queued', { reason, pause, counts: true });
  };

  const recover = () => freeOrphans(database, processId);

  let timer: NodeJS.Timeout | undefined;
  return {
    processId,
    async start() {
      // The lock of the folder says that there is no other process; on PostgreSQL a process is dead when it is silent.
      if (database.kind === 'embedded') await sql`delete from processes where id <> ${processId}`.execute(db);
      await leases.beat();
      await recover();
      timer = setInterval(
        () => {
          // A failed beat shows itself in the leases that it could not extend; the next one tries again.
          leases
            .beat()
            .then(recover)
            .catch(() => undefined);
        },
        (leaseSeconds * 1_000) / 3,
      ).unref();
    },
    async stop() {
      clearInterval(timer);
      watcher.close();
      await leases.end();
    },
    enqueue,
    claim,
    heartbeat: () => leases.beat(),
    complete,
    fail,
    async release(job) {
      await settle(job, 'queued', { reason: null, pause: 0, counts: false });
    },
    recover,
    ...createQueueReads(database, processId),
    watch: watcher.watch,
    onWork: watcher.onWork,
  };
}

function toAccepted(row: EnqueuedRow, fresh: boolean): AcceptedJob {
  return {
    id: row.id,
    state: row.state,
    acceptedAt: row.accepted_at,
    reason: toReason(row.reason_code, row.reason_text),
    fresh,
  };
}

import type { AssessedStudy } from '#core/assessment';
import { asServiceError, type ServiceError } from '#core/error';
import { type Log, silentLog } from '#core/log';
import type { ClaimedJob, Queue } from './queue.ts';

export interface WorkOptions {
  readonly queue: Queue;
  /** Jobs at the same time, at least 1. */
  readonly lanes: number;
  /**
   * Does one job. A ServiceError that it throws is a failed try (see `Queue.fail`); an abstention is a result
   * and returned. `signal` aborts when the lease was lost or
   * the work is to end.
   */
  perform(job: ClaimedJob, signal: AbortSignal): Promise<AssessedStudy>;
  /** Failures that another try would not mend: the job is `dead` at once. Default: none. */
  readonly isFinal?: (error: ServiceError) => boolean;
  /** Told of a job that is not this process's any more: dead, or lost to another. */
  readonly onGone?: (jobId: string) => void;
  /** As `name@version`: only jobs of these models. */
  readonly models?: readonly string[];
  readonly log?: Log;
}

export interface Work {
  /** Takes no more jobs, aborts those under way and gives them back untried. */
  stop(): Promise<void>;
}

/** Longest sleep without a message, milliseconds: messages wake at once, this is for those that were lost. */
const longestSleep = 5_000;
/** Shortest one, milliseconds: a job that is due may still be locked by another process that claims it. */
const shortestSleep = 20;
/** Pause after the database failed, milliseconds. */
const failurePause = 1_000;

/** Works on jobs until stopped; outlives failures of the database. */
export function startWork({
  queue,
  lanes,
  perform,
  isFinal = () => false,
  onGone = () => undefined,
  models,
  log = silentLog,
}: WorkOptions): Work {
  const ending = new AbortController();
  const running = new Set<Promise<void>>();
  let wake: () => void = () => undefined;
  let called = false;
  const call = () => {
    called = true;
    wake();
  };
  const unsubscribe = queue.onWork(call);

  const sleep = (milliseconds: number) =>
    new Promise<void>((resolve) => {
      if (called || ending.signal.aborted) return resolve();
      const timer = setTimeout(resolve, milliseconds);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });

  const one = async (job: ClaimedJob) => {
    const signal = AbortSignal.any([job.lost, ending.signal]);
    try {
      const result = await perform(job, signal);
      await queue.complete(job, result);
    } catch (error) {
      if (job.lost.aborted) return onGone(job.id);
      if (ending.signal.aborted) return await queue.release(job);
      const coded = asServiceError(error);
      const state = await queue.fail(job, coded, { final: isFinal(coded) });
      if (state === null || state === 'dead') onGone(job.id);
      log.warn({
        event: 'job-failed',
        job: job.id,
        code: coded.code,
        attempt: job.attempt,
        ...(state !== null && { state }),
      });
    }
  };

  const begin = (job: ClaimedJob) => {
    const task = one(job)
      // The store is away: the lease runs out and the job is tried again.
      .catch((error: unknown) =>
        log.error({ event: 'job-unsettled', job: job.id, code: asServiceError(error).code }),
      )
      .finally(() => {
        running.delete(task);
        call();
      });
    running.add(task);
  };

  const loop = async () => {
    while (!ending.signal.aborted) {
      called = false;
      try {
        const free = lanes - running.size;
        const jobs = free > 0 ? await queue.claim(free, models) : [];
        for (const job of jobs) begin(job);
        if (jobs.length > 0 && running.size < lanes) continue;
        const due = running.size < lanes ? await queue.nextDue(models) : null;
        await sleep(Math.min(Math.max(due ?? longestSleep, shortestSleep), longestSleep));
      } catch (error) {
        log.error({ event: 'queue-unavailable', code: asServiceError(error).code });
        called = false;
        await sleep(failurePause);
      }
    }
  };
  const done = loop();

  return {
    async stop() {
      unsubscribe();
      ending.abort();
      wake();
      await done;
      await Promise.all(running);
    },
  };
}

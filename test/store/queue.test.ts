import { sql } from 'kysely';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ServiceError } from '#core/error';
import { createAssessments } from '#store/assessments';
import type { Database } from '#store/database';
import { jobIdOf } from '#store/keys';
import { createQueue, type Queue } from '#store/queue';
import { describeDatabases, model, openPlace, type Place, request, result } from '../support/store.ts';

const soon = { first: 0.01, longest: 0.02, seed: 'test' };

describeDatabases('queue', (kind) => {
  let place: Place;
  let database: Database;
  let queue: Queue;
  let study = 1_000;
  const fresh = (more: Parameters<typeof request>[1] = {}) => {
    study += 1;
    return request(study, more);
  };
  const claimOne = async (from: Queue = queue) => {
    const [job] = await from.claim(1);
    if (job === undefined) throw new Error('nothing to claim');
    return job;
  };

  /** As if so much time had gone by for the jobs that wait. */
  const passTime = async (seconds: number) => {
    await sql`update jobs set run_after = run_after - make_interval(secs => ${seconds}::float8)
      where state in ('queued', 'waiting')`.execute(database.kysely);
  };

  beforeAll(async () => {
    place = await openPlace(kind);
    database = await place.open();
    queue = createQueue(database, { backoff: soon, maxAttempts: 3 });
    await queue.start();
  });
  afterAll(async () => {
    await queue.stop();
    await place.close();
  });

  it('ten enqueues of one key at once are one job', async () => {
    const one = fresh();
    const accepted = await Promise.all(Array.from({ length: 10 }, () => queue.enqueue(one)));
    expect(new Set(accepted.map((job) => job.id))).toEqual(new Set([jobIdOf(one)]));
    expect(accepted.filter((job) => job.fresh)).toHaveLength(1);
    expect(accepted.every((job) => job.state === 'queued')).toBe(true);
    const jobs = await queue.claim(100);
    expect(jobs.map((job) => job.id)).toEqual([jobIdOf(one)]);
    for (const job of jobs) await queue.complete(job, result());
  });

  it('enqueues of one new key by two processes at the same moment are one job, each time', async () => {
    const other = createQueue(database);
    const failed: unknown[] = [];
    for (let round = 0; round < 200; round += 1) {
      const one = fresh();
      const calls = Array.from({ length: 12 }, (_, n) => (n % 2 === 0 ? queue : other).enqueue(one));
      const outcomes = await Promise.allSettled(calls);
      failed.push(...outcomes.filter((call) => call.status === 'rejected').map((call) => call.reason));
      const made = outcomes.filter((call) => call.status === 'fulfilled' && call.value.fresh);
      expect(made).toHaveLength(1);
    }
    expect(failed).toEqual([]);
    for (const job of await queue.claim(200)) await queue.complete(job, result());
  }, 60_000);

  it('a job carries its key, payload and try', async () => {
    const one = fresh({ payload: { patient: 'ref', series: ['1', '2'] } });
    const { acceptedAt } = await queue.enqueue(one);
    const job = await claimOne();
    expect(job).toMatchObject({
      id: jobIdOf(one),
      tenant: one.tenant,
      studyInstanceUid: one.studyInstanceUid,
      contentDigest: one.contentDigest,
      model,
      payload: one.payload,
      credential: 'tenant',
      attempt: 1,
      acceptedAt,
    });
    await queue.complete(job, result());
  });

  it('two workers never share a job', async () => {
    const other = createQueue(database);
    await Promise.all(Array.from({ length: 40 }, () => queue.enqueue(fresh())));
    const taken: string[] = [];
    const drain = async (from: Queue) => {
      for (;;) {
        const jobs = await from.claim(3);
        if (jobs.length === 0) return;
        for (const job of jobs) {
          taken.push(job.id);
          await from.complete(job, result());
        }
      }
    };
    await Promise.all([drain(queue), drain(other), drain(queue), drain(other)]);
    expect(taken).toHaveLength(40);
    expect(new Set(taken).size).toBe(40);
  });

  it('jobs of higher priority run first, then those due longer', async () => {
    const low = fresh();
    const older = fresh({ priority: 5 });
    const newer = fresh({ priority: 5 });
    for (const one of [low, older, newer]) await queue.enqueue(one);
    const order: string[] = [];
    for (let n = 0; n < 3; n += 1) {
      const job = await claimOne();
      order.push(job.id);
      await queue.complete(job, result());
    }
    expect(order).toEqual([older, newer, low].map(jobIdOf));
  });

  it('a result is stored once and its job is done', async () => {
    const one = fresh();
    await queue.enqueue(one);
    const job = await claimOne();
    const id = await queue.complete(job, result(0.125));
    expect(await queue.complete(job, result(0.75))).toBeNull();
    const [answer] = await createAssessments(database).ask([one]);
    expect(answer).toMatchObject({ assessment: { id, assessment: result(0.125).assessment }, job: null });
    expect((await queue.enqueue(one)).state).toBe('done');
  });

  it('the result of a lost lease is discarded', async () => {
    const short = createQueue(database, { leaseSeconds: 0.05 });
    const one = fresh();
    await queue.enqueue(one);
    const late = await claimOne(short);
    await new Promise((resolve) => setTimeout(resolve, 120));
    await queue.recover();
    const again = await claimOne();
    expect(again.id).toBe(late.id);
    await short.heartbeat();
    expect(late.lost.aborted).toBe(true);
    expect(await short.complete(late, result(0.9))).toBeNull();
    expect(await queue.complete(again, result(0.1))).not.toBeNull();
    const [answer] = await createAssessments(database).ask([one]);
    expect(answer?.assessment?.assessment.findings[0]?.probability).toBe(0.1);
    await short.stop();
  });

  it('a heartbeat keeps a lease', async () => {
    const short = createQueue(database, { leaseSeconds: 3 });
    await short.heartbeat();
    await queue.enqueue(fresh());
    const job = await claimOne(short);
    for (let n = 0; n < 4; n += 1) {
      await new Promise((resolve) => setTimeout(resolve, 900));
      await short.heartbeat();
    }
    await queue.recover();
    expect(job.lost.aborted).toBe(false);
    expect(await short.complete(job, result())).not.toBeNull();
    await short.stop();
  });

  it('a failed job is tried again after a pause and dies with its last reason', async () => {
    const one = fresh();
    await queue.enqueue(one);
    const states: (string | null)[] = [];
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      await new Promise((resolve) => setTimeout(resolve, 40));
      const job = await claimOne();
      expect(job.attempt).toBe(attempt);
      states.push(await queue.fail(job, new ServiceError('DICOMWEB_UNAVAILABLE')));
    }
    expect(states).toEqual(['queued', 'queued', 'dead']);
    const [answer] = await createAssessments(database).ask([one]);
    expect(answer?.job).toMatchObject({ state: 'dead', attempts: 3, reason: { code: 'JOB_EXHAUSTED' } });
    expect(answer?.job?.reason?.text).toContain('The imaging server could not answer.');
    const asked = await queue.enqueue(one);
    expect(asked).toMatchObject({ state: 'dead', fresh: false, reason: { code: 'JOB_EXHAUSTED' } });
  });

  it('a dead job that is asked for long after its end is tried anew', async () => {
    const one = fresh();
    await queue.enqueue(one);
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      await new Promise((resolve) => setTimeout(resolve, 40));
      await queue.fail(await claimOne(), new ServiceError('DICOMWEB_TIMEOUT'));
    }
    expect(await queue.enqueue(one)).toMatchObject({ state: 'dead', fresh: false });
    const patient = createQueue(database, { reviveSeconds: 0 });
    expect(await patient.enqueue(one)).toMatchObject({ state: 'queued', fresh: true });
    const job = await claimOne();
    expect(job.attempt).toBe(1);
    await queue.complete(job, result());
  });

  it('the other server’s Retry-After is waited for', async () => {
    await queue.enqueue(fresh());
    await queue.fail(await claimOne(), new ServiceError('DICOMWEB_BUSY', { retryAfter: 600 }));
    expect(await queue.claim(1)).toEqual([]);
    const due = await queue.nextDue();
    expect(due).toBeGreaterThan(500_000);
    expect(due).toBeLessThanOrEqual(600_000);
    await passTime(600);
    await queue.complete(await claimOne(), result());
  });

  it('a study that is still arriving waits, and earlier contents wait with it', async () => {
    const first = fresh({ quietSeconds: 0.2 });
    const later = { ...first, contentDigest: 'b'.repeat(64), quietSeconds: 60 };
    expect((await queue.enqueue(first)).state).toBe('waiting');
    await queue.enqueue(later);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await queue.claim(5)).toEqual([]);
    await passTime(60);
    const jobs = await queue.claim(5);
    expect(jobs.map((job) => job.id).sort()).toEqual([jobIdOf(first), jobIdOf(later)].sort());
    for (const job of jobs) await queue.complete(job, result());
  });

  it('a job on a hook’s token runs only in the process that has it', async () => {
    const other = createQueue(database);
    const one = fresh({ credential: 'hook' });
    await queue.enqueue(one);
    expect(await other.claim(5)).toEqual([]);
    const job = await claimOne();
    expect(job.credential).toBe('hook');
    await queue.complete(job, result());
  });

  it('when access ended a job waits for the next hook, which revives it, and the try does not count', async () => {
    const one = fresh({ credential: 'hook' });
    await queue.enqueue(one);
    expect(await queue.fail(await claimOne(), new ServiceError('NEEDS_CREDENTIAL'))).toBe('needs-credential');
    const [answer] = await createAssessments(database).ask([one]);
    expect(answer?.job).toMatchObject({ state: 'needs-credential', reason: { code: 'NEEDS_CREDENTIAL' } });
    expect(await queue.claim(1)).toEqual([]);
    expect(await queue.enqueue({ ...one, credential: 'tenant' })).toMatchObject({
      state: 'queued',
      fresh: true,
    });
    const job = await claimOne();
    expect(job).toMatchObject({ attempt: 1, credential: 'tenant' });
    await queue.complete(job, result());
  });

  it('jobs of a dead process are free again; those on its tokens wait for access', async () => {
    const doomed = createQueue(database, { leaseSeconds: 0.05 });
    await doomed.heartbeat();
    const [open, onToken, untouched] = [
      fresh(),
      fresh({ credential: 'hook' }),
      fresh({ credential: 'hook', priority: -1 }),
    ];
    for (const one of [open, onToken, untouched]) await doomed.enqueue(one);
    expect(await doomed.claim(2)).toHaveLength(2);
    await new Promise((resolve) => setTimeout(resolve, 120));
    await queue.recover();
    const answers = await createAssessments(database).ask([open, onToken, untouched]);
    expect(answers.map((answer) => answer.job?.state)).toEqual([
      'queued',
      'needs-credential',
      'needs-credential',
    ]);
    expect(answers[0]?.job?.reason?.code).toBe('WORKER_DIED');
    await queue.complete(await claimOne(), result());
  });

  it('a job whose process dies each time ends dead', async () => {
    const one = fresh();
    await queue.enqueue(one);
    for (let n = 0; n < 3; n += 1) {
      const doomed = createQueue(database, { leaseSeconds: 0.02 });
      await claimOne(doomed);
      await new Promise((resolve) => setTimeout(resolve, 60));
      await queue.recover();
    }
    const [answer] = await createAssessments(database).ask([one]);
    expect(answer?.job).toMatchObject({ state: 'dead', reason: { code: 'JOB_EXHAUSTED' } });
  });

  it('a released job is free at once and the try does not count', async () => {
    await queue.enqueue(fresh());
    await queue.release(await claimOne());
    const job = await claimOne();
    expect(job.attempt).toBe(1);
    await queue.complete(job, result());
  });

  it('an orderly stop frees what the process held', async () => {
    const leaving = createQueue(database);
    await leaving.start();
    await queue.enqueue(fresh());
    const held = await claimOne(leaving);
    await leaving.stop();
    const job = await claimOne();
    expect(job).toMatchObject({ id: held.id, attempt: 1 });
    await queue.complete(job, result());
  });

  it('only jobs of the models asked for are claimed', async () => {
    const one = fresh({ model: { name: 'hand', version: '2.0.0' } });
    await queue.enqueue(one);
    expect(await queue.claim(1, ['chest@1.0.0'])).toEqual([]);
    const [job] = await queue.claim(1, ['chest@1.0.0', 'hand@2.0.0']);
    expect(job?.id).toBe(jobIdOf(one));
    if (job !== undefined) await queue.complete(job, result());
  });

  it('a waiting hook learns of a result by message, also one that came before it waited', async () => {
    const one = fresh();
    const watch = queue.watch([jobIdOf(one)]);
    await queue.enqueue(one);
    const job = await claimOne();
    const woken = watch.next(AbortSignal.timeout(20_000));
    await queue.complete(job, result());
    await woken;
    const [answer] = await createAssessments(database).ask([one]);
    expect(answer?.assessment).not.toBeNull();
    watch.close();

    const two = fresh();
    const early = queue.watch([jobIdOf(two)]);
    await queue.enqueue(two);
    await queue.complete(await claimOne(), result());
    await early.next(AbortSignal.timeout(20_000));
    early.close();
  });

  it('a watch ends with its signal', async () => {
    const watch = queue.watch([jobIdOf(fresh())]);
    await watch.next(AbortSignal.timeout(30));
    watch.close();
    expect(await queue.nextDue()).toBeNull();
  });

  it('workers learn of a new job by message', async () => {
    let called = 0;
    const end = queue.onWork(() => {
      called += 1;
    });
    await queue.enqueue(fresh());
    await expect.poll(() => called).toBeGreaterThan(0);
    end();
    await queue.complete(await claimOne(), result());
  });

  it('the usual time is the median of the model’s recent jobs', async () => {
    expect(await queue.usualSeconds({ name: 'never', version: '1.0.0' })).toBeNull();
    const usual = await queue.usualSeconds(model);
    expect(usual).toBeGreaterThan(0);
    expect(usual).toBeLessThan(10);
  });

  it('jobs that are not done are counted by state', async () => {
    const counts = await queue.counts();
    expect(counts).toEqual({ queued: 0, running: 0, waiting: 0, 'needs-credential': 2, dead: 2 });
  });
});

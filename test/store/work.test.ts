import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ServiceError } from '#core/error';
import { createAssessments } from '#store/assessments';
import { pauseBefore } from '#store/backoff';
import { createBatcher } from '#store/batch';
import type { Database } from '#store/database';
import { jobIdOf, studyHash } from '#store/keys';
import { createQueue, type Queue } from '#store/queue';
import { startWork } from '#store/work';
import { describeDatabases, openPlace, type Place, request, result } from '../support/store.ts';

describeDatabases('work on jobs', (kind) => {
  let place: Place;
  let database: Database;
  let queue: Queue;
  beforeAll(async () => {
    place = await openPlace(kind);
    database = await place.open();
    queue = createQueue(database, { maxAttempts: 2, backoff: { first: 0.01, longest: 0.01, seed: 'test' } });
    await queue.start();
  });
  afterAll(async () => {
    await queue.stop();
    await place.close();
  });
  const stateOf = async (study: number) =>
    (await createAssessments(database).ask([request(study)]))[0]?.job?.state ?? 'none';

  it('never more jobs at once than lanes, and every one done', async () => {
    let running = 0;
    let most = 0;
    const work = startWork({
      queue,
      lanes: 3,
      async perform() {
        running += 1;
        most = Math.max(most, running);
        await new Promise((resolve) => setTimeout(resolve, 5));
        running -= 1;
        return result();
      },
    });
    await Promise.all(Array.from({ length: 20 }, (_, n) => queue.enqueue(request(n))));
    const left = async () => {
      const { queued, running: claimed } = await queue.counts();
      return queued + claimed;
    };
    await expect.poll(left, { timeout: 10_000 }).toBe(0);
    const studies = Array.from({ length: 20 }, (_, n) => request(n));
    const answers = await createAssessments(database).ask(studies);
    expect(answers.filter((answer) => answer.assessment !== null)).toHaveLength(20);
    expect(most).toBe(3);
    await work.stop();
  });

  it('a try that throws is a failed try, and the job dies after the last', async () => {
    let tries = 0;
    const work = startWork({
      queue,
      lanes: 1,
      async perform() {
        tries += 1;
        throw new ServiceError('WORKER_TIMEOUT');
      },
    });
    await queue.enqueue(request(100));
    await expect.poll(() => stateOf(100)).toBe('dead');
    expect(tries).toBe(2);
    await work.stop();
  });

  it('stopping aborts what is under way and gives it back untried', async () => {
    let begun: () => void = () => undefined;
    const started = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const work = startWork({
      queue,
      lanes: 1,
      perform: (_job, signal) =>
        new Promise((_resolve, reject) => {
          begun();
          signal.addEventListener('abort', () => reject(new ServiceError('WORKER_TIMEOUT')));
        }),
    });
    await queue.enqueue(request(200));
    await started;
    await work.stop();
    const [job] = await queue.claim(1);
    expect(job).toMatchObject({ id: jobIdOf(request(200)), attempt: 1 });
    if (job !== undefined) await queue.complete(job, result());
  });

  it('a job that is due later is taken when it is due', async () => {
    const work = startWork({ queue, lanes: 1, perform: async () => result() });
    const { state } = await queue.enqueue(request(300, { quietSeconds: 0.3 }));
    expect(state).toBe('waiting');
    await expect.poll(() => stateOf(300), { timeout: 10_000 }).toBe('none');
    await work.stop();
  });
});

describe('pauses between tries', () => {
  const backoff = { first: 2, longest: 60, seed: 'a' };

  it('double up to the longest, of which at least half is kept', () => {
    for (let attempt = 1; attempt <= 10; attempt += 1) {
      const full = Math.min(60, 2 ** attempt);
      const pause = pauseBefore(backoff, 'job', attempt, undefined);
      expect(pause).toBeGreaterThanOrEqual(full / 2);
      expect(pause).toBeLessThanOrEqual(full);
    }
  });

  it('are the same for the same seed, job and try, and differ between jobs', () => {
    expect(pauseBefore(backoff, 'job', 3, undefined)).toBe(pauseBefore(backoff, 'job', 3, undefined));
    const pauses = Array.from({ length: 20 }, (_, n) => pauseBefore(backoff, `job${n}`, 3, undefined));
    expect(new Set(pauses).size).toBe(20);
  });

  it('are never shorter than the Retry-After of the other server', () => {
    expect(pauseBefore(backoff, 'job', 1, 45)).toBe(45);
  });
});

describe('names of jobs and studies', () => {
  it('differ when any part of the key differs, and are the same otherwise', () => {
    const one = request(1);
    const others = [
      request(2),
      { ...one, tenant: 'other' },
      { ...one, contentDigest: 'b'.repeat(64) },
      { ...one, model: { name: 'chest', version: '1.0.1' } },
    ];
    expect(new Set([one, ...others].map(jobIdOf)).size).toBe(5);
    expect(jobIdOf(one)).toBe(jobIdOf({ ...one }));
    expect(jobIdOf(one)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('a tenant and a UID that join to the same text are two studies', () => {
    expect(studyHash('a', '12')).not.toBe(studyHash('a1', '2'));
  });
});

describe('calls that are joined', () => {
  it('wait for the round under way and get their own results', async () => {
    const rounds: (readonly number[])[] = [];
    const double = createBatcher<number, number>(async (items) => {
      rounds.push(items);
      await new Promise((resolve) => setTimeout(resolve, 100));
      return items.map((item) => item * 2);
    });
    const first = double([1]);
    await expect.poll(() => rounds.length).toBe(1);
    expect(await Promise.all([first, double([2, 3]), double([]), double([4])])).toEqual([
      [2],
      [4, 6],
      [],
      [8],
    ]);
    expect(rounds).toEqual([[1], [2, 3, 4]]);
  });

  it('of one turn of the event loop share a round', async () => {
    const rounds: (readonly number[])[] = [];
    const same = createBatcher<number, number>(async (items) => {
      rounds.push(items);
      return items;
    });
    expect(await Promise.all([same([1]), same([2])])).toEqual([[1], [2]]);
    expect(rounds).toEqual([[1, 2]]);
  });

  it('are split at the largest round, a call never', async () => {
    const rounds: (readonly number[])[] = [];
    const same = createBatcher<number, number>(async (items) => {
      rounds.push(items);
      return items;
    }, 2);
    await Promise.all([same([0]), same([1]), same([2, 3, 4]), same([5])]);
    expect(rounds).toEqual([[0, 1], [2, 3, 4], [5]]);
  });

  it('fail with their round, and the next round runs', async () => {
    let fail = true;
    const run = createBatcher<number, number>(async (items) => {
      if (fail) throw new ServiceError('STORE_UNAVAILABLE');
      return items;
    });
    await expect(run([1])).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    fail = false;
    expect(await run([2])).toEqual([2]);
  });
});

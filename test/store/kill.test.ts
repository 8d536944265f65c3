import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openDatabase } from '#store/database';
import { createQueue } from '#store/queue';
import { startWork } from '#store/work';
import { describeDatabases, openPlace, type Place, result } from '../support/store.ts';

const script = path.resolve(import.meta.dirname, '..', 'support', 'store-child.mjs');

/** After which acknowledgement, and how many milliseconds later, the process is killed. */
const moments = Array.from({ length: 30 }, (_, seed) => ({
  acknowledgement: 1 + ((seed * 13) % 37),
  delay: (seed * 29) % 23,
}));

/** Ids of jobs in the order of their acknowledgement. */
interface Life {
  /** `enqueue` came back. */
  readonly accepted: string[];
  /** `complete` came back with an assessment. */
  readonly completed: string[];
}

/** Runs a process on the store and kills it at its moment; gives what it was told until then. */
async function liveAndDie(options: object, round: number): Promise<Life> {
  const { acknowledgement, delay } = moments[round] as (typeof moments)[number];
  const child: ChildProcess = spawn(process.execPath, [script, JSON.stringify({ options, round })], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const life: Life = { accepted: [], completed: [] };
  const exit = once(child, 'exit');
  if (child.stdout === null) throw new Error('no output');
  for await (const line of createInterface({ input: child.stdout })) {
    const [word, id] = line.split(' ');
    if ((word !== 'accepted' && word !== 'completed') || id === undefined) continue;
    life[word].push(id);
    if (word === 'accepted' && life.accepted.length === acknowledgement)
      setTimeout(() => child.kill('SIGKILL'), delay);
  }
  await exit;
  return life;
}

describeDatabases('kill -9', (kind) => {
  let place: Place;
  beforeAll(async () => {
    place = await openPlace(kind);
  });
  afterAll(() => place.close());

  it('killed 30 times, no accepted job is lost and none is assessed twice', async () => {
    const options = await place.options();
    const accepted: string[] = [];
    const completed: string[] = [];
    for (let round = 0; round < moments.length; round += 1) {
      const life = await liveAndDie(options, round);
      accepted.push(...life.accepted);
      completed.push(...life.completed);
    }
    expect(accepted.length).toBeGreaterThan(moments.length);
    expect(completed.length).toBeGreaterThan(moments.length);
    const drained = completed.length;

    const database = await openDatabase(options);
    const queue = createQueue(database, { leaseSeconds: 1, maxAttempts: 1_000 });
    await queue.start();
    const work = startWork({
      queue: {
        ...queue,
        async complete(job, study) {
          const id = await queue.complete(job, study);
          if (id !== null) completed.push(job.id);
          return id;
        },
      },
      lanes: 4,
      perform: async () => result(),
    });
    await expect
      .poll(
        async () => {
          const { queued, running, waiting } = await queue.counts();
          return queued + running + waiting;
        },
        { timeout: 120_000, interval: 100 },
      )
      .toBe(0);
    await work.stop();

    // Some jobs were left for the drain, and over all lives and the drain no end of a job was acknowledged twice.
    expect(completed.length).toBeGreaterThan(drained);
    expect(completed.filter((id, at) => completed.indexOf(id) !== at)).toEqual([]);
    const jobs = await sql<{ id: string; results: number }>`
      select j.id, count(a.id)::integer as results from jobs j
      left join assessments a on a.tenant = j.tenant and a.study_hash = j.study_hash
        and a.content_digest = j.content_digest and a.model_name = j.model_name
        and a.model_version = j.model_version
      group by j.id`.execute(database.kysely);
    const results = new Map(jobs.rows.map((row) => [row.id, row.results]));
    expect(accepted.filter((id) => !results.has(id))).toEqual([]);
    // A killed process may have ended a job without hearing of it; what it heard of stands.
    expect(completed.filter((id) => !results.has(id))).toEqual([]);
    expect([...results.values()].filter((count) => count !== 1)).toEqual([]);
    expect(await queue.counts()).toEqual({
      queued: 0,
      running: 0,
      waiting: 0,
      'needs-credential': 0,
      dead: 0,
    });
    const stored = await sql<{
      assessments: number;
      hidden: number;
    }>`select (select count(*)::integer from assessments) as assessments,
      (select count(*)::integer from assessment_private) as hidden`.execute(database.kysely);
    expect(stored.rows).toEqual([{ assessments: results.size, hidden: results.size }]);
    await queue.stop();
    await database.close();
  }, 400_000);
});

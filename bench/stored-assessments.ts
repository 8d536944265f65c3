import path from 'node:path';
import { createAssessments } from '#store/assessments';
import { type Database, openDatabase } from '#store/database';
import { migrate } from '#store/migrate';
import type { Context, Group } from './context.ts';
import { atMost, measuredRow } from './row.ts';
import { filledStudy, fillStore } from './support/fill-store.ts';
import { interleaved, median, quantile, timed } from './support/numbers.ts';

const name = 'stored-assessments';
const goal = atMost(`${name}.p99`, 1.5, '×');
const few = 1000;
/** Filling takes this long at most, milliseconds; then fewer rows are measured and the row says so. */
const longestFill = 180_000;

/** The read of a hook in a large store. */
export const storedAssessments: Group = {
  name,
  about: 'p99 of a hook’s store read among a million assessments (--rows), to the same among a thousand',
  goals: [goal],
  async run(context) {
    const server = process.env['DATABASE_URL'] === undefined ? null : await context.postgres();
    const open = async (size: string): Promise<Database> => {
      const options =
        server === null || typeof server === 'string'
          ? { folder: path.join(context.folder, name, size) }
          : { url: await server.createDatabase(`fovea_bench_${size}`) };
      const database = await openDatabase(options);
      await migrate(database);
      return database;
    };
    const [small, large] = [await open('few'), await open('many')];
    try {
      await fillStore(small, few);
      const rows = await fill(context, large);
      const reads = context.count(4000);
      const read = (database: Database, count: number) => {
        const assessments = createAssessments(database);
        const viewer = { userKey: '0'.repeat(32), studyKey: '0'.repeat(32) };
        return async (round: number) => {
          // Far apart and never the same twice, so that no page is at hand because of the read before.
          const study = filledStudy((Math.imul(round + 1, 2_654_435_761) >>> 0) % count);
          return timed(async () => {
            const [answer] = await assessments.ask([{ ...study, viewer }]);
            if (answer?.assessment === null) throw new Error('a filled study was not found');
          });
        };
      };
      const warmUp = 200;
      const times = await interleaved({ few: read(small, few), many: read(large, rows) }, reads + warmUp);
      const settled = { few: times.few.slice(warmUp), many: times.many.slice(warmUp) };
      const [fewMs, manyMs] = [quantile(settled.few, 0.99), quantile(settled.many, 0.99)];
      return [
        measuredRow(goal, {
          value: manyMs / fewMs,
          n: reads,
          parts: {
            rows,
            manyP99Ms: manyMs,
            fewP99Ms: fewMs,
            manyP50Ms: median(settled.many),
            fewP50Ms: median(settled.few),
          },
          ...(rows < 1_000_000 && { note: `Measured among ${rows} assessments, not a million.` }),
        }),
      ];
    } finally {
      await small.close();
      await large.close();
    }
  },
};

/** Fills in as many as are asked for, or as many as go in the time. Gives how many. */
async function fill(context: Context, database: Database): Promise<number> {
  const probe = Math.min(context.rows, 50_000);
  const rate = probe / (await timed(() => fillStore(database, probe)));
  const rows = Math.min(context.rows, Math.max(probe, Math.floor(rate * longestFill)));
  context.say(`${name}: filling in ${rows}, about ${Math.ceil(rows / rate / 1000)} s`);
  if (rows > probe) await fillStore(database, rows);
  return rows;
}

import path from 'node:path';
import { createAssessments } from '#store/assessments';
import { type Database, type DatabaseOptions, openDatabase } from '#store/database';
import { migrate } from '#store/migrate';
import type { Context, Group } from './context.ts';
import { atMost, type Goal, measuredRow, type Row, skippedRow } from './row.ts';
import { filledStudy, fillStore } from './support/fill-store.ts';
import { interleaved, median, parted, quantile, ratios, timed } from './support/numbers.ts';

const name = 'stored-assessments';
const embedded = atMost(`${name}.embedded`, 1.5, '×');
const onServer = atMost(`${name}.postgres`, 1.5, '×');
const few = 1000;
/** Filling takes this long at most, milliseconds; then fewer rows are measured and the row says so. */
const longestFill = 240_000;

/** The read of a hook in a large store. */
export const storedAssessments: Group = {
  name,
  about:
    'p99 of a hook’s store read among a million assessments (--rows), to the same among a thousand: the one part of a hook that the size could slow, so the whole hook is slowed less',
  goals: [embedded, onServer],
  async run(context) {
    const rows: Row[] = [];
    if (context.wants(embedded))
      rows.push(
        await compare(context, embedded, (size) => ({ folder: path.join(context.folder, name, size) })),
      );
    if (context.wants(onServer)) rows.push(await compareOnServer(context));
    return rows;
  },
};

async function compareOnServer(context: Context): Promise<Row> {
  const server = await context.postgres();
  if (typeof server === 'string') return skippedRow(onServer, server);
  return compare(context, onServer, async (size) => ({
    url: await server.createDatabase(`fovea_bench_${size}`),
  }));
}

async function compare(
  context: Context,
  goal: Goal,
  place: (size: 'few' | 'many') => DatabaseOptions | Promise<DatabaseOptions>,
): Promise<Row> {
  const opened: Database[] = [];
  const open = async (size: 'few' | 'many'): Promise<Database> => {
    const database = await openDatabase(await place(size));
    opened.push(database);
    await migrate(database);
    return database;
  };
  try {
    const [small, large] = [await open('few'), await open('many')];
    await fillStore(small, few);
    const rows = await fill(context, goal, large);
    const reads = context.count(4000);
    const warmUp = 200;
    const times = await interleaved({ few: read(small, few), many: read(large, rows) }, reads + warmUp);
    const settled = { few: times.few.slice(warmUp), many: times.many.slice(warmUp) };
    const p99 = (values: readonly number[]) => quantile(values, 0.99);
    return measuredRow(goal, {
      value: p99(settled.many) / p99(settled.few),
      n: reads,
      each: ratios(parted(settled.many, 5).map(p99), parted(settled.few, 5).map(p99)),
      parts: {
        rows,
        manyP99Ms: p99(settled.many),
        fewP99Ms: p99(settled.few),
        manyP50Ms: median(settled.many),
        fewP50Ms: median(settled.few),
      },
      ...(rows < 1_000_000 && { note: `Measured among ${rows} assessments, not a million.` }),
    });
  } finally {
    for (const database of opened) await database.close();
  }
}

function read(database: Database, count: number): (round: number) => Promise<number> {
  const assessments = createAssessments(database);
  const viewer = { userKey: '0'.repeat(32), studyKey: '0'.repeat(32) };
  return (round) => {
    // Far apart and never the same twice, so that no page is at hand because of the read before.
    const study = filledStudy((Math.imul(round + 1, 2_654_435_761) >>> 0) % count);
    return timed(async () => {
      const [answer] = await assessments.ask([{ ...study, viewer }]);
      if (!answer?.assessment) throw new Error('a filled study was not found');
    });
  };
}

/** Fills in as many as are asked for, or as many as go in the time. Gives how many. */
async function fill(context: Context, goal: Goal, database: Database): Promise<number> {
  const probe = Math.min(context.rows, 50_000);
  const rate = probe / (await timed(() => fillStore(database, probe)));
  const rows = Math.min(context.rows, Math.max(probe, Math.floor(rate * longestFill)));
  context.say(`${goal.name}: filling in ${rows}, about ${Math.ceil(rows / rate / 1000)} s`);
  if (rows > probe) await fillStore(database, rows);
  return rows;
}

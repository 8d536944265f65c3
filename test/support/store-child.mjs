// A process of its own that works on the store, for the tests that kill it or take its disk away. Compiled code only.
// argv[2]: JSON { options, round, fill }. It writes one line for each thing that happened.
import { openDatabase } from '../../dist/src/store/database.js';
import { migrate } from '../../dist/src/store/migrate.js';
import { createQueue } from '../../dist/src/store/queue.js';
import { startWork } from '../../dist/src/store/work.js';

const { options, round, fill } = JSON.parse(process.argv[2]);
const say = (line) => process.stdout.write(`${line}\n`);
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const assessment = {
  status: 'abstained',
  reason: { code: 'GATE_VIEW', text: 'x'.repeat(fill ? 20_000 : 100) },
  model: null,
  image: null,
  findings: [],
  gates: [],
  timing: { total: 1 },
};

const database = await openDatabase(options);
await migrate(database);
const queue = createQueue(database, { leaseSeconds: 1, maxAttempts: 1_000 });
await queue.start();
startWork({
  queue: {
    ...queue,
    async complete(job, study) {
      const id = await queue.complete(job, study);
      if (id !== null) say(`completed ${job.id}`);
      return id;
    },
  },
  lanes: 3,
  async perform(job) {
    await pause(job.payload.milliseconds);
    return { assessment, private: null };
  },
});
say('ready');
for (let n = 0; ; n += 1) {
  const request = {
    tenant: 'hospital',
    studyInstanceUid: `2.25.${round}.${n}`,
    contentDigest: 'a'.repeat(64),
    model: { name: 'chest', version: '1.0.0' },
    // Incompressible enough that a table grows by what it says.
    payload: {
      milliseconds: (n * 7) % 20,
      ...(fill && { filler: Array.from({ length: 400 }, () => Math.random()) }),
    },
    credential: n % 3 === 0 ? 'none' : 'tenant',
  };
  try {
    const { id } = await queue.enqueue(request);
    say(`accepted ${id}`);
  } catch (error) {
    say(`refused ${error.code} ${error.retryAfter}`);
    await pause(50);
  }
  if (!fill) await pause(n % 4);
}

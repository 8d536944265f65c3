import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createAssessments } from '#store/assessments';
import { type Database, openDatabase } from '#store/database';
import { openFolder } from '#store/embedded';
import { openEmbedded } from '#store/pglite-client';
import { createQueue } from '#store/queue';
import { startWork } from '#store/work';
import { postgresInstalled } from '../support/postgres.ts';
import { findCommand, serverOrSkip } from '../support/servers.ts';
import { openPlace, type Place, request, result } from '../support/store.ts';

const script = path.resolve(import.meta.dirname, '..', 'support', 'store-child.mjs');
const prlimit = serverOrSkip('prlimit', () => findCommand('prlimit') !== null);

describe.skipIf(!prlimit.available)(`a full disk, embedded ${prlimit.reason}`, () => {
  let folder: string;
  let child: ChildProcess | null = null;
  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'fovea-full-'));
  });
  afterEach(async () => {
    if (child !== null && child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    rmSync(folder, { recursive: true, force: true });
  });

  const limit = (bytes: string) => {
    execFileSync('prlimit', ['--pid', String(child?.pid), `--fsize=${bytes}:`]);
  };
  const start = (prefix: string) => {
    const given = JSON.stringify({ options: { folder: path.join(folder, 'data') }, round: 0, fill: true });
    child = spawn('bash', ['-c', `${prefix} exec "$0" "$1" "$2"`, process.execPath, script, given], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    if (child.stdout === null) throw new Error('no output');
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    /** Reads on until a line begins so. */
    return async (beginning: string) => {
      for (;;) {
        const next = await lines.next();
        if (next.done === true) throw new Error(`ended before "${beginning}"`);
        if (next.value.startsWith(beginning)) return next.value;
      }
    };
  };

  it('a table that cannot grow is STORE_FULL with Retry-After, and work goes on when there is room', async () => {
    // The soft limit alone, so it can be raised again. 17,000 blocks of 1 KiB: over a log segment of 16 MiB.
    const until = start('ulimit -S -f 17000;');
    await until('ready');
    expect(await until('refused')).toBe('refused STORE_FULL 30');
    limit('unlimited');
    await until('accepted');
  });

  it('a write-ahead log that cannot be written ends the thread; it is STORE_FULL, and work goes on when there is room', async () => {
    const until = start('');
    await until('ready');
    limit('6000000');
    expect(await until('refused')).toBe('refused STORE_FULL 30');
    expect(await until('refused')).toBe('refused STORE_FULL 30');
    limit('unlimited');
    await until('accepted');
  });

  it('a first start without room is STORE_FULL and leaves nothing half made', async () => {
    const failed = spawn(
      'bash',
      [
        '-c',
        `ulimit -S -f 4000; exec "$0" --input-type=module -e "$1" "$2"`,
        process.execPath,
        `import { openDatabase } from ${JSON.stringify(path.resolve('dist/src/store/database.js'))};
         await openDatabase({ folder: process.argv[1] }).catch((error) => console.log(error.code));`,
        folder,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    let output = '';
    failed.stdout?.on('data', (chunk) => {
      output += String(chunk);
    });
    await once(failed, 'close');
    expect(output.trim()).toBe('STORE_FULL');
    const database = await openDatabase({ folder });
    expect((await sql<{ one: number }>`select 1 as one`.execute(database.kysely)).rows).toEqual([{ one: 1 }]);
    await database.close();
  });
});

describe('the thread of the embedded database', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'fovea-thread-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('when it dies the call under way is STORE_UNAVAILABLE and the next opens the database again, whole', async () => {
    const missed: (string | null)[] = [];
    const opened = await openFolder(folder, 'fovea_jobs', (payload) => missed.push(payload));
    const { sessions } = opened;
    const query = async (text: string) => {
      const session = await sessions.acquire();
      try {
        return await session.query(text, []);
      } finally {
        session.release(false);
      }
    };
    await query('create table kept (n integer); insert into kept values (1), (2)');
    const slow = query('select pg_sleep(5)');
    setTimeout(() => void sessions.worker.terminate(), 100);
    await expect(slow).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', retryAfter: 2 });
    // Callers are not kept waiting for an opening that takes its time, so the next one may be told to come again.
    const rows = async () => (await query('select n from kept order by n').catch(() => null))?.rows;
    await expect.poll(rows, { timeout: 30_000 }).toEqual([{ n: 1 }, { n: 2 }]);
    expect(missed).toEqual([null]);
    await opened.close();
  });

  it('a transaction never goes on in the thread that replaced its own', async () => {
    const opened = await openFolder(folder, 'fovea_jobs', () => undefined);
    const session = await opened.sessions.acquire();
    await session.query('begin', []);
    await opened.sessions.worker.terminate();
    await expect(session.query('create table half (n integer)', [])).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
    });
    session.release(true);
    const next = await vi.waitFor(() => opened.sessions.acquire(), { timeout: 30_000 });
    const { rows } = await next.query("select to_regclass('half') is null as gone", []);
    expect(rows).toEqual([{ gone: true }]);
    next.release(false);
    await opened.close();
  });

  it('a folder that is no database is STORE_UNAVAILABLE', async () => {
    await expect(
      openEmbedded({ folder: '/dev/null/none', channel: 'fovea_jobs' }, () => undefined),
    ).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });

  it('a cluster that went away is STORE_UNAVAILABLE; no empty one takes its place', async () => {
    await expect(openEmbedded({ folder, channel: 'fovea_jobs' }, () => undefined)).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
    });
    expect(readdirSync(folder)).toEqual([]);
  });

  it('an open database refuses a second opening of its folder', async () => {
    const database = await openDatabase({ folder });
    await expect(openDatabase({ folder })).rejects.toMatchObject({ code: 'DATA_FOLDER_LOCKED' });
    await database.close();
    await (await openDatabase({ folder })).close();
  });

  it('a closed database is STORE_UNAVAILABLE', async () => {
    const opened = await openFolder(folder, 'fovea_jobs', () => undefined);
    await opened.close();
    await expect(opened.sessions.acquire()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });
});

describe('the folder of the embedded database', () => {
  let folder: string;
  const cluster = () => path.join(folder, 'database');
  const marker = () => path.join(cluster(), 'PG_VERSION');
  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'fovea-folder-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const made = async () => {
    const database = await openDatabase({ folder });
    await sql`create table kept as select 1 as one`.execute(database.kysely);
    await database.close();
  };
  const kept = async () => {
    const database = await openDatabase({ folder });
    const { rows } = await sql`select one from kept`.execute(database.kysely);
    await database.close();
    return rows;
  };

  it('a marker that cannot be looked at is STORE_UNAVAILABLE, and the database is there when it can be', async () => {
    await made();
    const aside = path.join(folder, 'aside');
    renameSync(marker(), aside);
    // Leads to itself: a failure of stat that no permission of root mends.
    symlinkSync('PG_VERSION', marker());
    await expect(openDatabase({ folder })).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      detail: expect.stringContaining('permissions'),
    });
    rmSync(marker());
    renameSync(aside, marker());
    expect(await kept()).toEqual([{ one: 1 }]);
  });

  it('a folder without a marker that holds anything is refused and left as it is', async () => {
    await made();
    const content = readFileSync(marker());
    rmSync(marker());
    const before = readdirSync(cluster());
    await expect(openDatabase({ folder })).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      detail: expect.stringContaining('move it away'),
    });
    expect(readdirSync(cluster())).toEqual(before);
    writeFileSync(marker(), content);
    expect(await kept()).toEqual([{ one: 1 }]);
  });

  it('a file of its name is refused and left as it is, an empty folder is taken', async () => {
    writeFileSync(cluster(), 'precious');
    await expect(openDatabase({ folder })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(readFileSync(cluster(), 'utf8')).toBe('precious');
    rmSync(cluster());
    mkdirSync(cluster());
    await made();
    expect(await kept()).toEqual([{ one: 1 }]);
  });
});

describe.skipIf(!postgresInstalled.available)(`a lost PostgreSQL ${postgresInstalled.reason}`, () => {
  let place: Place;
  let database: Database;
  beforeAll(async () => {
    place = await openPlace('postgres');
    database = await place.open();
  });
  afterAll(() => place.close());

  it.each(['SIGINT', 'SIGQUIT'] as const)(
    'stopped by %s it is STORE_UNAVAILABLE with Retry-After; back, work and messages go on',
    async (signal) => {
      const study = signal === 'SIGINT' ? 1 : 2;
      const queue = createQueue(database);
      await queue.start();
      const work = startWork({ queue, lanes: 1, perform: async () => result() });
      const assessments = createAssessments(database);
      await assessments.ask([request(study)]);
      await place.server?.stop(signal);
      for (const call of [() => assessments.ask([request(study)]), () => queue.enqueue(request(study))])
        await expect(call()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', status: 503, retryAfter: 2 });
      await place.server?.start();
      const watch = queue.watch([(await queue.enqueue(request(study))).id]);
      await expect
        .poll(
          async () => {
            await watch.next(AbortSignal.timeout(5_000));
            return (await assessments.ask([request(study)]))[0]?.assessment?.assessment.status;
          },
          { timeout: 20_000 },
        )
        .toBe('final');
      watch.close();
      await work.stop();
      await queue.stop();
    },
  );

  it('a job whose result could not be stored for an outage is done in the end, its result stored once', async () => {
    const queue = createQueue(database, { leaseSeconds: 1 });
    await queue.start();
    let tries = 0;
    const work = startWork({
      queue,
      lanes: 1,
      async perform() {
        tries += 1;
        if (tries === 1) await place.server?.stop('SIGQUIT');
        return result();
      },
    });
    const { id } = await queue.enqueue(request(3));
    await vi.waitFor(() => expect(tries).toBe(1));
    // Longer than the lease: neither the result nor the failed try can be written.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await place.server?.start();
    const settled = async () => {
      const { rows } = await sql<{ state: string; results: number }>`
        select j.state, (select count(*)::integer from assessments a where a.study_hash = j.study_hash) as results
        from jobs j where j.id = ${id}`.execute(database.kysely);
      return rows;
    };
    await expect
      .poll(() => settled().catch(() => null), { timeout: 20_000 })
      .toEqual([{ state: 'done', results: 1 }]);
    expect(tries).toBe(2);
    await work.stop();
    await queue.stop();
  });

  it('a server that is not there is STORE_UNAVAILABLE, and closing is clean', async () => {
    const nowhere = await openDatabase({ url: 'postgres://fovea@127.0.0.1:1/none' });
    await expect(sql`select 1`.execute(nowhere.kysely)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await nowhere.close();
  });

  it('a deadlock is STORE_UNAVAILABLE with Retry-After for one of the two', async () => {
    await sql`create table pair as select n from generate_series(1, 2) n`.execute(database.kysely);
    let release: () => void = () => undefined;
    const bothHold = new Promise<void>((resolve) => {
      release = resolve;
    });
    let holding = 0;
    const crosswise = (first: number, second: number) =>
      database.kysely.transaction().execute(async (transaction) => {
        await sql`select 1 from pair where n = ${first} for update`.execute(transaction);
        holding += 1;
        if (holding === 2) release();
        await bothHold;
        await sql`select 1 from pair where n = ${second} for update`.execute(transaction);
      });
    const outcomes = await Promise.allSettled([crosswise(1, 2), crosswise(2, 1)]);
    const failed = outcomes.filter((one) => one.status === 'rejected');
    expect(failed.map((one) => one.reason)).toEqual([
      expect.objectContaining({ code: 'STORE_UNAVAILABLE', status: 503, retryAfter: 2 }),
    ]);
  });

  it('an error of a statement is not an error of the database', async () => {
    await expect(sql`select nonsense`.execute(database.kysely)).rejects.toMatchObject({ code: '42703' });
  });
});

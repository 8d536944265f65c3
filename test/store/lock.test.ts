import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createCards } from '#store/cards';
import { openDatabase } from '#store/database';
import { lockFolder } from '#store/lock';

describe('lock of the data folder', () => {
  let folder: string;
  const file = () => path.join(folder, 'fovea.lock');
  const written = () => JSON.parse(readFileSync(file(), 'utf8')) as Record<string, unknown>;
  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'fovea-lock-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('a second holder is refused, and let in after the release', async () => {
    const lock = await lockFolder(folder);
    await expect(lockFolder(folder)).rejects.toMatchObject({ code: 'DATA_FOLDER_LOCKED' });
    await lock.release();
    expect(existsSync(file())).toBe(false);
    await (await lockFolder(folder)).release();
  });

  it('of many that come at once one is let in', async () => {
    const outcomes = await Promise.allSettled(Array.from({ length: 12 }, () => lockFolder(folder)));
    const locks = outcomes.filter((one) => one.status === 'fulfilled');
    expect(locks).toHaveLength(1);
    for (const one of locks) await one.value.release();
  });

  it('of many that take over a dead process’s lock at once one is let in', async () => {
    const lock = await lockFolder(folder);
    const holder = written();
    await lock.release();
    writeFileSync(file(), JSON.stringify({ ...holder, id: 'dead', started: '1' }));
    const outcomes = await Promise.allSettled(Array.from({ length: 12 }, () => lockFolder(folder)));
    const locks = outcomes.filter((one) => one.status === 'fulfilled');
    expect(locks).toHaveLength(1);
    for (const one of locks) await one.value.release();
  });

  it('the lock of a killed process is taken over', async () => {
    const child = spawn(process.execPath, [
      '--input-type=module',
      '-e',
      `import { lockFolder } from ${JSON.stringify(path.resolve('dist/src/store/lock.js'))};
       await lockFolder(process.argv[1]);
       console.log('locked');
       setInterval(() => undefined, 1000);`,
      folder,
    ]);
    await once(child.stdout, 'data');
    await expect(lockFolder(folder)).rejects.toMatchObject({ code: 'DATA_FOLDER_LOCKED' });
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(existsSync(file())).toBe(true);
    await (await lockFolder(folder)).release();
  });

  it('a holder that was killed and that its parent never asks after is dead', async ({ skip }) => {
    if (process.platform !== 'linux') return skip('needs /proc');
    // The shell becomes a program that reaps no child.
    const parent = spawn('sh', [
      '-c',
      '"$0" --input-type=module -e "$1" "$2" & exec sleep 60',
      process.execPath,
      `import { lockFolder } from ${JSON.stringify(path.resolve('dist/src/store/lock.js'))};
       await lockFolder(process.argv[1]);
       console.log('locked');
       setInterval(() => undefined, 1000);`,
      folder,
    ]);
    try {
      await once(parent.stdout, 'data');
      const pid = Number(written()['pid']);
      process.kill(pid, 'SIGKILL');
      await expect.poll(() => readFileSync(`/proc/${pid}/stat`, 'utf8')).toMatch(/\) Z /);
      await (await lockFolder(folder)).release();
    } finally {
      parent.kill('SIGKILL');
    }
  });

  it('a holder that ends within 2 s is waited for', async () => {
    const lock = await lockFolder(folder);
    const next = lockFolder(folder);
    await new Promise((resolve) => setTimeout(resolve, 500));
    await lock.release();
    await (await next).release();
  });

  it('a process that exits without closing gives its lock back', async () => {
    const child = spawn(process.execPath, [
      '--input-type=module',
      '-e',
      `import { lockFolder } from ${JSON.stringify(path.resolve('dist/src/store/lock.js'))};
       await lockFolder(process.argv[1]);
       process.exit(0);`,
      folder,
    ]);
    await once(child, 'exit');
    expect(existsSync(file())).toBe(false);
  });

  it('a reused process id is not mistaken for the holder', async () => {
    const lock = await lockFolder(folder);
    const holder = written();
    await lock.release();
    // This very process id, but of a process that started at another time.
    writeFileSync(file(), JSON.stringify({ ...holder, id: 'other', started: '1' }));
    await (await lockFolder(folder)).release();
  });

  it('a holder of another machine or container is dead only when it is silent', async () => {
    const elsewhere = JSON.stringify({ id: 'other', pid: process.pid, started: '1', host: 'elsewhere' });
    writeFileSync(file(), elsewhere);
    const minuteAgo = new Date(Date.now() - 60_000);
    utimesSync(file(), minuteAgo, minuteAgo);
    await (await lockFolder(folder)).release();

    writeFileSync(file(), elsewhere);
    const alive = setInterval(() => utimesSync(file(), new Date(), new Date()), 500);
    try {
      await expect(lockFolder(folder)).rejects.toMatchObject({ code: 'DATA_FOLDER_LOCKED' });
    } finally {
      clearInterval(alive);
    }
  });

  it('what this program did not write is judged by its age', async () => {
    writeFileSync(file(), 'not json');
    const minuteAgo = new Date(Date.now() - 60_000);
    utimesSync(file(), minuteAgo, minuteAgo);
    await (await lockFolder(folder)).release();
  });

  /** Writes the lock file in one step, as a taker-over does. */
  const replace = (content: object) => {
    const draft = path.join(folder, 'draft');
    writeFileSync(draft, JSON.stringify(content));
    renameSync(draft, file());
  };

  it('a lock that is another’s is told to its old holder, who neither touches nor removes it', async () => {
    const lost = vi.fn();
    const lock = await lockFolder(folder, lost);
    const theirs = { ...written(), id: 'theirs' };
    replace(theirs);
    const minuteAgo = new Date(Date.now() - 60_000);
    utimesSync(file(), minuteAgo, minuteAgo);
    await expect.poll(() => lost.mock.calls.length, { timeout: 5_000 }).toBe(1);
    await expect(lock.confirm()).rejects.toMatchObject({ code: 'DATA_FOLDER_LOCKED' });
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    expect(lost).toHaveBeenCalledTimes(1);
    expect(statSync(file()).mtimeMs).toBeLessThan(Date.now() - 50_000);
    await lock.release();
    expect(written()).toEqual(theirs);
  });

  it('a lock that is gone is lost', async () => {
    const lost = vi.fn();
    const lock = await lockFolder(folder, lost);
    rmSync(file());
    await expect.poll(() => lost.mock.calls.length, { timeout: 5_000 }).toBe(1);
    expect(lost.mock.calls[0]?.[0]).toMatchObject({ code: 'DATA_FOLDER_LOCKED' });
    await lock.release();
    expect(existsSync(file())).toBe(false);
  });

  it('a lock that stays its holder’s is never lost', async () => {
    const lost = vi.fn();
    const lock = await lockFolder(folder, lost);
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    await lock.confirm();
    expect(lost).not.toHaveBeenCalled();
    expect(statSync(file()).mtimeMs).toBeGreaterThan(Date.now() - 1_500);
    await lock.release();
  });

  it('a process paused for longer than 5 s is taken over, and writes nothing when it goes on', async () => {
    const child = spawn(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `import { openDatabase } from ${JSON.stringify(path.resolve('dist/src/store/database.js'))};
         import { createCards } from ${JSON.stringify(path.resolve('dist/src/store/cards.js'))};
         import { migrate } from ${JSON.stringify(path.resolve('dist/src/store/migrate.js'))};
         import { randomUUID } from 'node:crypto';
         const database = await openDatabase({ folder: process.argv[1] });
         await migrate(database);
         const cards = createCards(database);
         const write = (service) => cards.issued([{ id: randomUUID(), tenant: 't', service, userKey: 'u',
           studyKey: 's', model: { name: 'm', version: '1' }, finding: null, hookInstance: 'h' }])
           .then(() => console.log('written'), (error) => console.log('refused ' + error.code));
         await write('before');
         process.stdin.once('data', async () => {
           for (let n = 0; n < 20; n += 1) await write('after');
           await database.close();
           console.log('closed');
           process.exit(0);
         });`,
        folder,
      ],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    );
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    expect((await lines.next()).value).toBe('written');
    // Of another container, where nobody here can see that its process lives.
    replace({ ...written(), host: 'elsewhere' });
    child.kill('SIGSTOP');
    const database = await openDatabase({ folder });
    const mine = written();
    const services = async () => {
      const { rows } = await sql<{ service: string }>`select service from cards_issued`.execute(
        database.kysely,
      );
      return rows.map((row) => row.service);
    };
    expect(await services()).toEqual(['before']);
    // What it is to do lies ready before it goes on.
    child.stdin.write('go\n');
    const ended = once(child, 'exit');
    child.kill('SIGCONT');
    const said: string[] = [];
    for (let next = await lines.next(); next.done !== true; next = await lines.next()) said.push(next.value);
    await ended;
    expect(said).toEqual([...Array.from({ length: 20 }, () => 'refused DATA_FOLDER_LOCKED'), 'closed']);
    expect(written()).toEqual(mine);
    await createCards(database).purge(new Date(0));
    expect(await services()).toEqual(['before']);
    await database.close();
    expect(existsSync(file())).toBe(false);
    const again = await openDatabase({ folder });
    const { rows } = await sql`select service from cards_issued`.execute(again.kysely);
    expect(rows).toEqual([{ service: 'before' }]);
    await again.close();
  });
});

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
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
});

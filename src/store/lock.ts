import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { link, open, readFile, rename, rm, stat, unlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ServiceError } from '#core/error';
import { storeUnavailable } from './failures.ts';
import { type Holder, lives, parseHolder, thisProcess } from './lock-holder.ts';

/** A folder that this process alone uses, until `release` or until the lock is lost. */
export interface FolderLock {
  /**
   * Resolves when the folder is still this process's: at once when that was seen a moment ago, else after a look.
   *
   * @throws ServiceError DATA_FOLDER_LOCKED when the lock was lost, STORE_UNAVAILABLE when it cannot be looked at
   */
  confirm(): Promise<void>;
  release(): Promise<void>;
}

/** The holder touches the file this often, milliseconds. */
const touchEvery = 1_000;
/** What was seen this long ago must be looked at again before anything is written, milliseconds. */
const sureFor = 3_000;
/** A holder of another host that did not touch its file for this long is dead, milliseconds. */
const silentFor = 5_000;
/** A holder that lives is waited for this long, milliseconds: a process that was just killed takes a moment to end. */
const endsWithin = 2_000;
/** How long a taker-over waits to see whether another took over at the same moment, milliseconds. */
const settle = 60;

/**
 * Takes the lock file `fovea.lock` in `folder`. A lock whose process is dead is taken over at once; a process that
 * lives is given two seconds to end, for a restart that follows a kill at once; a lock of another
 * container or machine only after it has been silent for some seconds, which are waited for. Such a holder may have
 * been paused alone (a suspended virtual machine, a stopped process): when it goes on it finds that the lock is
 * another's, tells it by `onLost`, and leaves the file alone.
 *
 * @param onLost told once, with the error that `confirm` gives from then on
 * @throws ServiceError DATA_FOLDER_LOCKED
 */
export async function lockFolder(
  folder: string,
  onLost: (failure: ServiceError) => void = () => undefined,
): Promise<FolderLock> {
  const file = path.join(folder, 'fovea.lock');
  const me = thisProcess(randomUUID());
  await take(file, me);
  let seen = Date.now();
  let lost: ServiceError | null = null;
  let looking: Promise<void> | null = null;

  const lose = () => {
    clearInterval(timer);
    process.off('exit', onExit);
    lost = new ServiceError('DATA_FOLDER_LOCKED', {
      detail: 'It was taken over while this process stood still; this process writes nothing more.',
    });
    onLost(lost);
  };
  const look = async () => {
    const begun = Date.now();
    let state = await touch(file, me.id);
    if (state === 'absent') {
      // Somebody who judged it dead may have it in hand and put it back.
      await sleep(settle);
      state = await touch(file, me.id);
    }
    if (state === 'ours') seen = begun;
    else if (lost === null) lose();
  };
  const lookOnce = () => {
    looking ??= look().finally(() => {
      looking = null;
    });
    return looking;
  };
  // A look that fails leaves the lock unsure, which `confirm` tells whoever wants to write.
  const timer = setInterval(() => void lookOnce().catch(() => undefined), touchEvery).unref();

  // A process that exits without closing still gives its lock back; one that is killed leaves it to be taken over.
  const onExit = () => {
    if (existsSync(file) && parseHolder(readFileSync(file, 'utf8'))?.id === me.id)
      rmSync(file, { force: true });
  };
  process.once('exit', onExit);

  return {
    async confirm() {
      if (lost === null && Math.abs(Date.now() - seen) > sureFor) {
        await lookOnce().catch((cause: unknown) => {
          throw storeUnavailable(cause, 'The lock of the data folder cannot be looked at.');
        });
      }
      if (lost !== null) throw lost;
    },
    async release() {
      clearInterval(timer);
      process.off('exit', onExit);
      await looking?.catch(() => undefined);
      const text = await readText(file);
      if (text !== null && parseHolder(text)?.id === me.id) await unlink(file);
    },
  };
}

async function take(file: string, me: Holder): Promise<void> {
  const begun = Date.now();
  const deadline = begun + silentFor + 2 * touchEvery;
  for (;;) {
    if (await place(file, me)) return;
    const held = await inspect(file);
    if (held === null) continue;
    if (held.verdict === 'alive') {
      if (Date.now() - begun > endsWithin) throw locked(held.holder);
      await sleep(100);
      continue;
    }
    if (held.verdict === 'unknown') {
      if (Date.now() > deadline) throw locked(held.holder);
      await sleep(250);
      continue;
    }
    if (await takeOver(file, held, me)) return;
  }
}

/**
 * Shows that the holder `id` lives, in its own file only, and looks again afterwards: who took the file over before
 * the touch is seen, and who would after it sees the touch.
 */
async function touch(file: string, id: string): Promise<'ours' | 'absent' | 'other'> {
  const whose = (text: string | null) =>
    text === null ? 'absent' : parseHolder(text)?.id === id ? 'ours' : 'other';
  try {
    const handle = await open(file);
    try {
      const before = whose(await handle.readFile('utf8'));
      if (before !== 'ours') return before;
      const now = new Date();
      await handle.utimes(now, now);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return 'absent';
    throw error;
  }
  return whose(await readText(file));
}

/** Creates the lock with its content in one step; false when there is one. */
async function place(file: string, holder: Holder): Promise<boolean> {
  const draft = `${file}.${holder.id}`;
  await writeFile(draft, JSON.stringify(holder), { mode: 0o600 });
  try {
    await link(draft, file);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw new ServiceError('FILE_UNREADABLE', { detail: 'The data folder cannot be locked.', cause: error });
  } finally {
    await rm(draft, { force: true });
  }
}

/**
 * Moves a dead process's lock away and places ours. Two may try at once: whoever finds that it moved something else
 * than the lock it judged, or one that was touched since, puts that back and loses; whoever won looks again after a
 * moment.
 */
async function takeOver(file: string, judged: Held, me: Holder): Promise<boolean> {
  const moved = `${file}.${me.id}.dead`;
  try {
    await rename(file, moved);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw new ServiceError('FILE_UNREADABLE', { detail: 'The data folder cannot be locked.', cause: error });
  }
  try {
    const { mtimeMs } = await stat(moved);
    if (mtimeMs !== judged.touched || (await readText(moved)) !== judged.text) {
      await link(moved, file).catch(() => undefined);
      return false;
    }
  } finally {
    await rm(moved, { force: true });
  }
  if (!(await place(file, me))) return false;
  await sleep(settle);
  const now = await readText(file);
  return now !== null && parseHolder(now)?.id === me.id;
}

interface Held {
  readonly text: string;
  /** When the file was last touched, milliseconds. */
  readonly touched: number;
  readonly holder: Holder | null;
  readonly verdict: 'alive' | 'dead' | 'unknown';
}

async function inspect(file: string): Promise<Held | null> {
  const text = await readText(file);
  const touched = (await stat(file).catch(() => null))?.mtimeMs;
  if (text === null || touched === undefined) return null;
  const holder = parseHolder(text);
  const alive = holder === null ? null : lives(holder);
  if (alive !== null) return { text, touched, holder, verdict: alive ? 'alive' : 'dead' };
  return { text, touched, holder, verdict: Date.now() - touched > silentFor ? 'dead' : 'unknown' };
}

function locked(holder: Holder | null): ServiceError {
  return new ServiceError('DATA_FOLDER_LOCKED', {
    ...(holder !== null && { detail: `Its process id is ${holder.pid}.` }),
  });
}

async function readText(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw new ServiceError('FILE_UNREADABLE', {
      detail: 'The lock of the data folder cannot be read.',
      cause: error,
    });
  }
}

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
}

import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync, rmSync } from 'node:fs';
import { link, readFile, rename, rm, stat, unlink, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ServiceError } from '#core/error';

/** Who holds a folder. `started` and `host` keep a reused pid, or the same pid of another container, from being mistaken. */
interface Holder {
  readonly id: string;
  readonly pid: number;
  /** Start time of the process as the system tells it; null where it does not. */
  readonly started: string | null;
  /** Boot and pid namespace in which `pid` means something. */
  readonly host: string;
}

/** A folder that this process alone uses, until `release`. */
export interface FolderLock {
  release(): Promise<void>;
}

/** The holder touches the file this often, milliseconds. */
const touchEvery = 1_000;
/** A holder of another host that did not touch its file for this long is dead, milliseconds. */
const silentFor = 5_000;
/** How long a taker-over waits to see whether another took over at the same moment, milliseconds. */
const settle = 60;

/**
 * Takes the lock file `fovea.lock` in `folder`. A lock whose process is dead is taken over at once; one of another
 * container or machine only after it has been silent for some seconds, which are waited for.
 *
 * @throws ServiceError DATA_FOLDER_LOCKED
 */
export async function lockFolder(folder: string): Promise<FolderLock> {
  const file = path.join(folder, 'fovea.lock');
  const me: Holder = {
    id: randomUUID(),
    pid: process.pid,
    started: startOf(process.pid),
    host: hostOf(),
  };
  const deadline = Date.now() + silentFor + 2 * touchEvery;
  for (;;) {
    if (await place(file, me)) break;
    const held = await inspect(file);
    if (held === null) continue;
    if (held.verdict === 'alive') throw locked(held.holder);
    if (held.verdict === 'unknown') {
      if (Date.now() > deadline) throw locked(held.holder);
      await sleep(250);
      continue;
    }
    if (await takeOver(file, held.text, me)) break;
  }

  const timer = setInterval(() => {
    const now = new Date();
    // A folder that went away takes its lock with it; the database says so.
    utimes(file, now, now).catch(() => clearInterval(timer));
  }, touchEvery).unref();

  // A process that exits without closing still gives its lock back; one that is killed leaves it to be taken over.
  const onExit = () => rmSync(file, { force: true });
  process.once('exit', onExit);

  return {
    async release() {
      clearInterval(timer);
      process.off('exit', onExit);
      const text = await readText(file);
      if (text !== null && parse(text)?.id === me.id) await unlink(file);
    },
  };
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
 * than the lock it judged puts that back and loses; whoever won looks again after a moment.
 */
async function takeOver(file: string, judged: string, me: Holder): Promise<boolean> {
  const moved = `${file}.${me.id}.dead`;
  try {
    await rename(file, moved);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw new ServiceError('FILE_UNREADABLE', { detail: 'The data folder cannot be locked.', cause: error });
  }
  try {
    if ((await readText(moved)) !== judged) {
      await link(moved, file).catch(() => undefined);
      return false;
    }
  } finally {
    await rm(moved, { force: true });
  }
  if (!(await place(file, me))) return false;
  await sleep(settle);
  const now = await readText(file);
  return now !== null && parse(now)?.id === me.id;
}

interface Held {
  readonly text: string;
  readonly holder: Holder | null;
  readonly verdict: 'alive' | 'dead' | 'unknown';
}

async function inspect(file: string): Promise<Held | null> {
  const text = await readText(file);
  if (text === null) return null;
  const holder = parse(text);
  if (holder !== null && holder.host === hostOf()) {
    const alive = isAlive(holder.pid) && startOf(holder.pid) === holder.started;
    return { text, holder, verdict: alive ? 'alive' : 'dead' };
  }
  const touched = await stat(file).catch(() => null);
  if (touched === null) return null;
  return { text, holder, verdict: Date.now() - touched.mtimeMs > silentFor ? 'dead' : 'unknown' };
}

function locked(holder: Holder | null): ServiceError {
  return new ServiceError('DATA_FOLDER_LOCKED', {
    ...(holder !== null && { detail: `Its process id is ${holder.pid}.` }),
  });
}

function parse(text: string): Holder | null {
  try {
    const value: unknown = JSON.parse(text);
    const is = (key: string) => typeof (value as Record<string, unknown>)[key];
    return value !== null && is('id') === 'string' && is('pid') === 'number' && is('host') === 'string'
      ? (value as Holder)
      : null;
  } catch {
    // Not a lock that this program wrote: judged by its age.
    return null;
  }
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

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}

/** Field 22 of /proc/PID/stat (ticks since boot), or what `ps` says where there is no /proc. */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name, in parentheses, may hold spaces and parentheses itself.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    if (process.platform === 'linux' || process.platform === 'win32') return null;
    const shown = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' });
    return shown.status === 0 ? shown.stdout.trim() : null;
  }
}

function hostOf(): string {
  const read = (get: () => string) => {
    try {
      return get().trim();
    } catch {
      return '';
    }
  };
  const boot = read(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8'));
  const namespace = read(() => readlinkSync('/proc/self/ns/pid'));
  return `${process.platform} ${boot} ${namespace}`;
}

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
}

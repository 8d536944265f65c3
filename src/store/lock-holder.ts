import { spawnSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';

/** Who holds a folder. `started` and `host` keep a reused pid, or the same pid of another container, from being mistaken. */
export interface Holder {
  readonly id: string;
  readonly pid: number;
  /** Start time of the process as the system tells it; null where it does not. */
  readonly started: string | null;
  /** Boot and pid namespace in which `pid` means something. */
  readonly host: string;
}

/** This process as the holder `id`. */
export function thisProcess(id: string): Holder {
  return { id, pid: process.pid, started: startOf(process.pid), host: hostOf() };
}

/** Whether the holder's process lives; null where this process cannot know: on another machine or in another container. */
export function lives({ pid, started, host }: Holder): boolean | null {
  return host === hostOf() ? isAlive(pid) && !isZombie(pid) && startOf(pid) === started : null;
}

/** The holder that a lock file names; null for what this program did not write. */
export function parseHolder(text: string): Holder | null {
  try {
    const value: unknown = JSON.parse(text);
    const is = (key: string) => typeof (value as Record<string, unknown>)[key];
    return value !== null && is('id') === 'string' && is('pid') === 'number' && is('host') === 'string'
      ? (value as Holder)
      : null;
  } catch {
    // Not JSON: judged by its age.
    return null;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** The fields of /proc/PID/stat from the third (the state) on. Throws where there is none. @see proc_pid_stat(5) */
function statOf(pid: number): readonly string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name, in parentheses, may hold spaces and parentheses itself.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** A process that ended and that its parent has not asked after (Z, X) takes signals for ever, and does nothing more. */
function isZombie(pid: number): boolean {
  try {
    return /^[ZXx]$/.test(statOf(pid)[0] ?? '');
  } catch {
    return false;
  }
}

/** Field 22 of /proc/PID/stat (ticks since boot), or what `ps` says where there is no /proc. */
function startOf(pid: number): string | null {
  try {
    return statOf(pid)[19] ?? null;
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

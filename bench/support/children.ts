import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';

/** A process that was started here and is ended here. */
export interface Child {
  readonly pid: number;
  /** One question over IPC; one at a time. */
  ask<Answer>(question: unknown): Promise<Answer>;
  stop(): Promise<void>;
}

/** Folder of the compiled bench, where its children lie. */
const here = path.resolve(import.meta.dirname, '..');

/**
 * Starts `children/<name>.js` with `data` as its first message and waits for its first answer.
 * A child ends by itself when this process is gone.
 */
export async function startChild<Ready>(
  name: string,
  data: unknown,
): Promise<{ readonly child: Child; readonly ready: Ready }> {
  const started = fork(path.join(here, 'children', `${name}.js`), [], {
    env: cleanEnvironment({}),
    serialization: 'advanced',
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const child: Child = {
    pid: started.pid ?? 0,
    ask: (question) => ask(started, name, question),
    stop: () => endChild(started, 'SIGTERM'),
  };
  try {
    return { child, ready: await child.ask(data) };
  } catch (error) {
    await child.stop();
    throw error;
  }
}

async function ask<Answer>(child: ChildProcess, name: string, question: unknown): Promise<Answer> {
  const ended = new AbortController();
  const answer = once(child, 'message', { signal: ended.signal }).then(([message]) => message as Answer);
  const exit = once(child, 'exit', { signal: ended.signal }).then(([code]) => {
    throw new Error(`the process ${name} of the bench ended with ${code}`);
  });
  child.send(question as object);
  try {
    return await Promise.race([answer, exit]);
  } finally {
    ended.abort();
    await Promise.allSettled([answer, exit]);
  }
}

/** Ends a process with this one, however this one ends. */
export function endWithThis(child: ChildProcess): void {
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  child.once('exit', () => process.off('exit', kill));
}

/** Ends a process in order, after 15 s by force. */
export async function endChild(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const force = setTimeout(() => child.kill('SIGKILL'), 15_000);
  child.kill(signal);
  await once(child, 'exit');
  clearTimeout(force);
}

/** The environment without settings of Fovea, so that a run measures the defaults and what it sets itself. */
export function cleanEnvironment(more: Readonly<Record<string, string>>): Record<string, string> {
  const kept = Object.entries(process.env).filter(
    ([name, value]) => value !== undefined && !/^(FOVEA_.*|DATABASE_URL|HOST|PORT|NODE_OPTIONS)$/.test(name),
  ) as [string, string][];
  return { ...Object.fromEntries(kept), ...more };
}

/** A port on loopback that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** Runs a command to its end and gives its milliseconds. Rejects when it fails. */
export async function timeCommand(command: string, args: readonly string[]): Promise<number> {
  const started = performance.now();
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let complaint = '';
  child.stderr.on('data', (chunk) => {
    complaint = (complaint + String(chunk)).slice(-2_000);
  });
  const [code] = (await once(child, 'close')) as [number | null];
  const milliseconds = performance.now() - started;
  if (code !== 0) throw new Error(`${path.basename(command)} ended with ${code}: ${complaint.trim()}`);
  return milliseconds;
}

/** Processor time that a process has used so far, all its threads, milliseconds; null off Linux. */
export function processorTime(pid: number): number | null {
  const file = `/proc/${pid}/stat`;
  if (!existsSync(file)) return null;
  const text = readFileSync(file, 'latin1');
  // The second field is the name in brackets and may hold blanks; utime and stime are the 14th and 15th, in 1/100 s.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return 10 * (Number(fields[11]) + Number(fields[12]));
}

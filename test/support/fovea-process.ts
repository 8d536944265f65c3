import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { freePort } from './servers.ts';

const root = path.resolve(import.meta.dirname, '..', '..');
export const cli = path.join(root, 'dist', 'src', 'cli', 'main.js');

/** A running `fovea` with a data folder of its own. */
export interface FoveaProcess {
  readonly base: string;
  readonly dataFolder: string;
  readonly child: ChildProcess;
  /** What it wrote so far, both streams. */
  output(): string;
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/**
 * Starts the compiled `fovea <command>` on a free loopback port and waits until `/readyz` answers 200.
 * The data folder is removed when it stops, unless one was given.
 */
export async function startFovea(
  command: 'serve' | 'sandbox',
  environment: Readonly<Record<string, string>> = {},
): Promise<FoveaProcess> {
  const port = await freePort();
  const given = environment['FOVEA_DATA'];
  const dataFolder = given ?? mkdtempSync(path.join(os.tmpdir(), 'fovea-test-'));
  const child = spawn(process.execPath, ['--enable-source-maps', cli, command], {
    cwd: root,
    env: {
      ...process.env,
      PORT: String(port),
      HOST: '127.0.0.1',
      FOVEA_DATA: dataFolder,
      FOVEA_LOG_LEVEL: 'info',
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  child.stderr.on('data', (chunk) => (output += chunk));
  const base = `http://localhost:${port}`;
  const deadline = Date.now() + 30_000;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`fovea ${command} ended with ${child.exitCode}:\n${output}`);
    const ready = await fetch(`${base}/readyz`).then(
      (answer) => answer.status === 200,
      () => false,
    );
    if (ready) break;
    if (Date.now() > deadline) {
      child.kill('SIGKILL');
      throw new Error(`fovea ${command} was not ready in 30 s:\n${output}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    base,
    dataFolder,
    child,
    output: () => output,
    async stop(signal = 'SIGTERM') {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill(signal);
        await once(child, 'exit');
      }
      if (given === undefined) rmSync(dataFolder, { recursive: true, force: true });
      return child.exitCode;
    },
  };
}

/** The result of a command that ends: exit code and what it printed. */
export async function runCli(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
  const child = spawn(process.execPath, [cli, ...args], {
    cwd: root,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => (stdout += chunk));
  child.stderr.on('data', (chunk) => (stderr += chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { findCommand, freePort, serverOrSkip } from './servers.ts';

/** Debian keeps initdb and postgres off the PATH, one folder a version. */
function binaryFolder(): string | null {
  const base = '/usr/lib/postgresql';
  let versions: string[] = [];
  try {
    versions = readdirSync(base).sort((a, b) => Number(b) - Number(a));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const folders = versions.map((version) => path.join(base, version, 'bin'));
  const found = findCommand('postgres', folders);
  return found === null ? null : path.dirname(found);
}

const binaries = binaryFolder();

/** Whether PostgreSQL is on this machine. */
export const postgresInstalled = serverOrSkip('PostgreSQL', binaries !== null);

/** A PostgreSQL server of this test alone, on loopback. */
export interface PostgresServer {
  readonly port: number;
  /** Makes an empty database and gives its URL. */
  createDatabase(name: string): Promise<string>;
  /** Ends the server: `SIGINT` orderly but at once, `SIGQUIT` as if it had crashed. */
  stop(signal?: 'SIGINT' | 'SIGQUIT'): Promise<void>;
  /** Starts it again on the same port. */
  start(): Promise<void>;
  /** Ends it and removes its folder. */
  close(): Promise<void>;
}

/** PostgreSQL refuses to run as root: then the system user `postgres` of the package runs it. */
function serverUser(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const id = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

/** initdb in a temporary folder, then {@link PostgresServer.start}. */
export async function startPostgres(): Promise<PostgresServer> {
  if (binaries === null) throw new Error('PostgreSQL is not installed');
  const user = serverUser();
  const folder = mkdtempSync(path.join(os.tmpdir(), 'fovea-postgres-'));
  if (user.uid !== undefined && user.gid !== undefined) chownSync(folder, user.uid, user.gid);
  const data = path.join(folder, 'data');
  const environment = { ...process.env, HOME: folder };
  execFileSync(
    path.join(binaries, 'initdb'),
    ['-D', data, '-A', 'trust', '-U', 'fovea', '-E', 'UTF8', '--locale=C', '--no-sync'],
    { ...user, cwd: folder, env: environment, stdio: 'pipe' },
  );
  const port = await freePort();
  const url = (name: string) => `postgres://fovea@127.0.0.1:${port}/${name}`;
  let child: ChildProcess | null = null;

  const stop = async (signal: 'SIGINT' | 'SIGQUIT' = 'SIGINT') => {
    const running = child;
    child = null;
    if (running === null || running.exitCode !== null) return;
    running.kill(signal);
    await once(running, 'exit');
  };
  const start = async () => {
    let log = '';
    const server = spawn(
      path.join(binaries, 'postgres'),
      ['-D', data, '-p', String(port), '-k', folder, '-c', 'listen_addresses=127.0.0.1'],
      { ...user, cwd: folder, env: environment, stdio: ['ignore', 'ignore', 'pipe'] },
    );
    server.stderr.on('data', (chunk) => {
      log = (log + String(chunk)).slice(-4_000);
    });
    child = server;
    const deadline = Date.now() + 30_000;
    while (!(await answers(url('postgres')))) {
      if (server.exitCode !== null || Date.now() > deadline)
        throw new Error(`PostgreSQL did not start:\n${log}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  await start();

  return {
    port,
    async createDatabase(name) {
      const client = new pg.Client({ connectionString: url('postgres') });
      await client.connect();
      await client.query(`create database ${client.escapeIdentifier(name)}`);
      await client.end();
      return url(name);
    },
    stop,
    start,
    async close() {
      await stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 1_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('select 1');
    return true;
  } catch {
    // Not yet.
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chownSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { endChild, endWithThis, freePort } from './children.ts';
import { findCommand, isExecutable } from './commands.ts';

/** A PostgreSQL server that empty databases may be made on. */
export interface PostgresServer {
  /** Makes a database and gives its URL. */
  createDatabase(name: string): Promise<string>;
  /** Removes what was made, and ends the server where it was started here. */
  close(): Promise<void>;
}

/** The server of `DATABASE_URL`, whose user must be allowed to create databases; the one that it names is left alone. */
export function givenPostgres(url: string): PostgresServer {
  const made: string[] = [];
  return {
    async createDatabase(name) {
      const own = `${name}_${process.pid}`;
      await execute(url, `create database ${pg.escapeIdentifier(own)}`);
      made.push(own);
      const target = new URL(url);
      target.pathname = `/${own}`;
      return target.href;
    },
    async close() {
      for (const name of made)
        await execute(url, `drop database if exists ${pg.escapeIdentifier(name)} with (force)`);
    },
  };
}

/** Debian keeps initdb and postgres off the PATH, one folder a version. Null where it is not installed. */
export function postgresBinaries(): string | null {
  const base = '/usr/lib/postgresql';
  let versions: string[] = [];
  try {
    versions = readdirSync(base).sort((a, b) => Number(b) - Number(a));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const folders = versions.map((version) => path.join(base, version, 'bin'));
  const own = folders.find((folder) => isExecutable(path.join(folder, 'initdb')));
  if (own !== undefined) return own;
  const onPath = findCommand('initdb');
  return onPath === null ? null : path.dirname(onPath);
}

/** A server of this run alone, on loopback, its cluster in a temporary folder of its own user. */
export async function startPostgres(binaries: string): Promise<PostgresServer> {
  const user = serverUser();
  const home = mkdtempSync(path.join(os.tmpdir(), 'fovea-bench-postgres-'));
  if (user.uid !== undefined && user.gid !== undefined) chownSync(home, user.uid, user.gid);
  const data = path.join(home, 'data');
  const options = { ...user, cwd: home, env: { ...process.env, HOME: home } };
  execFileSync(
    path.join(binaries, 'initdb'),
    ['-D', data, '-A', 'trust', '-U', 'fovea', '-E', 'UTF8', '--locale=C', '--no-sync'],
    { ...options, stdio: 'pipe' },
  );
  const port = await freePort();
  const server = spawn(
    path.join(binaries, 'postgres'),
    ['-D', data, '-p', String(port), '-k', home, '-c', 'listen_addresses=127.0.0.1'],
    { ...options, stdio: 'ignore' },
  );
  endWithThis(server);
  server.on('error', () => undefined);
  const url = (name: string) => `postgres://fovea@127.0.0.1:${port}/${name}`;
  await answering(server, url('postgres'));
  return {
    async createDatabase(name) {
      await execute(url('postgres'), `create database ${pg.escapeIdentifier(name)}`);
      return url(name);
    },
    async close() {
      await endChild(server, 'SIGINT');
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** PostgreSQL refuses to run as root: then the system user `postgres` of the package runs it. */
function serverUser(): { readonly uid?: number; readonly gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const id = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

async function answering(server: ChildProcess, url: string): Promise<void> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    try {
      return await execute(url, 'select 1');
    } catch (error) {
      if (server.exitCode !== null || server.pid === undefined || Date.now() > deadline) {
        await endChild(server, 'SIGINT');
        throw new Error('PostgreSQL did not start', { cause: error });
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function execute(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query(statement);
  } finally {
    await client.end().catch(() => undefined);
  }
}

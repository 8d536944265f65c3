import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cli } from '../support/fovea-process.ts';
import { freePort } from '../support/servers.ts';

const image = path.resolve(import.meta.dirname, '../../sandbox/data/elevated/1.dcm');

// The device on which every write fails as on a full disk; only Linux has it.
describe.skipIf(!existsSync('/dev/full'))('output that cannot be written', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'fovea-test-output-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const start = (args: readonly string[], lost: readonly ('stdout' | 'stderr')[], port = 0): ChildProcess => {
    const full = openSync('/dev/full', 'w');
    return spawn(process.execPath, [cli, ...args], {
      env: { ...process.env, PORT: String(port), FOVEA_DATA: folder, FOVEA_WORKERS: '1' },
      stdio: ['ignore', lost.includes('stdout') ? full : 'ignore', lost.includes('stderr') ? full : 'pipe'],
    });
  };

  it('ends no service: it answers, and stops in order', async () => {
    const port = await freePort();
    const child = start(['sandbox'], ['stdout', 'stderr'], port);
    const ended = once(child, 'exit');
    const discovery = async () =>
      (await fetch(`http://localhost:${port}/cds-services`).catch(() => null))?.status ?? null;
    await expect.poll(discovery, { timeout: 30_000, interval: 100 }).toBe(200);
    // Its greeting comes after it listens.
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(await discovery()).toBe(200);
    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
  });

  it('is said of results, with exit code 1 and no stack', async () => {
    const child = start(['inspect', image], ['stdout']);
    let said = '';
    child.stderr?.on('data', (chunk) => (said += chunk));
    expect(await once(child, 'close')).toEqual([1, null]);
    expect(said).toBe('fovea: standard output cannot be written: results are missing.\n');
  });

  it('leaves a failure its exit code', async () => {
    const child = start(['inspect', path.join(folder, 'nothing')], ['stderr']);
    expect(await once(child, 'close')).toEqual([1, null]);
  });
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type SandboxServer, startSandbox } from './sandbox-server.ts';

describe('the address of the chart page', () => {
  let sandbox: SandboxServer;
  const chartFolder = mkdtempSync(path.join(tmpdir(), 'fovea-test-chart-'));

  beforeAll(async () => {
    writeFileSync(path.join(chartFolder, 'index.html'), '<!doctype html><title>Chart</title>');
    sandbox = await startSandbox({ chartFolder });
  });
  afterAll(async () => {
    await sandbox.close();
    rmSync(chartFolder, { recursive: true });
  });

  it('without its slash leads to the one with it, relative to wherever a proxy serves it', async () => {
    const answer = await fetch(sandbox.base, { redirect: 'manual' });
    expect(answer.status).toBe(302);
    expect(answer.headers.get('location')).toBe('sandbox/');
    const page = await fetch(sandbox.base);
    expect([page.status, page.url]).toEqual([200, `${sandbox.base}/`]);
    expect(await page.text()).toContain('<title>Chart</title>');
  });
});

import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSmartKeys } from '#auth/smart-keys';
import { runCli } from '../support/fovea-process.ts';

describe('fovea keys make', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'fovea-test-cli-keys-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('S10 writes a file that FOVEA_SMART_KEYS takes, tells the kids and no key, and writes over nothing', async () => {
    const file = path.join(folder, 'keys.json');
    const made = await runCli(['keys', 'make', file]);
    expect(made.code).toBe(0);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const { published } = await readSmartKeys(file);
    const text = readFileSync(file, 'utf8');
    const written = JSON.parse(text) as { keys: { d: string; kid: string }[] };
    expect(published.keys.map(({ kid }) => kid)).toEqual(written.keys.map(({ kid }) => kid));
    for (const { kid, d } of written.keys) {
      expect(made.stdout).toContain(kid);
      expect(made.stdout).not.toContain(d);
    }
    const again = await runCli(['keys', 'make', file]);
    expect(again).toMatchObject({ code: 1, stdout: '' });
    expect(again.stderr).toContain('CONFIG_INVALID');
    expect(readFileSync(file, 'utf8')).toBe(text);

    // fovea doctor tells whether they would serve, without asking an EHR.
    const doctor = async (keys: string) => {
      const { stdout } = await runCli(['doctor', '--json'], {
        FOVEA_DATA: path.join(folder, 'data'),
        FOVEA_SMART_KEYS: keys,
      });
      const { findings } = JSON.parse(stdout) as {
        findings: { what: string; state: string; detail: string }[];
      };
      return findings.find(({ what }) => what === 'SMART app');
    };
    expect(await doctor(file)).toMatchObject({
      state: 'note',
      detail: 'registered at 0 EHRs, not contacted; 2 keys of its own',
    });
    expect(await doctor(path.join(folder, 'absent.json'))).toMatchObject({ state: 'problem' });
  });
});

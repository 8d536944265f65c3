import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Value } from '@sinclair/typebox/value';
import { describe, expect, it } from 'vitest';
import { atLeast, atMost, benchSchema, measuredRow, type Row, skippedRow } from '#bench/row';

const root = path.resolve(import.meta.dirname, '..', '..');

function bench(...args: string[]) {
  return spawnSync(process.execPath, [path.join(root, 'dist', 'bench', 'main.js'), ...args], {
    encoding: 'utf8',
    timeout: 110_000,
  });
}

describe('npm run bench', () => {
  it('docs/schemas/bench.json is the schema of its rows', () => {
    const written = JSON.parse(readFileSync(path.join(root, 'docs', 'schemas', 'bench.json'), 'utf8'));
    expect(written).toEqual(JSON.parse(JSON.stringify(benchSchema)));
  });

  it('--json prints rows of the schema, measured or skipped with a reason, and exits 0', () => {
    const { status, stdout, stderr } = bench(
      ...['--json', '--quick', '--rows', '2000', '--only', 'preprocessing', 'explanation', 'decode.rle'],
      ...['stored-assessments.embedded'],
    );
    expect(stderr).not.toContain('failed');
    expect(status).toBe(0);
    const rows = JSON.parse(stdout) as Row[];
    expect([...Value.Errors(benchSchema, rows)]).toEqual([]);
    expect(rows.map((row) => row.name)).toEqual([
      'preprocessing.time',
      'preprocessing.to-opencv',
      'explanation',
      'decode.rle',
      'stored-assessments.embedded',
    ]);
    for (const row of rows) {
      if (row.value === null) expect(row.skipped).toMatch(/\S/);
      else expect(row.value).toBeGreaterThan(0);
      expect(row.n > 0).toBe(row.value !== null);
    }
  });

  it('a row that does not exist is a usage error', () => {
    const { status, stdout, stderr } = bench('--only', 'speed');
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain('there is no row speed');
  });

  it('--help names every row with what it is compared with', () => {
    const { status, stdout } = bench('--help');
    expect(status).toBe(0);
    for (const name of [
      'hook-from-store.requests-to-bare',
      'hook-with-token.p99-to-bare',
      'hook-under-load.event-loop-stall',
      'cold-study.jpeg-ls',
      'preprocessing.to-opencv',
      'explanation',
      'decode.jpeg-2000',
      'stored-assessments.postgres',
      'start.postgres',
      'viewer.first-image',
      'app.evidence-readable',
    ]) {
      expect(stdout).toContain(name);
    }
  });
});

describe('one row', () => {
  it('a goal that is a lower bound holds from it on, an upper bound up to it', () => {
    const measured = (value: number) => ({ value, n: 3 });
    expect(measuredRow(atLeast('a', 0.5, '×'), measured(0.5)).holds).toBe(true);
    expect(measuredRow(atLeast('a', 0.5, '×'), measured(0.4999)).holds).toBe(false);
    expect(measuredRow(atMost('a', 3, 's'), measured(3)).holds).toBe(true);
    expect(measuredRow(atMost('a', 3, 's'), measured(3.001)).holds).toBe(false);
  });

  it('the verdict is that of the measured value, not of the rounded one', () => {
    const row = measuredRow(atMost('a', 1.5, '×'), { value: 1.50001, n: 3 });
    expect(row).toMatchObject({ value: 1.5, holds: false, goal: '≤ 1.5' });
  });

  it('a skipped row has neither value nor verdict', () => {
    expect(skippedRow(atMost('a.b', 3, 's'), 'dcmtk is not installed')).toEqual({
      name: 'a.b',
      value: null,
      unit: 's',
      goal: '≤ 3',
      holds: null,
      n: 0,
      skipped: 'dcmtk is not installed',
    });
  });
});

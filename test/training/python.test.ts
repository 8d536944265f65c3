import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { describe, expect, test } from 'vitest';

/** Python is never needed at run time or by CI: these run where FOVEA_PYTHON names an interpreter with training's packages. */
const python = process.env['FOVEA_PYTHON'];

describe.skipIf(python === undefined)(
  `training in Python${python === undefined ? ' (skipped: FOVEA_PYTHON names no interpreter with training/requirements.txt)' : ''}`,
  () => {
    const training = path.resolve(import.meta.dirname, '..', '..', 'training');

    test('its own tests pass', () => {
      const run = () => execFileSync(python!, ['-m', 'unittest'], { cwd: training, stdio: 'pipe' });
      expect(run).not.toThrow();
    }, 300_000);

    test('every step explains itself', () => {
      for (const step of [
        'audit',
        'train',
        'export',
        'calibrate',
        'evaluate',
        'package',
        'pictures',
        'all',
      ]) {
        const text = execFileSync(python!, ['-m', 'fovea_training', step, '--help'], {
          cwd: training,
          encoding: 'utf8',
        });
        expect(text).toContain('--data');
      }
    }, 120_000);
  },
);

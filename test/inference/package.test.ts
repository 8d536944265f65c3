import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ServiceError } from '#core/error';
import { loadPackage } from '#inference/package';
import { shippedPackage } from '../support/model-packages.ts';
import { b64, residual, rules } from './package-rules.ts';
import { camNetwork, smallPackage, writePackage } from './small-package.ts';

let root = '';
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'fovea-package-'));
});
afterEach(() => rmSync(root, { recursive: true }));

async function failure(folder: string): Promise<{ code: string; detail: string }> {
  try {
    await loadPackage(folder);
  } catch (error) {
    expect(error).toBeInstanceOf(ServiceError);
    const { code, detail } = error as ServiceError;
    return { code, detail: detail ?? '' };
  }
  return { code: 'accepted', detail: '' };
}

describe('a package that holds every rule', () => {
  test('is loaded with everything decoded', async () => {
    const folder = writePackage(root, smallPackage());
    const pkg = await loadPackage(folder);
    expect(pkg.manifest.name).toBe('small');
    expect(pkg.digest).toMatch(/^[0-9a-f]{64}$/);
    expect(pkg.networks['fp32']!.bytes).toEqual(camNetwork());
    expect(pkg.calibration['brightness']).toMatchObject({ n: 60, patients: 55, ruleOut: 0.2, ruleIn: 0.8 });
    expect(pkg.calibration['brightness']!.logits).toHaveLength(60);
    expect(pkg.reference.detectors.map((d) => d.kind)).toEqual(['knn-cosine', 'confidence']);
    expect(pkg.golden.cases[0]!.pixels).toHaveLength(480);
    expect(Object.keys(pkg.sourceAttributes)).toHaveLength(31);
    expect(pkg.evaluation.sets[0]!.name).toBe('val');
    expect(pkg.card).toContain('Small');
  });

  test('the shipped package is one', async ({ skip }) => {
    const folder = await shippedPackage();
    if (folder === null) return skip('no package is shipped yet');
    const pkg = await loadPackage(folder);
    expect(pkg.manifest.variants[pkg.manifest.defaultVariant]).toBeDefined();
  });
});

describe('files', () => {
  test('no manifest: there is no such model', async () => {
    expect(await failure(path.join(root, 'none', '1.0.0'))).toMatchObject({
      code: 'MODEL_NOT_FOUND',
      detail: 'manifest.json cannot be read.',
    });
  });

  test.each([
    'model.onnx',
    'calibration.json',
    'reference.json',
    'golden.json',
    'source-attributes.json',
    'evaluation.json',
    'card.md',
  ])('%s with one byte more has another digest', async (name) => {
    const folder = writePackage(root, smallPackage());
    writeFileSync(path.join(folder, name), ' ', { flag: 'a' });
    expect(await failure(folder)).toEqual({ code: 'MODEL_DIGEST_MISMATCH', detail: `${name}.` });
  });

  test('a file that is not listed, a folder, a link and a missing file are refused', async () => {
    const folder = writePackage(root, smallPackage());
    writeFileSync(path.join(folder, 'extra.so'), '');
    expect((await failure(folder)).detail).toContain('the folder holds "extra.so", which is not listed');
    unlinkSync(path.join(folder, 'extra.so'));

    renameSync(path.join(folder, 'card.md'), path.join(root, 'card.md'));
    expect((await failure(folder)).detail).toContain('card.md is missing from the folder');
    symlinkSync(path.join(root, 'card.md'), path.join(folder, 'card.md'));
    expect((await failure(folder)).detail).toContain('"card.md" is not a plain file');
    unlinkSync(path.join(folder, 'card.md'));
    mkdirSync(path.join(folder, 'card.md'));
    expect((await failure(folder)).detail).toContain('"card.md" is not a plain file');
  });

  test.skipIf(process.platform === 'win32')(
    'a manifest that is a pipe is refused, not waited for',
    async () => {
      const folder = writePackage(root, smallPackage());
      unlinkSync(path.join(folder, 'manifest.json'));
      execFileSync('mkfifo', [path.join(folder, 'manifest.json')]);
      expect(await failure(folder)).toEqual({
        code: 'MODEL_PACKAGE_INVALID',
        detail: 'manifest.json: is not a plain file',
      });
    },
  );

  test.each([
    ['manifest.json', 64 * 1024],
    ['model.onnx', 20_000_000],
    ['calibration.json', 4_000_000],
    ['reference.json', 4_000_000],
    ['golden.json', 4_000_000],
    ['source-attributes.json', 256 * 1024],
    ['evaluation.json', 1_000_000],
    ['card.md', 256 * 1024],
  ])('%s is at most %i bytes', async (name, limit) => {
    const folder = writePackage(root, smallPackage());
    writeFileSync(path.join(folder, name), Buffer.alloc(limit + 1, 32));
    expect(await failure(folder)).toEqual({
      code: 'MODEL_PACKAGE_INVALID',
      detail: `${name}: is larger than ${limit} bytes`,
    });
  });

  test('name and version are those of the folders', async () => {
    const folder = writePackage(root, smallPackage());
    const moved = path.join(root, 'small', '0.0.2');
    renameSync(folder, moved);
    expect((await failure(moved)).detail).toContain('must be those of the folders');
  });

  test('what is not JSON in UTF-8 is refused', async () => {
    const folder = writePackage(root, smallPackage());
    writeFileSync(path.join(folder, 'manifest.json'), '{');
    expect((await failure(folder)).detail).toBe('manifest.json: not JSON in UTF-8');
    writeFileSync(path.join(folder, 'manifest.json'), Uint8Array.from([0x22, 0xff, 0x22]));
    expect((await failure(folder)).detail).toBe('manifest.json: not JSON in UTF-8');
  });
});

describe('a package that breaks one rule is refused with that rule', () => {
  test.each(rules)('%s', async (rule, broken) => {
    const parts = smallPackage();
    broken(parts);
    const { code, detail } = await failure(writePackage(root, parts));
    expect(detail).toContain(rule);
    expect(code).toBe('MODEL_PACKAGE_INVALID');
  });

  test('all detectors that fit are accepted', async () => {
    const parts = smallPackage();
    const one = b64(new Float32Array(1));
    parts.reference.detectors.push(residual({}), {
      ...residual({}),
      kind: 'mahalanobis',
      classes: [{ name: 'a', centreF32: one }],
      precisionF32: one,
    });
    expect(await failure(writePackage(root, parts))).toEqual({ code: 'accepted', detail: '' });
  });

  test('a stretch may be null and a version a pre-release', async () => {
    const parts = smallPackage();
    parts.manifest.input.intensity.stretch = null;
    parts.manifest.version = '0.0.1-rc.1';
    const folder = writePackage(root, parts);
    const moved = path.join(root, 'small', '0.0.1-rc.1');
    renameSync(folder, moved);
    expect((await failure(moved)).code).toBe('accepted');
  });
});

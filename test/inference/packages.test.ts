import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { compareVersions, findPackage, listPackages } from '#inference/packages';

const root = mkdtempSync(path.join(tmpdir(), 'fovea-packages-'));
afterAll(() => rmSync(root, { recursive: true }));

const shipped = path.join(root, 'shipped');
const site = path.join(root, 'site');
for (const folder of ['a/1.0.0', 'a/1.10.0', 'a/1.9.0', 'a/.hidden', 'b/0.1.0'])
  mkdirSync(path.join(shipped, folder), { recursive: true });
for (const folder of ['a/1.0.0', 'a/2.0.0-rc.1', 'c/1.0.0'])
  mkdirSync(path.join(site, folder), { recursive: true });
writeFileSync(path.join(shipped, 'a', 'README.md'), 'not a folder');

describe('package folders', () => {
  test('all roots by name, newest first; what ships wins over the site’s same version', async () => {
    const found = await listPackages([shipped, site]);
    expect(found.map((p) => `${p.name}@${p.version}`)).toEqual([
      'a@2.0.0-rc.1',
      'a@1.10.0',
      'a@1.9.0',
      'a@1.0.0',
      'b@0.1.0',
      'c@1.0.0',
    ]);
    expect(found.find((p) => p.version === '1.0.0' && p.name === 'a')!.folder).toBe(
      path.join(shipped, 'a', '1.0.0'),
    );
  });

  test('a root that is not there holds nothing; a root that is a file is an error', async () => {
    expect(await listPackages([path.join(root, 'nowhere')])).toEqual([]);
    await expect(listPackages([path.join(shipped, 'a', 'README.md')])).rejects.toMatchObject({
      code: 'FILE_UNREADABLE',
    });
  });

  test('a package is named with or without its version; without, the newest', async () => {
    const found = await listPackages([shipped]);
    expect(findPackage(found, 'a').version).toBe('1.10.0');
    expect(findPackage(found, 'a@1.9.0').version).toBe('1.9.0');
    expect(() => findPackage(found, 'a@3.0.0')).toThrowError(
      expect.objectContaining({
        code: 'MODEL_NOT_FOUND',
        detail: 'Asked for: a@3.0.0. Installed: a@1.10.0, a@1.9.0, a@1.0.0, b@0.1.0.',
      }),
    );
    expect(() => findPackage([], 'z')).toThrowError(
      expect.objectContaining({ code: 'MODEL_NOT_FOUND', detail: 'Asked for: z. Installed: none.' }),
    );
  });

  test('versions are ordered as semver §11 orders them', () => {
    const ascending = [
      '1.0.0-alpha',
      '1.0.0-alpha.1',
      '1.0.0-alpha.beta',
      '1.0.0-beta',
      '1.0.0-beta.2',
      '1.0.0-beta.11',
      '1.0.0-rc.1',
      '1.0.0',
      '1.0.1',
      '1.2.0',
      '1.10.0',
      '2.0.0',
    ];
    ascending.forEach((a, i) => {
      ascending.forEach((b, j) => {
        expect(Math.sign(compareVersions(a, b))).toBe(Math.sign(i - j));
      });
    });
  });
});

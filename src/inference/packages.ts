import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { ServiceError } from '#core/error';

/** Where a package lies. */
export interface PackageFolder {
  readonly name: string;
  readonly version: string;
  readonly folder: string;
}

/**
 * Every `<name>/<version>` folder of several roots (what ships, then what the site adds), by name, newest version
 * first. A root that does not exist holds nothing. When two roots hold the same name and version, the first wins:
 * a site cannot replace what ships under the same version.
 * @throws FILE_UNREADABLE when a root exists and cannot be listed
 */
export async function listPackages(roots: readonly string[]): Promise<readonly PackageFolder[]> {
  const found = new Map<string, PackageFolder>();
  for (const root of roots) {
    for (const name of await foldersOf(root)) {
      for (const version of await foldersOf(path.join(root, name))) {
        const key = `${name}@${version}`;
        if (!found.has(key)) found.set(key, { name, version, folder: path.join(root, name, version) });
      }
    }
  }
  return [...found.values()].sort(
    (a, b) => a.name.localeCompare(b.name, 'en') || -compareVersions(a.version, b.version),
  );
}

/**
 * The package `name` or `name@version`; without a version the newest.
 * @throws MODEL_NOT_FOUND, naming what was asked for and what there is
 */
export function findPackage(packages: readonly PackageFolder[], wanted: string): PackageFolder {
  const [name, version] = wanted.split('@');
  const match = packages.find((p) => p.name === name && (version === undefined || p.version === version));
  if (match === undefined) {
    const installed = packages.map((p) => `${p.name}@${p.version}`).join(', ') || 'none';
    throw new ServiceError('MODEL_NOT_FOUND', { detail: `Asked for: ${wanted}. Installed: ${installed}.` });
  }
  return match;
}

/** Order of semantic versions: negative when `a` is older. @see https://semver.org §11 */
export function compareVersions(a: string, b: string): number {
  const [coreA = '', ...preA] = a.split('-');
  const [coreB = '', ...preB] = b.split('-');
  return (
    compareIdentifiers(coreA.split('.'), coreB.split('.')) ||
    // A pre-release is older than its release.
    Number(preA.length === 0) - Number(preB.length === 0) ||
    compareIdentifiers(preA.join('-').split('.'), preB.join('-').split('.'))
  );
}

function compareIdentifiers(a: readonly string[], b: readonly string[]): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const x = a[i];
    const y = b[i];
    if (x === undefined || y === undefined) return x === y ? 0 : x === undefined ? -1 : 1;
    const numeric = [x, y].map((id) => /^\d+$/.test(id));
    if (numeric[0] && numeric[1]) {
      if (Number(x) !== Number(y)) return Number(x) - Number(y);
    } else if (numeric[0] !== numeric[1]) {
      return numeric[0] ? -1 : 1;
    } else if (x !== y) {
      return x < y ? -1 : 1;
    }
  }
  return 0;
}

async function foldersOf(root: string): Promise<string[]> {
  let entries: Dirent[];
  try {
    entries = await readdir(root, { withFileTypes: true });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new ServiceError('FILE_UNREADABLE', { cause });
  }
  return entries.filter((e) => e.isDirectory() && !e.name.startsWith('.')).map((e) => e.name);
}

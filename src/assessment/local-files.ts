import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { ServiceError } from '#core/error';

/**
 * The files below paths, in order, folders walked. Hidden files are left out unless named themselves.
 *
 * @throws ServiceError FILE_UNREADABLE when a path is not there or a folder cannot be listed
 */
export async function listFiles(paths: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const one of paths) {
    const kind = await stat(one).catch((cause) => {
      throw new ServiceError('FILE_UNREADABLE', { detail: one, cause });
    });
    if (!kind.isDirectory()) {
      found.push(one);
      continue;
    }
    const entries = await readdir(one, { recursive: true, withFileTypes: true }).catch((cause) => {
      throw new ServiceError('FILE_UNREADABLE', { detail: one, cause });
    });
    const files = entries
      .filter((entry) => entry.isFile() && !entry.name.startsWith('.') && entry.name !== 'DICOMDIR')
      .map((entry) => path.join(entry.parentPath, entry.name));
    found.push(...files.sort((a, b) => a.localeCompare(b, 'en', { numeric: true })));
  }
  return found;
}

/** @throws ServiceError FILE_UNREADABLE */
export async function readBytes(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw new ServiceError('FILE_UNREADABLE', { cause });
  }
}

/** Runs `work` on every item, `width` at a time, and gives the results in the order of the items. */
export async function inParallel<Item, Result>(
  items: readonly Item[],
  width: number,
  work: (item: Item, index: number) => Promise<Result>,
): Promise<Result[]> {
  const results = new Array<Result>(items.length);
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let index = next++; index < items.length; index = next++) {
      results[index] = await work(items[index] as Item, index);
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, Math.min(width, items.length)) }, lane));
  return results;
}

import { constants, type Dirent } from 'node:fs';
import { open, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { ServiceError } from '#core/error';
import { defaultLimits } from '#dicom/limits';

/** Largest file that is read, bytes: what a data set may take in memory. */
const mostBytes = defaultLimits.inflatedBytes;

/**
 * The files below paths, in order, folders walked. Hidden files are left out unless named themselves. A folder below
 * that cannot be listed stands in the list itself, so that {@link readBytes} says why; the others are walked.
 *
 * @throws ServiceError FILE_UNREADABLE when a path is not there or a folder that is named itself cannot be listed
 */
export async function listFiles(paths: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const one of paths) {
    try {
      if ((await stat(one)).isDirectory()) found.push(...(await walk(one)));
      else found.push(one);
    } catch (cause) {
      throw new ServiceError('FILE_UNREADABLE', { detail: one, cause });
    }
  }
  return found;
}

/** @throws what the file system says when `folder` itself, the first, cannot be listed */
async function walk(folder: string): Promise<string[]> {
  const files: string[] = [];
  const folders = [folder];
  for (let next = folders.pop(); next !== undefined; next = folders.pop()) {
    let entries: Dirent[];
    try {
      entries = await readdir(next, { withFileTypes: true });
    } catch (cause) {
      if (next === folder) throw cause;
      files.push(next);
      continue;
    }
    for (const entry of entries) {
      const file = path.join(next, entry.name);
      if (entry.isDirectory()) folders.push(file);
      else if (entry.isFile() && !entry.name.startsWith('.') && entry.name !== 'DICOMDIR') files.push(file);
    }
  }
  return files.sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
}

/**
 * A whole plain file. A pipe is not waited for and a device is not read.
 *
 * @throws ServiceError FILE_UNREADABLE, DICOM_TOO_LARGE
 */
export async function readBytes(file: string): Promise<Uint8Array> {
  try {
    // Without the flag, a pipe that nobody writes to is never opened. Windows has neither.
    const handle = await open(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    try {
      const kind = await handle.stat();
      if (!kind.isFile()) throw new ServiceError('FILE_UNREADABLE', { detail: 'It is not a plain file.' });
      if (kind.size > mostBytes) {
        throw new ServiceError('DICOM_TOO_LARGE', {
          detail: `The file is larger than ${mostBytes / 2 ** 20} MiB.`,
        });
      }
      return await handle.readFile();
    } finally {
      await handle.close();
    }
  } catch (cause) {
    throw cause instanceof ServiceError ? cause : new ServiceError('FILE_UNREADABLE', { cause });
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

import { accessSync, constants } from 'node:fs';
import path from 'node:path';

/** Where Debian's packages put what is not on everybody's PATH. */
const systemFolders = ['/usr/sbin', '/usr/local/sbin', '/sbin'];

/** Absolute path of a command on PATH or in the system folders; null where there is none. */
export function findCommand(name: string): string | null {
  const searched = [...(process.env['PATH'] ?? '').split(path.delimiter), ...systemFolders];
  return searched.map((folder) => path.join(folder, name)).find(isExecutable) ?? null;
}

export function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch (error) {
    if (error instanceof Error) return false;
    throw error;
  }
}

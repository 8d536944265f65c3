import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ServiceError } from '#core/error';

/**
 * The key under which users and studies are pseudonymised. `made` allows one to be made (0600) where there is none:
 * with one process on one data folder; several processes must share a key that somebody gave them.
 *
 * @returns 32 bytes or more
 * @throws ServiceError CONFIG_INVALID, STORE_FULL
 */
export function readPseudonymKey(file: string, { made }: { readonly made: boolean }): Uint8Array {
  try {
    return checked(readFileSync(file));
  } catch (cause) {
    if (cause instanceof ServiceError) throw cause;
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT' || !made) {
      throw new ServiceError('CONFIG_INVALID', { detail: 'FOVEA_PSEUDONYM_KEY_FILE cannot be read.', cause });
    }
  }
  const key = randomBytes(32);
  try {
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(file, key, { mode: 0o600, flag: 'wx' });
    return key;
  } catch (cause) {
    // Another process made it in between.
    const code = (cause as NodeJS.ErrnoException).code ?? '';
    if (code === 'EEXIST' && existsSync(file)) return checked(readFileSync(file));
    if (['ENOSPC', 'EDQUOT'].includes(code)) throw new ServiceError('STORE_FULL', { cause });
    throw new ServiceError('CONFIG_INVALID', {
      detail: 'FOVEA_PSEUDONYM_KEY_FILE cannot be written.',
      cause,
    });
  }
}

function checked(key: Uint8Array): Uint8Array {
  if (key.length < 32)
    throw new ServiceError('CONFIG_INVALID', {
      detail: 'FOVEA_PSEUDONYM_KEY_FILE must hold 32 bytes or more.',
    });
  return key;
}

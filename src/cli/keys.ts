import { writeSmartKeys } from '#auth/smart-keys';
import { exitCodes, print } from './terminal.ts';

/** `fovea keys make FILE`: the file holds private keys and is readable by its owner alone. */
export async function make(file: string): Promise<number> {
  const made = await writeSmartKeys(file);
  print(`Written. Set FOVEA_SMART_KEYS to this file. Keys: ${made.join(', ')}`);
  return exitCodes.fine;
}

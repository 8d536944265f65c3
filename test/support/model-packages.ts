import { existsSync } from 'node:fs';
import path from 'node:path';
import { listPackages } from '#inference/packages';

/** The folder in which packages ship. */
export const modelsFolder = path.resolve(import.meta.dirname, '..', '..', 'models');

/**
 * The folder of the newest shipped version of a package, or null when none is there with its last file, the card.
 * Tests do not name versions: whatever is shipped is what they hold.
 */
export async function shippedPackage(name = 'chest-xray-pneumonia-paediatric'): Promise<string | null> {
  const found = (await listPackages([modelsFolder])).filter((p) => p.name === name);
  return found.find((p) => existsSync(path.join(p.folder, 'card.md')))?.folder ?? null;
}

import { existsSync } from 'node:fs';
import path from 'node:path';

/**
 * The folder of public test data (images, labels, real DICOM files), or null where it is missing.
 * `FOVEA_SHARED` names it; by default it lies beside the checkout. Nothing of it is part of this repository.
 */
export function sharedData(...parts: string[]): string | null {
  return shared('data', ...parts);
}

/** The published lists of requirements, beside the test data; null where they are missing. */
export function sharedConformance(...parts: string[]): string | null {
  return shared('conformance', ...parts);
}

function shared(...parts: string[]): string | null {
  const root = process.env['FOVEA_SHARED'] ?? path.resolve(import.meta.dirname, '..', '..', '..', 'shared');
  const found = path.join(root, ...parts);
  return existsSync(found) ? found : null;
}

/** Why a test that needs the public data is skipped. */
export const sharedDataMissing = 'the public test data are not beside the checkout (set FOVEA_SHARED)';

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { migrations } from './migrate.ts';

/**
 * The folder in dist where the build leaves an empty, migrated cluster that a first start copies. Its name holds the
 * version of PGlite and a digest of the migrations: a cluster of another version, or an older schema, is never copied.
 */
export function templateFolder(): string {
  const here = fileURLToPath(import.meta.url);
  const dist = new URL(here.endsWith('.js') ? '../../' : '../../dist/', import.meta.url);
  const main = createRequire(import.meta.url).resolve('@electric-sql/pglite');
  const manifest = path.join(path.dirname(main), '..', 'package.json');
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
  const digest = createHash('sha256').update(JSON.stringify(migrations)).digest('hex').slice(0, 12);
  return fileURLToPath(new URL(`database-template/${version}-${digest}`, dist));
}

import path from 'node:path';
import { type Catalogue, idOf, loadCatalogue } from '#assessment/catalogue';
import { createPool, type Pool } from '#assessment/pool';
import { type Config, packageRoots } from '#config';
import { chosenProviders } from '#inference/providers';
import { readConfiguration } from './configuration.ts';

/** What the commands that work without a server share: configuration, packages and worker threads. */
export interface Workbench {
  readonly config: Config;
  readonly catalogue: Catalogue;
  /** Threads; started when first asked for. */
  pool(): Pool;
  close(): Promise<void>;
}

/** @throws ServiceError CONFIG_INVALID */
export async function openWorkbench(): Promise<Workbench> {
  const config = readConfiguration();
  const catalogue = await loadCatalogue(packageRoots(config));
  let pool: Pool | null = null;
  return {
    config,
    catalogue,
    pool() {
      pool ??= createPool({
        folders: Object.fromEntries(catalogue.packages.map((pkg) => [idOf(pkg), pkg.folder])),
        providers: chosenProviders(config.providers),
        size: Math.max(1, config.workers),
        timeoutMs: config.jobTimeoutMs,
      });
      return pool;
    },
    close: async () => pool?.close(),
  };
}

/** A path as people read it: relative to where they are, when it is below. */
export function shownPath(file: string): string {
  const relative = path.relative(process.cwd(), file);
  return relative.startsWith('..') ? file : relative;
}

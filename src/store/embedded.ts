import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { cp, mkdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { ServiceError } from '#core/error';
import { storeFailure } from './failures.ts';
import { lockFolder } from './lock.ts';
import { type Embedded, openEmbedded } from './pglite-client.ts';
import { templateFolder } from './template.ts';

/** Where PGlite keeps its cluster, below the data folder. */
const clusterName = 'database';

/**
 * Locks `folder`, makes the cluster in `folder/database` when there is none, and opens it.
 *
 * @throws ServiceError DATA_FOLDER_LOCKED, STORE_FULL, STORE_UNAVAILABLE
 */
export async function openFolder(
  folder: string,
  channel: string,
  onMessage: (payload: string | null) => void,
): Promise<{ readonly sessions: Embedded; close(): Promise<void> }> {
  await coded(mkdir(folder, { recursive: true, mode: 0o700 }));
  const lock = await lockFolder(folder);
  try {
    const cluster = path.join(folder, clusterName);
    if (!(await exists(path.join(cluster, 'PG_VERSION')))) await coded(makeCluster(cluster));
    const sessions = await openEmbedded({ folder: cluster, channel }, onMessage);
    return {
      sessions,
      async close() {
        await sessions.close();
        await lock.release();
      },
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/**
 * Copies the template of the build, or runs initdb where there is none, which takes seconds. The folder gets its name
 * when it is whole, so a start that was killed leaves nothing half made.
 */
async function makeCluster(cluster: string): Promise<void> {
  const draft = `${cluster}.${randomUUID()}`;
  try {
    const template = templateFolder();
    if (await exists(path.join(template, 'PG_VERSION')))
      await cp(template, draft, { recursive: true, mode: constants.COPYFILE_FICLONE });
    else await initialise(draft);
    await rm(cluster, { recursive: true, force: true });
    await rename(draft, cluster);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** Makes an empty cluster in `folder`, closed: initdb. */
async function initialise(folder: string): Promise<void> {
  // Loaded only here: the service itself uses PGlite in its thread alone.
  const { PGlite } = await import('@electric-sql/pglite');
  const database = await PGlite.create({ dataDir: folder });
  await database.close();
}

async function exists(file: string): Promise<boolean> {
  return (await stat(file).catch(() => null)) !== null;
}

async function coded<Result>(work: Promise<Result>): Promise<Result> {
  try {
    return await work;
  } catch (error) {
    const failure = storeFailure(error);
    if (failure instanceof ServiceError) throw failure;
    throw new ServiceError('STORE_UNAVAILABLE', {
      detail: 'The data folder cannot be prepared.',
      cause: error,
    });
  }
}

import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { cp, mkdir, readdir, rename, rm, rmdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { ServiceError } from '#core/error';
import { storeFailure, storeUnavailable } from './failures.ts';
import { lockFolder } from './lock.ts';
import { type Embedded, openEmbedded } from './pglite-client.ts';
import { templateFolder } from './template.ts';

/** Where PGlite keeps its cluster, below the data folder. */
const clusterName = 'database';
/** A folder with this file is a cluster. */
const markerName = 'PG_VERSION';

/**
 * Locks `folder`, makes the cluster in `folder/database` when there is none, and opens it. What stands there and is no
 * cluster is refused: it is never removed.
 *
 * @throws ServiceError DATA_FOLDER_LOCKED, STORE_FULL, STORE_UNAVAILABLE
 */
export async function openFolder(
  folder: string,
  channel: string,
  onMessage: (payload: string | null) => void,
): Promise<{ readonly sessions: Embedded; close(): Promise<void> }> {
  await coded(mkdir(folder, { recursive: true, mode: 0o700 }));
  let sessions: Embedded | null = null;
  const lock = await lockFolder(folder, (failure) => sessions?.abandon(failure));
  try {
    const cluster = path.join(folder, clusterName);
    if (!(await coded(isCluster(cluster)))) await coded(makeCluster(cluster));
    const opened = await openEmbedded({ folder: cluster, channel }, onMessage, lock.confirm);
    sessions = opened;
    // It may have been lost in between.
    await lock.confirm().catch((failure: ServiceError) => {
      opened.abandon(failure);
      throw failure;
    });
    return {
      sessions: opened,
      async close() {
        await opened.close();
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
 * when it is whole, so a start that was killed leaves nothing half made. Nothing that stands there is removed.
 */
async function makeCluster(cluster: string): Promise<void> {
  await clear(cluster);
  const draft = `${cluster}.${randomUUID()}`;
  try {
    const template = templateFolder();
    if (await isCluster(template))
      await cp(template, draft, { recursive: true, mode: constants.COPYFILE_FICLONE });
    else await initialise(draft);
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

/**
 * Whether there is a cluster in `folder`, without making or changing anything.
 *
 * @throws ServiceError STORE_UNAVAILABLE when it cannot be told, or when something else stands in its place
 */
export async function hasCluster(folder: string): Promise<boolean> {
  const cluster = path.join(folder, clusterName);
  if (await coded(isCluster(cluster))) return true;
  const found = await readdir(cluster).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw noCluster(cluster, error);
  });
  if (found.length > 0) throw noCluster(cluster);
  return false;
}

/** Makes room for a new cluster: an empty folder goes, one that holds anything may be somebody's only copy. */
async function clear(cluster: string): Promise<void> {
  try {
    await rmdir(cluster);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return;
    if (['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(code ?? '')) throw noCluster(cluster, error);
    throw error;
  }
}

function noCluster(cluster: string, cause?: unknown): ServiceError {
  return storeUnavailable(
    cause,
    `"${path.basename(path.dirname(cluster))}/${clusterName}" in the data folder holds files but is no database. Put its backup there, or move it away to begin with an empty database.`,
  );
}

/** Only a marker that is not there says that there is no cluster; one that cannot be looked at is a failure. */
async function isCluster(folder: string): Promise<boolean> {
  try {
    await stat(path.join(folder, markerName));
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // ENOTDIR: something else has the name, which is refused where a cluster is made.
    if (code === 'ENOENT' || code === 'ENOTDIR') return false;
    throw error;
  }
}

async function coded<Result>(work: Promise<Result>): Promise<Result> {
  try {
    return await work;
  } catch (error) {
    const failure = storeFailure(error);
    if (failure instanceof ServiceError) throw failure;
    throw storeUnavailable(
      error,
      'The data folder cannot be read or written. Check its permissions and its disk; nothing in it was removed.',
    );
  }
}

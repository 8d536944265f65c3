import { accessSync, constants } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';

/** Whether a server that tests need is on this machine. `reason` names it where it is not. */
export interface ServerAvailability {
  readonly available: boolean;
  readonly reason: string;
}

/**
 * The rule for tests that need a server which `npm ci` does not bring: without it they are skipped and say so by
 * name, and with `FOVEA_REQUIRE_SERVERS=1` (as in CI) they fail instead.
 *
 *     const orthanc = serverOrSkip('Orthanc', () => findCommand('Orthanc') !== null);
 *     describe.skipIf(!orthanc.available)(`WADO-RS ${orthanc.reason}`, …)
 */
export function serverOrSkip(name: string, isInstalled: boolean | (() => boolean)): ServerAvailability {
  const available = typeof isInstalled === 'function' ? isInstalled() : isInstalled;
  if (available) return { available, reason: '' };
  const reason = `${name} is not installed`;
  if (process.env['FOVEA_REQUIRE_SERVERS'] === '1') {
    throw new Error(`${reason}, and FOVEA_REQUIRE_SERVERS=1 asks for it`);
  }
  return { available, reason: `(skipped: ${reason})` };
}

/** Where Debian's packages put what is not on everybody's PATH. */
const systemFolders = ['/usr/sbin', '/usr/local/sbin', '/sbin'];

/** Absolute path of a command on PATH, in the system folders or in `folders`; null where there is none. */
export function findCommand(name: string, folders: readonly string[] = []): string | null {
  const searched = [...(process.env['PATH'] ?? '').split(path.delimiter), ...systemFolders, ...folders];
  for (const folder of searched.filter((entry) => entry !== '')) {
    const file = path.join(folder, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch (error) {
      if (!(error instanceof Error)) throw error;
    }
  }
  return null;
}

/** A port on 127.0.0.1 that was free a moment ago. */
export async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve, reject) => {
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', resolve);
  });
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return address.port;
}

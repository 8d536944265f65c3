import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findCommand, freePort, type ServerAvailability, serverOrSkip } from './servers.ts';

/** Where Debian's package orthanc-dicomweb puts the plugin. */
const plugin = '/usr/share/orthanc/plugins/libOrthancDicomWeb.so';

/** Orthanc with DICOMweb, Debian packages `orthanc` and `orthanc-dicomweb`. */
export function orthancAvailability(): ServerAvailability {
  return serverOrSkip('Orthanc with DICOMweb', () => findCommand('Orthanc') !== null && existsSync(plugin));
}

export interface Orthanc {
  /** DICOMweb root, `http://127.0.0.1:<port>/dicom-web`. */
  readonly dicomweb: string;
  /** STOW-RS of DICOM files. */
  readonly store: (files: readonly Uint8Array[]) => Promise<void>;
  /** Ends the process and removes its folder. */
  readonly stop: () => Promise<void>;
}

/** Orthanc has no setting for the address that it listens on: this makes every wildcard bind a loopback one. */
const loopbackShim = `#define _GNU_SOURCE
#include <dlfcn.h>
#include <netinet/in.h>
#include <sys/socket.h>
int bind(int fd, const struct sockaddr *address, socklen_t size) {
  int (*next)(int, const struct sockaddr *, socklen_t) = dlsym(RTLD_NEXT, "bind");
  struct sockaddr_in copy;
  if (address->sa_family == AF_INET && size >= sizeof copy) {
    copy = *(const struct sockaddr_in *)address;
    if (copy.sin_addr.s_addr == htonl(INADDR_ANY)) copy.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return next(fd, (struct sockaddr *)&copy, size);
  }
  return next(fd, address, size);
}
`;

/** The shim's path, or null where there is no compiler; Orthanc then still refuses peers that are not loopback. */
function buildShim(folder: string): string | null {
  const compiler = findCommand('cc');
  if (compiler === null) return null;
  const [source, library] = [path.join(folder, 'loopback.c'), path.join(folder, 'loopback.so')];
  writeFileSync(source, loopbackShim);
  execFileSync(compiler, ['-shared', '-fPIC', '-O1', '-o', library, source, '-ldl']);
  return library;
}

/**
 * Starts Orthanc on free loopback ports with a folder of its own and waits until it answers.
 * @param settings merged over Orthanc's configuration, e.g. `{ RegisteredUsers: … }`
 */
export async function startOrthanc(settings: Readonly<Record<string, unknown>> = {}): Promise<Orthanc> {
  const command = findCommand('Orthanc');
  if (command === null) throw new Error('Orthanc is not installed');
  const folder = mkdtempSync(path.join(tmpdir(), 'fovea-orthanc-'));
  const [port, dicomPort] = [await freePort(), await freePort()];
  const configuration = {
    Name: 'fovea-test',
    StorageDirectory: path.join(folder, 'storage'),
    IndexDirectory: path.join(folder, 'index'),
    Plugins: [plugin],
    HttpPort: port,
    DicomPort: dicomPort,
    RemoteAccessAllowed: false,
    AuthenticationEnabled: false,
    UnknownSopClassAccepted: true,
    DicomWeb: { Enable: true, Root: '/dicom-web/', StudiesMetadata: 'Full', SeriesMetadata: 'Full' },
    ...settings,
  };
  const file = path.join(folder, 'orthanc.json');
  writeFileSync(file, JSON.stringify(configuration));
  const shim = buildShim(folder);
  const child = spawn(command, [file], {
    cwd: folder,
    stdio: 'ignore',
    env: { ...process.env, ...(shim !== null && { LD_PRELOAD: shim }) },
  });
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  const origin = `http://127.0.0.1:${port}`;
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
    const hard = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await ended;
    clearTimeout(hard);
    rmSync(folder, { recursive: true, force: true });
  };
  for (const end = Date.now() + 30_000; ; await sleep(50)) {
    const answered = await fetch(`${origin}/dicom-web/studies?limit=1`).then(
      // 401 when a test turned authentication on.
      (response) => response.status === 200 || response.status === 401,
      () => false,
    );
    if (answered) break;
    if (child.exitCode !== null || Date.now() > end) {
      await stop();
      throw new Error('Orthanc did not start');
    }
  }
  return {
    dicomweb: `${origin}/dicom-web`,
    store: (files) => storeFiles(`${origin}/dicom-web`, files),
    stop,
  };
}

async function storeFiles(dicomweb: string, files: readonly Uint8Array[]): Promise<void> {
  const boundary = 'fovea-test-boundary';
  const parts = files.flatMap((bytes) => [
    Buffer.from(`--${boundary}\r\nContent-Type: application/dicom\r\n\r\n`),
    bytes,
    Buffer.from('\r\n'),
  ]);
  const response = await fetch(`${dicomweb}/studies`, {
    method: 'POST',
    headers: {
      'content-type': `multipart/related; type="application/dicom"; boundary=${boundary}`,
      accept: 'application/dicom+json',
    },
    body: Buffer.concat([...parts, Buffer.from(`--${boundary}--\r\n`)]),
  });
  if (response.status !== 200) throw new Error(`Orthanc refused the files: ${response.status}`);
  await response.arrayBuffer();
}

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listFiles, readBytes } from '#assessment/local-files';

describe('files that a command is given', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'fovea-files-'));
  });
  // Not Node's own: it cannot remove what lies deeper than the longest path.
  afterEach(() => execFileSync('rm', ['-rf', folder]));
  const unreadable = { code: 'FILE_UNREADABLE' };

  it('a plain file is read whole', async () => {
    const file = path.join(folder, 'a.dcm');
    writeFileSync(file, 'abc');
    expect(Buffer.from(await readBytes(file)).toString()).toBe('abc');
  });

  it.skipIf(process.platform === 'win32')('a pipe that nobody writes to is refused at once', async () => {
    const pipe = path.join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    expect(await listFiles([pipe])).toEqual([pipe]);
    await expect(readBytes(pipe)).rejects.toMatchObject({ ...unreadable, detail: 'It is not a plain file.' });
  });

  it.skipIf(process.platform === 'win32')('a device without an end is refused', async () => {
    await expect(readBytes('/dev/zero')).rejects.toMatchObject(unreadable);
  });

  it('a file of 512 MiB and one byte is refused before it is read', async () => {
    const file = path.join(folder, 'large.dcm');
    writeFileSync(file, '');
    truncateSync(file, 512 * 2 ** 20 + 1);
    await expect(readBytes(file)).rejects.toMatchObject({ code: 'DICOM_TOO_LARGE' });
  });

  it('files of a folder come in the order of their numbers, hidden ones and DICOMDIR left out', async () => {
    mkdirSync(path.join(folder, 'b'));
    const names = ['im10.dcm', 'im2.dcm', path.join('b', 'im1.dcm')];
    for (const name of [...names, '.hidden', 'DICOMDIR']) writeFileSync(path.join(folder, name), '');
    const found = await listFiles([folder]);
    expect(found).toEqual(
      [path.join('b', 'im1.dcm'), 'im2.dcm', 'im10.dcm'].map((name) => path.join(folder, name)),
    );
  });

  it.skipIf(process.platform !== 'linux')(
    'a folder below that cannot be listed is an entry of its own, the others go on',
    async () => {
      writeFileSync(path.join(folder, 'z.dcm'), '');
      // Deeper than the longest path, by one half put into the other: nobody can list it by its name, root neither.
      const half = Array.from({ length: 12 }, () => '0'.repeat(200));
      mkdirSync(path.join(folder, 'a', ...half), { recursive: true });
      mkdirSync(path.join(folder, 'b', ...half), { recursive: true });
      renameSync(path.join(folder, 'b'), path.join(folder, 'a', ...half, 'b'));
      const found = await listFiles([folder]);
      expect(found).toHaveLength(2);
      expect(found).toContain(path.join(folder, 'z.dcm'));
      await expect(readBytes(found.find((one) => !one.endsWith('z.dcm')) as string)).rejects.toMatchObject(
        unreadable,
      );
    },
  );

  it('a path that is not there ends the command', async () => {
    await expect(listFiles([path.join(folder, 'none')])).rejects.toMatchObject(unreadable);
  });
});

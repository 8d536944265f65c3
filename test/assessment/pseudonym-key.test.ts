import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readPseudonymKey } from '#assessment/pseudonym-key';

describe('the key of the pseudonyms', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'fovea-test-key-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const wrong = (detail: string) =>
    expect.objectContaining({
      code: 'CONFIG_INVALID',
      detail: expect.stringContaining(`FOVEA_PSEUDONYM_KEY_FILE ${detail}`),
    });

  it('is made once where it may be, for its owner alone, and is the same from then on', () => {
    const file = path.join(folder, 'new', 'pseudonym.key');
    const key = readPseudonymKey(file, { made: true });
    expect(key).toHaveLength(32);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(Buffer.from(readPseudonymKey(file, { made: true })).equals(readFileSync(file))).toBe(true);
    expect(Buffer.from(key).equals(readFileSync(file))).toBe(true);
  });

  it('is never made where several processes must share it', () => {
    const file = path.join(folder, 'shared.key');
    expect(() => readPseudonymKey(file, { made: false })).toThrow(wrong('cannot be read'));
  });

  it('of fewer than 32 bytes is refused', () => {
    const file = path.join(folder, 'short.key');
    writeFileSync(file, Buffer.alloc(31));
    expect(() => readPseudonymKey(file, { made: true })).toThrow(wrong('must hold 32 bytes or more'));
  });

  it('that is a folder, or that no folder can be made for, is a wrong configuration', () => {
    expect(() => readPseudonymKey(folder, { made: true })).toThrow(wrong('cannot be read'));
    const nowhere = path.join(folder, 'link');
    symlinkSync(path.join(folder, 'gone', 'deeper'), nowhere);
    expect(() => readPseudonymKey(path.join(nowhere, 'a.key'), { made: true })).toThrow(
      wrong('cannot be written'),
    );
  });
});

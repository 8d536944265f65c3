import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { shellSize } from '#bench/support/shell-size';

describe('the size of a page before anything is opened in it', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'fovea-test-'));
    mkdirSync(path.join(folder, 'assets'));
    write('index.html', page);
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const page = `<link rel="icon" href="../../assets/icon.svg">
    <script type="module" crossorigin src="../../assets/index.js"></script>
    <link rel="stylesheet" crossorigin href="../../assets/index.css">`;
  const entry =
    'import{a}from"./shared.js";import "./plain.js";export * from \'./again.js\';const v=()=>import("./viewer.js")';
  const write = (name: string, text: string) => writeFileSync(path.join(folder, name), text);
  const zipped = (...texts: readonly string[]) => texts.reduce((sum, text) => sum + gzipSync(text).length, 0);

  it('counts what is imported statically, each file once, and nothing that is loaded when it is needed', () => {
    const shared = 'import"./plain.js";export const a=1';
    write('assets/index.js', entry);
    write('assets/shared.js', shared);
    write('assets/plain.js', 'globalThis.b=2');
    write('assets/again.js', 'export const c=3');
    write('assets/viewer.js', 'export const d=4');
    write('assets/index.css', 'p{margin:0}');
    expect(shellSize(folder)).toEqual({
      script: zipped(entry, shared, 'globalThis.b=2', 'export const c=3'),
      style: zipped('p{margin:0}'),
    });
  });

  it('a file that is named and not there fails', () => {
    write('assets/index.js', entry);
    expect(() => shellSize(folder)).toThrow('ENOENT');
  });
});

import { afterEach, describe, expect, it, vi } from 'vitest';
import { print, say, table } from '../../src/cli/terminal.ts';

const hostile = '\u001b[2Ja\u009b2Jb\u007fc\u0007d\u202ee\r';
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not come through
const steering = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/;

describe('what others wrote never steers the terminal', () => {
  afterEach(() => vi.restoreAllMocks());

  it('a cell of a table is one line, its control characters shown, its column as wide as what is shown', () => {
    const lines = table(['file', 'status'], [[`${hostile}\n`, 'x']]).split('\n');
    const shown = '\\u001b[2Ja\\u009b2Jb\\u007fc\\u0007d\\u202ee\\u000d\\u000a';
    expect(lines).toEqual([`${'file'.padEnd(shown.length)}  status`, `${shown}  x`]);
  });

  it.each([
    ['print', 'stdout', print],
    ['say', 'stderr', say],
  ] as const)('%s keeps line feeds and shows the rest', (_name, stream, write) => {
    const sent: string[] = [];
    vi.spyOn(process[stream], 'write').mockImplementation((text) => sent.push(String(text)) > 0);
    write(`one ${hostile}\ntwo`);
    expect(sent.join('')).not.toMatch(steering);
    expect(sent.join('').split('\n')).toHaveLength(3);
  });

  it('JSON that is printed still holds the same text', () => {
    const sent: string[] = [];
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => sent.push(String(text)) > 0);
    print(JSON.stringify({ path: hostile }, null, 2));
    expect(sent.join('')).not.toMatch(steering);
    expect(JSON.parse(sent.join(''))).toEqual({ path: hostile });
  });
});

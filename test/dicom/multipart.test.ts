import { describe, expect, it, vi } from 'vitest';
import { parseMediaType, parseMultipart } from '#dicom/multipart';

const limits = { maxPartBytes: 1 << 20, maxParts: 100 };

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function parse(
  message: string | Buffer,
  { boundary = 'b', size = 7, ...more }: Partial<typeof limits> & { boundary?: string; size?: number } = {},
) {
  const parts: { headers: Readonly<Record<string, string>>; content: string; bytes: Buffer }[] = [];
  const body = pieces(typeof message === 'string' ? Buffer.from(message, 'latin1') : message, size);
  for await (const { headers, bytes } of parseMultipart(body, boundary, { ...limits, ...more })) {
    parts.push({ headers, content: bytes.toString('latin1'), bytes });
  }
  return parts;
}

const contents = async (...given: Parameters<typeof parse>): Promise<string[]> =>
  (await parse(...given)).map(({ content }) => content);

const two =
  '--b\r\nContent-Type: application/dicom\r\n\r\none\r\n--b\r\ncontent-TYPE:application/dicom\r\n\r\ntwo\r\n--b--\r\n';

describe('multipart/related', () => {
  it('parts and their headers', async () => {
    expect(await parse(two)).toMatchObject([
      { headers: { 'content-type': 'application/dicom' }, content: 'one' },
      { headers: { 'content-type': 'application/dicom' }, content: 'two' },
    ]);
  });

  it.each([
    ['a preamble', `This is a message.\r\n--c\r\n${two}`, ['one', 'two']],
    ['an empty line before the first boundary', `\r\n${two}`, ['one', 'two']],
    ['an epilogue', `${two}anything --b at all`, ['one', 'two']],
    ['no line end after the close', two.trimEnd(), ['one', 'two']],
    ['LF alone', two.replaceAll('\r', ''), ['one', 'two']],
    ['blanks after a boundary', two.replaceAll('--b\r', '--b \t\r'), ['one', 'two']],
    ['no part', '--b--\r\n', []],
    ['a part without header', '--b\r\n\r\none\r\n--b--', ['one']],
    ['an empty part', '--b\r\nA: b\r\n\r\n--b--', ['']],
    ['an empty part with a line end', '--b\r\nA: b\r\n\r\n\r\n--b--', ['']],
    ['line ends at the end of the content', '--b\r\n\r\none\r\n\r\n\r\n--b--', ['one\r\n\r\n']],
    ['a longer boundary in the content', '--b\r\n\r\none\r\n--bc\r\ntwo\r\n--b--', ['one\r\n--bc\r\ntwo']],
    ['a longer boundary at the start of the content', '--b\r\n\r\n--bc\r\ntwo\r\n--b--', ['--bc\r\ntwo']],
    ['a boundary not at the start of a line', '--b\r\n\r\none--b\r\n--b--', ['one--b']],
    ['LF before a boundary in a CRLF message', '--b\r\n\r\none\n--b\r\ntwo\r\n--b--', ['one\n--b\r\ntwo']],
    ['half delimiters', '--b\r\n\r\n\r\n-\r\n--\r\n\r\n\r\r\n--b--', ['\r\n-\r\n--\r\n\r\n\r']],
    ['a stated length', '--b\r\nContent-Length: 3\r\n\r\none\r\n--b--', ['one']],
    [
      'a stated length over the boundary',
      '--b\r\nContent-Length: 12\r\n\r\none\r\n--b\r\ntw\r\n--b--',
      ['one\r\n--b\r\ntw'],
    ],
    ['a stated length of nothing', '--b\r\nContent-Length: 0\r\n\r\n\r\n--b--', ['']],
    ['a folded header', '--b\r\nA: b;\r\n c\r\n\r\none\r\n--b--', ['one']],
  ])('%s, cut at every size', async (_name, message, expected) => {
    for (const size of [1, 2, 3, 4, 5, 6, 7, 8, 11, 13, message.length + 1]) {
      expect(await contents(message, { size }), `chunks of ${size}`).toEqual(expected);
    }
  });

  it('binary content with a long boundary is kept byte for byte at every cut', async () => {
    const boundary = `a${'-'.repeat(60)}z`;
    const content = Buffer.from(Array.from({ length: 5_000 }, (_, index) => (index * 7919) % 256));
    const tricky = Buffer.concat([
      content,
      Buffer.from(`\r\n--${boundary.slice(0, -1)}`),
      content,
      Buffer.from('\r\n--'),
    ]);
    for (const stated of [true, false]) {
      const message = Buffer.concat([
        Buffer.from(`--${boundary}\r\n${stated ? `Content-Length: ${tricky.length}\r\n` : ''}\r\n`),
        tricky,
        Buffer.from(`\r\n--${boundary}--`),
      ]);
      for (const size of [1, 61, 63, 64, 65, 66, 67, 68, 1_000, message.length]) {
        const [part] = await parse(message, { boundary, size });
        expect(part?.bytes.equals(tricky)).toBe(true);
      }
    }
  });

  it.each(['', 'Content-Length: 4\r\n'])(
    'the bytes of a part have a buffer of their own (%j)',
    async (header) => {
      const [part] = await parse(`--b\r\n${header}\r\n1234\r\n--b--`, { size: 1_000 });
      expect(part?.bytes.buffer.byteLength).toBe(4);
    },
  );

  it('the parts of a message in 200,000 chunks of one byte are not kept chunk by chunk', async () => {
    const content = Buffer.from(Array.from({ length: 100_000 }, (_, at) => at % 251));
    const message = Buffer.concat([
      Buffer.from('--b\r\n\r\n'),
      content,
      Buffer.from('\r\n--b\r\n\r\n'),
      content,
      Buffer.from('\r\n--b--'),
    ]);
    const copies = vi.spyOn(Buffer.prototype, 'copy');
    try {
      const parts = await parse(message, { size: 1 });
      expect(parts.map(({ bytes }) => bytes.equals(content))).toEqual([true, true]);
      // What fills a part is what was kept of it: two blocks of 64 KiB at most.
      const kept = copies.mock.calls.filter(
        ([target]) => (target as Buffer).buffer.byteLength === content.length,
      );
      expect(kept).toHaveLength(4);
    } finally {
      copies.mockRestore();
    }
  });

  it('large chunks, and small ones between them, are joined in order', async () => {
    const content = Buffer.from(Array.from({ length: 300_000 }, (_, at) => (at * 7919) % 251));
    const message = Buffer.concat([Buffer.from('--b\r\n\r\n'), content, Buffer.from('\r\n--b--')]);
    async function* uneven(): AsyncGenerator<Uint8Array> {
      const sizes = [1, 40_000, 3, 2, 20_000, 16_384, 5_000, 1, 70_000];
      for (let at = 0, turn = 0; at < message.length; turn++) {
        const end = at + (sizes[turn % sizes.length] as number);
        yield message.subarray(at, end);
        at = end;
      }
    }
    const parts: Buffer[] = [];
    for await (const { bytes } of parseMultipart(uneven(), 'b', limits)) parts.push(bytes);
    expect(parts).toHaveLength(1);
    expect(parts[0]?.equals(content)).toBe(true);
  });

  it('gives a part before the next one has arrived', async () => {
    let given = 0;
    async function* slow(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('--b\r\n\r\none\r\n--b\r\n');
      given++;
      yield Buffer.from('\r\ntwo\r\n--b--');
    }
    const parts = parseMultipart(slow(), 'b', limits);
    expect((await parts.next()).value?.bytes.toString()).toBe('one');
    expect(given).toBe(0);
    expect((await parts.next()).value?.bytes.toString()).toBe('two');
    expect((await parts.next()).done).toBe(true);
  });

  it('lets go of its input when the consumer stops', async () => {
    let released = false;
    async function* endless(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield Buffer.from('--b\r\n\r\none\r\n');
      } finally {
        released = true;
      }
    }
    for await (const { bytes } of parseMultipart(endless(), 'b', limits)) {
      expect(bytes.toString()).toBe('one');
      break;
    }
    expect(released).toBe(true);
  });
});

describe('what is not whole or not allowed', () => {
  it('an end at any byte before the close is DICOMWEB_TRUNCATED', async () => {
    for (const message of [two, two.replaceAll('\r\n\r\n', '\r\nContent-Length: 3\r\n\r\n')]) {
      const close = message.lastIndexOf('--') + 2;
      for (let end = 0; end < close; end++) {
        await expect(contents(message.slice(0, end)), `cut at ${end}`).rejects.toMatchObject({
          code: 'DICOMWEB_TRUNCATED',
        });
      }
    }
  });

  it.each([
    ['a part over the limit', `--b\r\n\r\n${'x'.repeat(101)}\r\n--b--`, 'DICOMWEB_TOO_LARGE'],
    ['a part that never ends', `--b\r\n\r\n${'x'.repeat(100_000)}`, 'DICOMWEB_TOO_LARGE'],
    ['a stated length over the limit', '--b\r\nContent-Length: 999999999999\r\n\r\n', 'DICOMWEB_TOO_LARGE'],
    ['too many parts', '--b\r\n\r\n--b\r\n\r\n--b\r\n\r\n--b\r\n\r\n--b--', 'DICOMWEB_TOO_LARGE'],
    [
      'a stated length that is too short',
      '--b\r\nContent-Length: 3\r\n\r\nonetwo\r\n--b--',
      'DICOMWEB_INVALID_RESPONSE',
    ],
    [
      'a stated length that is too long',
      `--b\r\nContent-Length: 9\r\n\r\none\r\n--b--${' '.repeat(40)}`,
      'DICOMWEB_INVALID_RESPONSE',
    ],
    ['a negative length', '--b\r\nContent-Length: -1\r\n\r\none\r\n--b--', 'DICOMWEB_INVALID_RESPONSE'],
    ['a header that is none', '--b\r\nno header\r\n\r\none\r\n--b--', 'DICOMWEB_INVALID_RESPONSE'],
    ['a header without end', `--b\r\nA: ${'a'.repeat(40_000)}`, 'DICOMWEB_INVALID_RESPONSE'],
    ['headers without end', `--b\r\n${'A: b\r\n'.repeat(9_000)}`, 'DICOMWEB_INVALID_RESPONSE'],
    ['a preamble without end', 'x\r\n'.repeat(90_000), 'DICOMWEB_INVALID_RESPONSE'],
    ['a preamble without line', 'x'.repeat(90_000), 'DICOMWEB_INVALID_RESPONSE'],
  ])('%s', async (_name, message, code) => {
    await expect(contents(message, { size: 1_000, maxPartBytes: 100, maxParts: 3 })).rejects.toMatchObject({
      code,
    });
  });

  it.each(['', 'b'.repeat(71)])('a boundary of no or over 70 characters (%j)', async (boundary) => {
    await expect(contents(two, { boundary })).rejects.toMatchObject({ code: 'DICOMWEB_INVALID_RESPONSE' });
  });
});

describe('media types', () => {
  it.each([
    [
      'multipart/related; type="application/dicom"; boundary=abc',
      'multipart/related',
      { type: 'application/dicom', boundary: 'abc' },
    ],
    ['Multipart/Related;BOUNDARY="a;\\"b"', 'multipart/related', { boundary: 'a;"b' }],
    [
      'multipart/related ; type = application/dicom ; boundary = x ;',
      'multipart/related',
      { type: 'application/dicom', boundary: 'x' },
    ],
    [
      'multipart/related; type="application/dicom; transfer-syntax=1.2.840.10008.1.2.1"',
      'multipart/related',
      { type: 'application/dicom; transfer-syntax=1.2.840.10008.1.2.1' },
    ],
    ['application/dicom+json', 'application/dicom+json', {}],
    ['a/b; x=1; x=2', 'a/b', { x: '1' }],
  ])('%s', (text, type, parameters) => {
    expect(parseMediaType(text)).toMatchObject({ type, parameters });
  });

  it.each(['', 'multipart', 'a/b c', 'a/b; x="', 'a/b; x=1 2', `a/b; ${' '.repeat(5_000)}x`])(
    '%j is none',
    (text) => {
      expect(parseMediaType(text)).toBeNull();
    },
  );
});

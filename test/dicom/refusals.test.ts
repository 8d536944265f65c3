import { describe, expect, test } from 'vitest';
import { decodeFrames } from '#dicom/decode';
import { createCodecs, withMemoryLimit } from '#dicom/decoders/codecs';
import { inspectBytes } from '#dicom/inspect';
import { defaultLimits } from '#dicom/limits';
import { parseDicom } from '#dicom/parse';
import { type ImageOptions, imageModule, writeDicom, writeEncapsulated } from '../support/dicom-writer.ts';
import {
  encodeJpegDct,
  encodeJpegLossless,
  encodeRle,
  encodeWith,
  picture,
} from '../support/frame-encoders.ts';

const codecs = createCodecs();
const codeOf = (bytes: Uint8Array) => inspectBytes(bytes, { codecs }).reason?.code;
const native = (image: ImageOptions, bytes: number) =>
  writeDicom([...imageModule(image), [0x7fe00010, 'OW', new Uint8Array(bytes)]]);

const syntaxes = {
  rle: '1.2.840.10008.1.2.5',
  baseline: '1.2.840.10008.1.2.4.50',
  extended: '1.2.840.10008.1.2.4.51',
  lossless: '1.2.840.10008.1.2.4.70',
  'jpeg-ls': '1.2.840.10008.1.2.4.80',
  'jpeg-2000': '1.2.840.10008.1.2.4.90',
  htj2k: '1.2.840.10008.1.2.4.201',
} as const;

async function frameOf(name: keyof typeof syntaxes): Promise<{ frame: Uint8Array; image: ImageOptions }> {
  const bits = name === 'baseline' ? 8 : 12;
  const source = picture(24, 24, 1, bits);
  const image = { rows: 24, columns: 24, bitsAllocated: bits === 8 ? 8 : 16, bitsStored: bits };
  if (name === 'rle') return { frame: encodeRle(source), image };
  if (name === 'lossless')
    return { frame: encodeJpegLossless(source, { precision: 12, predictor: 1 }), image };
  if (name === 'baseline') return { frame: encodeJpegDct(source, 8), image };
  if (name === 'extended') return { frame: encodeJpegDct(source, 12), image };
  return { frame: await encodeWith(name, source, { bits: 12 }), image };
}

describe('sizes are known before memory is taken', () => {
  test('40,000 × 40,000 is DICOM_TOO_LARGE', () => {
    expect(codeOf(native({ rows: 40_000, columns: 40_000 }, 64))).toBe('DICOM_TOO_LARGE');
    const before = process.memoryUsage().arrayBuffers;
    const lying = writeEncapsulated(syntaxes.rle, imageModule({ rows: 40_000, columns: 40_000 }), [
      new Uint8Array(64),
    ]);
    expect(codeOf(lying)).toBe('DICOM_TOO_LARGE');
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 20);
  });

  test('many frames count together; one of them may be read', () => {
    const image = { rows: 100, columns: 100, frames: 1_000_000, bitsAllocated: 8 };
    const bytes = native(image, 10_000);
    expect(codeOf(bytes)).toBe('DICOM_TOO_LARGE');
    expect(decodeFrames(parseDicom(bytes), { frames: [0] }).data).toHaveLength(10_000);
  });

  test('more frames than the file has bytes are refused before they are counted out', () => {
    const image = { rows: 1, columns: 1, frames: 400_000_000, bitsAllocated: 8 };
    const before = process.memoryUsage().heapUsed;
    expect(codeOf(native(image, 16))).toBe('DICOM_INVALID');
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(64 * 2 ** 20);
  });

  test('the limit can be lowered', () => {
    const bytes = native({ rows: 64, columns: 64 }, 8192);
    const limits = { ...defaultLimits, pixelBytes: 4096 };
    expect(inspectBytes(bytes, { limits }).reason?.code).toBe('DICOM_TOO_LARGE');
  });
});

describe('headers that lie', () => {
  test('fewer pixels than the header says, or a whole frame more, are DICOM_INVALID; some padding is not', () => {
    expect(codeOf(native({ rows: 10, columns: 10 }, 100))).toBe('DICOM_INVALID');
    expect(codeOf(native({ rows: 10, columns: 10 }, 400))).toBe('DICOM_INVALID');
    expect(codeOf(native({ rows: 100, columns: 100 }, 22_000))).toBe('DICOM_INVALID');
    expect(codeOf(native({ rows: 10, columns: 10 }, 228))).toBeUndefined();
  });

  test.each(Object.keys(syntaxes) as (keyof typeof syntaxes)[])(
    '%s of another size than the header says is refused before it is decoded',
    async (name) => {
      const { frame, image } = await frameOf(name);
      const code = codeOf(writeEncapsulated(syntaxes[name], imageModule({ ...image, rows: 48 }), [frame]));
      expect(code).toBe('DICOM_INVALID');
      const less = codeOf(writeEncapsulated(syntaxes[name], imageModule({ ...image, rows: 12 }), [frame]));
      expect(less).toBe('DICOM_INVALID');
      const samples = { ...image, samples: 3, planar: 0 };
      expect(codeOf(writeEncapsulated(syntaxes[name], imageModule(samples), [frame]))).toBe('DICOM_INVALID');
    },
  );

  test.each(Object.keys(syntaxes) as (keyof typeof syntaxes)[])(
    '%s cut off or overwritten is refused',
    async (name) => {
      const { frame, image } = await frameOf(name);
      for (const length of [0, 1, 10, 40]) {
        const code = codeOf(
          writeEncapsulated(syntaxes[name], imageModule(image), [frame.subarray(0, length)]),
        );
        expect(code).toMatch(/^DICOM_(TRUNCATED|INVALID|CODEC_FAILED|NO_PIXELS)$/);
      }
      const noise = writeEncapsulated(syntaxes[name], imageModule(image), [new Uint8Array(256).fill(0x5a)]);
      expect(codeOf(noise)).toMatch(/^DICOM_(INVALID|TRUNCATED)$/);
    },
  );

  test.each([
    ['samples that do not go with the photometric interpretation', { photometric: 'RGB' }, 'DICOM_INVALID'],
    ['more bits stored than allocated', { bitsStored: 20 }, 'DICOM_INVALID'],
    ['a high bit below the bits stored', { bitsStored: 12, highBit: 3 }, 'DICOM_INVALID'],
    ['12 bits allocated', { bitsAllocated: 12 }, 'DICOM_UNSUPPORTED_PIXELS'],
    ['no frame at all', { frames: 0 }, 'DICOM_INVALID'],
  ])('%s', (_, change, code) => {
    expect(codeOf(native({ rows: 4, columns: 4, ...change }, 32))).toBe(code);
  });
});

test('a photometric interpretation that is no Code String is not quoted', () => {
  const image = { rows: 4, columns: 4, photometric: '\u001b[2J<b>' };
  const { reason } = inspectBytes(native({ ...image, samples: 1 }, 32), { codecs });
  expect(reason?.code).toBe('DICOM_INVALID');
  for (const part of ['\u001b', '[2J', '<']) expect(reason?.text).not.toContain(part);
});

describe('what is not read', () => {
  test('a transfer syntax that is not in the table is DICOM_UNSUPPORTED_SYNTAX', () => {
    const bytes = writeEncapsulated('1.2.840.10008.1.2.4.100', imageModule({ rows: 4, columns: 4 }), [
      new Uint8Array(8),
    ]);
    expect(inspectBytes(bytes)).toMatchObject({
      status: 'refused',
      reason: { code: 'DICOM_UNSUPPORTED_SYNTAX' },
      transferSyntax: '1.2.840.10008.1.2.4.100',
      rows: 4,
    });
  });

  test('an object without pixels has the status no-pixels', () => {
    expect(inspectBytes(writeDicom([[0x00080060, 'CS', 'SR']]))).toMatchObject({
      status: 'no-pixels',
      reason: { code: 'DICOM_NO_PIXELS' },
    });
  });

  test('compressed pixel data that are not in fragments are DICOM_INVALID', () => {
    const elements = [
      ...imageModule({ rows: 4, columns: 4 }),
      [0x7fe00010, 'OB', new Uint8Array(32)],
    ] as const;
    expect(codeOf(writeDicom(elements, { transferSyntax: syntaxes.rle }))).toBe('DICOM_INVALID');
  });
});

describe('codecs', () => {
  test('one that fails is made anew, and the next frame decodes', async () => {
    const { frame, image } = await frameOf('jpeg-ls');
    const good = writeEncapsulated(syntaxes['jpeg-ls'], imageModule(image), [frame]);
    const broken = Uint8Array.from(frame);
    broken.fill(0xff, 60, 90);
    const bad = writeEncapsulated(syntaxes['jpeg-ls'], imageModule(image), [broken]);
    for (let round = 0; round < 3; round += 1) {
      expect(codeOf(bad)).toBe('DICOM_CODEC_FAILED');
      expect(inspectBytes(good, { codecs }).status).toBe('decoded');
    }
  });

  test('their memory has an upper bound', async () => {
    const { readFileSync } = await import('node:fs');
    const { createRequire } = await import('node:module');
    const file = createRequire(import.meta.url).resolve('@cornerstonejs/codec-charls/decodewasm');
    const original = readFileSync(file);
    const limited = withMemoryLimit(original, 64 * 2 ** 20);
    expect(limited.length).toBe(original.length);
    const small = createCodecs({ ...defaultLimits, codecBytes: 64 * 2 ** 20 });
    expect(() =>
      small.run('jpeg-ls', (decoder) => decoder.getEncodedBuffer(512 * 2 ** 20).length),
    ).toThrowError(expect.objectContaining({ code: 'DICOM_CODEC_FAILED' }));
    expect(small.run('jpeg-ls', (decoder) => decoder.getEncodedBuffer(2 ** 20).length)).toBe(2 ** 20);
  });
});

import { deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { decodeFrames } from '#dicom/decode';
import { readNative } from '#dicom/decoders/native';
import { readImagePixel } from '#dicom/image-pixel';
import { defaultLimits } from '#dicom/limits';
import { parseDicom, parseDicomAside } from '#dicom/parse';
import { storedFrames } from '#dicom/stored-frames';
import {
  bytesOf,
  type Elements,
  type ImageOptions,
  imageModule,
  type WriteOptions,
  writeDicom,
  writeEncapsulated,
} from '../support/dicom-writer.ts';

const little = '1.2.840.10008.1.2.1';
const big = '1.2.840.10008.1.2.2';

async function frames(file: Uint8Array): Promise<{ readonly syntax: string; readonly frames: Uint8Array[] }> {
  const parsed = await parseDicomAside(file);
  const pixel = readImagePixel(parsed);
  const stored = storedFrames(parsed, pixel);
  return {
    syntax: stored.transferSyntaxUid,
    frames: await Promise.all(Array.from({ length: pixel.frames }, (_, index) => stored.frame(index))),
  };
}

const native = (
  image: ImageOptions,
  pixels: readonly [vr: 'OW' | 'OB', value: Uint8Array],
  options: WriteOptions = {},
): Uint8Array =>
  writeDicom([[0x00080060, 'CS', 'OT'], ...imageModule(image), [0x7fe00010, ...pixels]], options);

const ramp = (length: number) => Uint16Array.from({ length }, (_, index) => index * 257 + 3);

describe('frames as stored, PS3.5 §8', () => {
  it('native ones are cut out', async () => {
    const file = native({ rows: 2, columns: 3, frames: 2 }, ['OW', bytesOf(ramp(12))]);
    const found = await frames(file);
    expect(found.syntax).toBe(little);
    expect(found.frames.map((one) => [...one])).toEqual([
      [...bytesOf(ramp(12).subarray(0, 6))],
      [...bytesOf(ramp(12).subarray(6))],
    ]);
  });

  it.each<[string, ImageOptions, 'OW' | 'OB', number]>([
    ['16 bits', { rows: 2, columns: 3, frames: 2 }, 'OW', 24],
    ['8 bits in words', { rows: 3, columns: 3, frames: 2, bitsAllocated: 8 }, 'OW', 18],
    ['8 bits in bytes', { rows: 3, columns: 3, frames: 2, bitsAllocated: 8 }, 'OB', 18],
    ['one bit', { rows: 5, columns: 3, frames: 2, bitsAllocated: 1 }, 'OB', 4],
    ['planes', { rows: 2, columns: 2, frames: 2, samples: 3, bitsAllocated: 8, planar: 1 }, 'OB', 24],
    ['32 bits', { rows: 2, columns: 2, frames: 2, bitsAllocated: 32 }, 'OW', 32],
  ])('big endian, %s: the same values as little endian', async (_what, image, vr, size) => {
    const bytes = Uint8Array.from({ length: size }, (_, index) => (index * 37) % 251);
    const file = native(image, [vr, bytes], { transferSyntax: big });
    const parsed = parseDicom(file);
    const pixel = readImagePixel(parsed);
    const found = await frames(file);
    expect(found.syntax).toBe(little);
    for (const [index, frame] of found.frames.entries()) {
      const values = readNative(Uint8Array.from(frame), pixel, 0, 1, true);
      expect([...values]).toEqual([...decodeFrames(parsed, { frames: [index] }).data]);
    }
  });

  it('one-bit frames each begin with a byte of their own', async () => {
    const bits = Uint8Array.of(0b1010_1101, 0b0101_0101, 0b0000_0011, 0);
    const found = await frames(native({ rows: 3, columns: 3, frames: 2, bitsAllocated: 1 }, ['OB', bits]));
    expect(found.frames.map((one) => [...one])).toEqual([
      [0b1010_1101, 0b1],
      [0b1010_1010, 0b1],
    ]);
  });

  it('a deflated data set is inflated, and its frames are those of the file before', async () => {
    const image = { rows: 4, columns: 4 };
    const found = await frames(
      native(image, ['OW', bytesOf(ramp(16))], { transferSyntax: '1.2.840.10008.1.2.1.99', deflate: true }),
    );
    expect(found).toEqual({ syntax: little, frames: [expect.anything()] });
    expect([...(found.frames[0] as Uint8Array)]).toEqual([...bytesOf(ramp(16))]);
  });

  it('one that inflates to more than the limit is refused before it takes the memory', async () => {
    const file = native(
      { rows: 4096, columns: 4096, bitsAllocated: 8 },
      ['OB', new Uint8Array(4096 * 4096)],
      {
        transferSyntax: '1.2.840.10008.1.2.1.99',
        deflate: true,
      },
    );
    await expect(parseDicomAside(file)).rejects.toMatchObject({ code: 'DICOM_INFLATE_LIMIT' });
    const broken = file.slice(0, file.length - 4);
    await expect(parseDicomAside(broken, { ...defaultLimits, inflateRatio: 1e6 })).rejects.toMatchObject({
      code: 'DICOM_TRUNCATED',
    });
  });

  it('deflated frames are inflated', async () => {
    const file = writeEncapsulated(
      '1.2.840.10008.1.2.8.1',
      [[0x00080060, 'CS', 'OT'], ...imageModule({ rows: 4, columns: 4, frames: 2 })],
      [ramp(16), ramp(16).reverse()].map((one) => deflateRawSync(bytesOf(one))),
    );
    const found = await frames(file);
    expect(found.syntax).toBe(little);
    expect(found.frames.map((one) => [...one])).toEqual(
      [ramp(16), ramp(16).reverse()].map((one) => [...bytesOf(one)]),
    );
  });

  it('compressed ones stay as they are, their fragments joined', async () => {
    const syntax = '1.2.840.10008.1.2.4.80';
    const elements: Elements = [[0x00080060, 'CS', 'OT'], ...imageModule({ rows: 4, columns: 4, frames: 2 })];
    const start = Uint8Array.of(0xff, 0xd8, 0xff, 1);
    const found = await frames(writeEncapsulated(syntax, elements, [start, Uint8Array.of(7, 8), start]));
    expect(found).toEqual({
      syntax,
      frames: [Uint8Array.of(0xff, 0xd8, 0xff, 1, 7, 8), Uint8Array.of(0xff, 0xd8, 0xff, 1)],
    });
  });

  it.each([
    [
      'shorter than its header says',
      native({ rows: 64, columns: 64 }, ['OW', new Uint8Array(100)]),
      'DICOM_INVALID',
    ],
    [
      'of more frames than bytes',
      native({ rows: 1, columns: 1, frames: 1e9 }, ['OW', new Uint8Array(100)]),
      'DICOM_INVALID',
    ],
    [
      'of a frame larger than the limit',
      native({ rows: 65_535, columns: 65_535 }, ['OW', new Uint8Array(100)]),
      'DICOM_TOO_LARGE',
    ],
    [
      'of a syntax that is not read',
      writeEncapsulated('1.2.840.10008.1.2.4.102', imageModule({ rows: 1, columns: 1 }), [Uint8Array.of(1)]),
      'DICOM_UNSUPPORTED_SYNTAX',
    ],
  ])('a file %s is refused', async (_what, file, code) => {
    const first = async () => {
      const parsed = await parseDicomAside(file);
      return storedFrames(parsed, readImagePixel(parsed)).frame(0);
    };
    await expect(first()).rejects.toMatchObject({ code });
  });

  it.each([-1, 2, 0.5, Number.NaN])('there is no frame %d of two', async (index) => {
    const parsed = parseDicom(native({ rows: 2, columns: 3, frames: 2 }, ['OW', bytesOf(ramp(12))]));
    await expect(storedFrames(parsed, readImagePixel(parsed)).frame(index)).rejects.toMatchObject({
      code: 'DICOM_INVALID',
    });
  });
});

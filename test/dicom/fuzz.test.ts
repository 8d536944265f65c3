import { describe, expect, test } from 'vitest';
import { ServiceError } from '#core/error';
import { readHeader } from '#dicom/attributes';
import { decodeFrames } from '#dicom/decode';
import { createCodecs } from '#dicom/decoders/codecs';
import { greyTransform } from '#dicom/grey';
import { defaultLimits } from '#dicom/limits';
import { parseDicom } from '#dicom/parse';
import {
  bytesOf,
  type Elements,
  imageModule,
  writeDicom,
  writeEncapsulated,
} from '../support/dicom-writer.ts';
import {
  encodeJpegDct,
  encodeJpegLossless,
  encodeRle,
  encodeWith,
  picture,
} from '../support/frame-encoders.ts';

const mutationsOfEach = 60;

/** The same numbers for a seed. */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Overwrites bytes, cuts the end, repeats or removes a piece. */
function mutated(bytes: Uint8Array, random: (below: number) => number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const from = 132 + random(copy.length - 132);
  switch (random(6)) {
    case 0:
      return copy.subarray(0, from);
    case 1:
      return Uint8Array.from([...copy.subarray(0, from), ...copy.subarray(from + 1 + random(9))]);
    case 2:
      return Uint8Array.from([...copy.subarray(0, from), ...copy.subarray(Math.max(0, from - random(40)))]);
    case 3:
      copy.fill(0xff, from, from + 1 + random(8));
      return copy;
    default:
      for (let times = 1 + random(6); times > 0; times -= 1)
        copy[132 + random(copy.length - 132)] = random(256);
      return copy;
  }
}

async function seeds(): Promise<readonly (readonly [string, Uint8Array])[]> {
  const grey = picture(20, 24, 1, 12);
  const image: Elements = [
    [0x00080060, 'CS', 'DX'],
    [0x00082218, 'SQ', [[[0x00080104, 'LO', 'Chest']]]],
    ...imageModule({ rows: 20, columns: 24, bitsStored: 12 }),
    [0x00281050, 'DS', '2000'],
    [0x00281051, 'DS', '4000'],
    [
      0x00283010,
      'SQ',
      [
        [
          [0x00283002, 'US', [4, 0, 12]],
          [0x00283006, 'US', [0, 1, 2, 3]],
        ],
      ],
    ],
  ];
  const raw: Elements = [...image, [0x7fe00010, 'OW', bytesOf(grey.values)]];
  const small = imageModule({ rows: 20, columns: 24, bitsAllocated: 8 });
  return [
    ['explicit', writeDicom(raw)],
    ['implicit', writeDicom(raw, { transferSyntax: '1.2.840.10008.1.2', undefinedLengths: true })],
    ['big-endian', writeDicom(raw, { transferSyntax: '1.2.840.10008.1.2.2' })],
    ['deflated', writeDicom(raw, { transferSyntax: '1.2.840.10008.1.2.1.99', deflate: true })],
    ['RLE', writeEncapsulated('1.2.840.10008.1.2.5', image, [encodeRle(grey)])],
    [
      'baseline',
      writeEncapsulated('1.2.840.10008.1.2.4.50', small, [encodeJpegDct(picture(20, 24, 1, 8), 8)]),
    ],
    ['extended', writeEncapsulated('1.2.840.10008.1.2.4.51', image, [encodeJpegDct(grey, 12)])],
    [
      'lossless',
      writeEncapsulated('1.2.840.10008.1.2.4.70', image, [
        encodeJpegLossless(grey, { precision: 12, predictor: 1 }),
      ]),
    ],
    [
      'lossless 6',
      writeEncapsulated('1.2.840.10008.1.2.4.57', image, [
        encodeJpegLossless(grey, { precision: 12, predictor: 6, restartRows: 4 }),
      ]),
    ],
    [
      'JPEG-LS',
      writeEncapsulated('1.2.840.10008.1.2.4.80', image, [await encodeWith('jpeg-ls', grey, { bits: 12 })]),
    ],
    [
      'JPEG 2000',
      writeEncapsulated('1.2.840.10008.1.2.4.90', image, [await encodeWith('jpeg-2000', grey, { bits: 12 })]),
    ],
    [
      'HTJ2K',
      writeEncapsulated('1.2.840.10008.1.2.4.201', image, [await encodeWith('htj2k', grey, { bits: 12 })]),
    ],
  ];
}

describe('mutated files', () => {
  test('every outcome is a decode or a coded refusal, and memory stays bounded', async () => {
    const limits = { ...defaultLimits, pixelBytes: 16 * 2 ** 20, codecBytes: 128 * 2 ** 20 };
    const codecs = createCodecs(limits);
    const outcomes = new Map<string, number>();
    const before = process.memoryUsage();
    for (const [name, bytes] of await seeds()) {
      const random = randomOf(20_261_124);
      for (let round = 0; round < mutationsOfEach; round += 1) {
        let outcome = 'decoded';
        try {
          const file = parseDicom(mutated(bytes, random), limits);
          readHeader(file);
          const decoded = decodeFrames(file, { codecs, limits });
          expect(decoded.data).toHaveLength(
            decoded.rows * decoded.columns * decoded.samples * decoded.frames,
          );
          if (decoded.photometric.startsWith('MONOCHROME')) greyTransform(file, decoded);
        } catch (error) {
          if (!(error instanceof ServiceError))
            throw new Error(`${name}, mutation ${round}: not coded`, { cause: error });
          expect(error.code).toMatch(/^DICOM_/);
          outcome = error.code;
        }
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      }
    }
    const after = process.memoryUsage();
    console.log('mutations:', Object.fromEntries(outcomes));
    expect(outcomes.get('decoded')).toBeGreaterThan(50);
    expect(outcomes.size).toBeGreaterThan(4);
    expect(after.rss - before.rss).toBeLessThan(1024 * 2 ** 20);
  });
});

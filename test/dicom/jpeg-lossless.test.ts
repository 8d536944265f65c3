import { createRequire } from 'node:module';
import { describe, expect, test } from 'vitest';
import { decodeFrames } from '#dicom/decode';
import { parseDicom } from '#dicom/parse';
import { imageModule, writeEncapsulated } from '../support/dicom-writer.ts';
import {
  encodeJpegLossless,
  type LosslessOptions,
  type Picture,
  picture,
} from '../support/frame-encoders.ts';

/** The library ships no types. */
const library = createRequire(import.meta.url)('jpeg-lossless-decoder-js') as {
  readonly Decoder: new () => {
    decode(
      buffer: ArrayBuffer,
      offset: number,
      length: number,
      bytes: number,
    ): { readonly buffer: ArrayBuffer };
  };
};

function ours(source: Picture, frame: Uint8Array, bitsAllocated: number) {
  const shape = {
    rows: source.rows,
    columns: source.columns,
    samples: source.samples,
    bitsAllocated,
    planar: 0,
  };
  return decodeFrames(parseDicom(writeEncapsulated('1.2.840.10008.1.2.4.57', imageModule(shape), [frame])))
    .data;
}

function libraryOf(frame: Uint8Array, bytes: 1 | 2): Uint8Array | Uint16Array {
  const result = new library.Decoder().decode(frame.buffer as ArrayBuffer, 0, frame.length, bytes);
  return bytes === 1 ? new Uint8Array(result.buffer) : new Uint16Array(result.buffer);
}

describe('JPEG lossless, T.81 Annex H', () => {
  test.each([1, 2, 3, 4, 5, 6, 7])(
    'selection value %i gives the original, as the library does',
    (predictor) => {
      for (const [bits, allocated] of [
        [8, 8],
        [12, 16],
        [16, 16],
      ] as const) {
        const source = picture(23, 31, 1, bits, predictor);
        const frame = encodeJpegLossless(source, { precision: bits, predictor });
        const decoded = ours(source, frame, allocated);
        expect(decoded).toEqual(source.values);
        expect(decoded).toEqual(libraryOf(frame, allocated === 8 ? 1 : 2));
      }
    },
  );

  test('colour samples of one scan', () => {
    const source = picture(12, 17, 3, 8);
    expect(ours(source, encodeJpegLossless(source, { precision: 8, predictor: 1 }), 8)).toEqual(
      source.values,
    );
    expect(ours(source, encodeJpegLossless(source, { precision: 8, predictor: 6 }), 8)).toEqual(
      source.values,
    );
  });

  test('restart intervals begin anew from the middle of the range', () => {
    for (const predictor of [1, 4, 7]) {
      const source = picture(20, 9, 1, 12, predictor);
      const options: LosslessOptions = { precision: 12, predictor, restartRows: 1 + (predictor % 3) };
      expect(ours(source, encodeJpegLossless(source, options), 16)).toEqual(source.values);
    }
  });

  test('a point transform leaves the lowest bits zero', () => {
    const source = picture(10, 10, 1, 12);
    const frame = encodeJpegLossless(source, { precision: 12, predictor: 1, pointTransform: 2 });
    expect(ours(source, frame, 16)).toEqual(source.values.map((value) => value & ~3));
  });

  test('differences of every size occur, 32768 too', () => {
    const values = Uint16Array.from({ length: 400 }, (_, at) =>
      at % 2 === 0 ? 0 : Math.min(65_535, 2 ** (at % 17)),
    );
    values[100] = 0;
    values[101] = 32_768;
    const source = { rows: 20, columns: 20, samples: 1, values };
    expect(ours(source, encodeJpegLossless(source, { precision: 16, predictor: 1 }), 16)).toEqual(values);
  });

  test('thousands of tables before one pixel are refused, not built', () => {
    const source = picture(4, 4, 1, 12);
    const frame = encodeJpegLossless(source, { precision: 12, predictor: 1 });
    const table = frame.subarray(15, 15 + 38);
    expect([table[0], table[1]]).toEqual([0xff, 0xc4]);
    const many = Buffer.concat([frame.subarray(0, 15), ...new Array(20_000).fill(table), frame.subarray(15)]);
    expect(() => ours(source, many, 16)).toThrowError(expect.objectContaining({ code: 'DICOM_INVALID' }));
  });

  test('a stream that ends early is DICOM_TRUNCATED, wherever it ends', () => {
    const source = picture(16, 16, 1, 12);
    const frame = encodeJpegLossless(source, { precision: 12, predictor: 1 });
    for (const length of [3, 20, 60, 100, frame.length - 40]) {
      expect(() => ours(source, frame.subarray(0, length), 16)).toThrowError(
        expect.objectContaining({ code: expect.stringMatching(/^DICOM_(TRUNCATED|INVALID)$/) }),
      );
    }
  });
});

import { describe, expect, test } from 'vitest';
import { decodeFrames } from '#dicom/decode';
import { greyTransform } from '#dicom/grey';
import { greyRules } from '#dicom/grey-rules';
import { parseDicom } from '#dicom/parse';
import {
  bytesOf,
  type Elements,
  type ImageOptions,
  imageModule,
  type WriteOptions,
  writeDicom,
} from '../support/dicom-writer.ts';

/** Grey of each pixel, by the table where there is one; the table and the function must agree. */
function greys(
  values: ArrayBufferView & { readonly length: number },
  more: Elements = [],
  change: Partial<ImageOptions> = {},
  options: WriteOptions = {},
): number[] {
  const elements: Elements = [
    ...imageModule({ rows: 1, columns: values.length, ...change }),
    ...more,
    [0x7fe00010, 'OW', bytesOf(values)],
  ];
  const file = parseDicom(writeDicom(elements, options));
  const decoded = decodeFrames(file);
  const { table, tableOffset, apply } = greyTransform(file, decoded);
  return Array.from(decoded.data, (cell) => {
    const grey = apply(cell);
    if (table !== null) expect(table[cell - tableOffset]).toBe(Math.fround(grey));
    return Math.round(grey * 1e9) / 1e9;
  });
}

const window = (centre: string, width: string, rule?: string): Elements => [
  [0x00281050, 'DS', centre],
  [0x00281051, 'DS', width],
  ...(rule === undefined ? [] : ([[0x00281056, 'CS', rule]] as const)),
];
const rescale = (intercept: string, slope: string): Elements => [
  [0x00281052, 'DS', intercept],
  [0x00281053, 'DS', slope],
];
const lut = (descriptor: readonly number[], entries: readonly number[], vr = 'US'): readonly Elements[] => [
  [
    [0x00283002, vr, descriptor],
    [0x00283006, 'US', entries],
  ],
];

describe('windows, PS3.3 C.11.2.1.2 and C.11.2.1.3', () => {
  test('LINEAR: the half value and the width less one', () => {
    const grey = greys(Uint16Array.of(0, 100, 128, 255, 300), window('128', '256'));
    expect(grey[0]).toBe(0);
    expect(grey[1]).toBeCloseTo(100);
    expect(grey[3]).toBe(255);
    expect(grey[4]).toBe(255);
  });

  test('LINEAR of width 1 is a threshold; a width below 1 is not applied', () => {
    expect(greys(Uint16Array.of(99, 100, 101), window('100', '1'))).toEqual([0, 255, 255]);
    expect(greys(Uint16Array.of(0, 50, 100), window('10', '0'))).toEqual([0, 127.5, 255]);
  });

  test('LINEAR_EXACT and SIGMOID', () => {
    expect(greys(Uint16Array.of(0, 5, 10), window('5', '10', 'LINEAR_EXACT'))).toEqual([0, 127.5, 255]);
    const grey = greys(Uint16Array.of(3, 5, 7), window('5', '10', 'SIGMOID'));
    expect(grey[0]).toBeCloseTo(255 / (1 + Math.exp(0.8)));
    expect(grey[1]).toBe(127.5);
    expect(grey[0]! + grey[2]!).toBeCloseTo(255);
  });

  test('the first of several windows', () => {
    expect(greys(Uint16Array.of(0, 256), window('128\\40', '257\\400'))[1]).toBe(255);
  });

  test('none: minimum to maximum of the frame; black where all are the same', () => {
    expect(greys(Int16Array.of(-10, 0, 10), [], { signed: true })).toEqual([0, 127.5, 255]);
    expect(greys(Uint16Array.of(7, 7, 7))).toEqual([0, 0, 0]);
  });
});

describe('modality and VOI', () => {
  test('slope and intercept come before the window', () => {
    const grey = greys(Uint16Array.of(0, 1024, 2048), [...window('0', '2001'), ...rescale('-1024', '1')]);
    expect(grey[1]).toBeCloseTo((0.5 / 2000 + 0.5) * 255);
    expect(grey[0]).toBe(0);
  });

  test('a modality LUT with a negative first value; inputs beyond it take its ends', () => {
    const elements: Elements = [
      ...window('50', '101', 'LINEAR_EXACT'),
      [0x00283000, 'SQ', lut([3, -1, 16], [0, 50, 100], 'SS')],
    ];
    const grey = greys(Int16Array.of(-9, -1, 0, 1, 9), elements, { signed: true });
    expect(grey[0]).toBe(grey[1]);
    expect(grey[2]).toBeCloseTo(127.5);
    expect(grey[3]).toBe(grey[4]);
  });

  test('the same in implicit VR, where Pixel Representation gives the descriptor its sign', () => {
    const elements: Elements = [[0x00283000, 'SQ', lut([3, -1, 16], [0, 50, 100], 'SS')]];
    const grey = greys(
      Int16Array.of(-1, 0, 1),
      elements,
      { signed: true },
      { transferSyntax: '1.2.840.10008.1.2' },
    );
    expect(grey).toEqual([0, 127.5, 255]);
  });

  test('a VOI LUT goes before a window and is scaled by its bits', () => {
    const elements: Elements = [...window('1', '2'), [0x00283010, 'SQ', lut([3, 10, 12], [0, 2048, 4095])]];
    expect(greys(Uint16Array.of(10, 11, 12, 99), elements)).toEqual([
      0,
      expect.closeTo((2048 * 255) / 4095),
      255,
      255,
    ]);
  });

  test('a lookup table shorter than it says is DICOM_INVALID', () => {
    expect(() => greys(Uint16Array.of(1), [[0x00283010, 'SQ', lut([300, 0, 12], [1, 2, 3])]])).toThrowError(
      expect.objectContaining({ code: 'DICOM_INVALID' }),
    );
  });

  test('per-frame functional groups go before shared ones and before the image', () => {
    const voi = (centre: string, width: string): Elements => [[0x00289132, 'SQ', [window(centre, width)]]];
    const elements: Elements = [
      ...imageModule({ rows: 1, columns: 1, frames: 2 }),
      ...window('1', '1'),
      [0x52009229, 'SQ', [[...voi('2', '20'), [0x00289145, 'SQ', [rescale('-5', '2')]]]]],
      [0x52009230, 'SQ', [[[0x00209111, 'SQ', [[]]]], voi('3', '30')]],
    ];
    const file = parseDicom(writeDicom(elements));
    const form = { photometric: 'MONOCHROME2', signed: false, bitsAllocated: 16 };
    expect(greyRules(file, form, 0)).toMatchObject({
      slope: 2,
      intercept: -5,
      window: { centre: 2, width: 20 },
    });
    expect(greyRules(file, form, 1)).toMatchObject({ slope: 2, window: { centre: 3, width: 30 } });
  });
});

describe('padding and photometric interpretation', () => {
  test('MONOCHROME1 is inverted', () => {
    expect(greys(Uint16Array.of(0, 100), [], { photometric: 'MONOCHROME1' })).toEqual([255, 0]);
  });

  test('padding is left out of minimum and maximum and is black, in MONOCHROME1 too', () => {
    const padding: Elements = [[0x00280120, 'US', 4000]];
    expect(greys(Uint16Array.of(4000, 10, 20), padding)).toEqual([0, 0, 255]);
    expect(greys(Uint16Array.of(4000, 10, 20), padding, { photometric: 'MONOCHROME1' })).toEqual([0, 255, 0]);
  });

  test('a padding range holds both its ends, in either order, and negative values written as US', () => {
    const range: Elements = [
      [0x00280120, 'US', 0x10000 - 2000],
      [0x00280121, 'SS', -1000],
    ];
    const values = Int16Array.of(-2000, -1500, -1000, -999, 0);
    expect(greys(values, range, { signed: true })).toEqual([0, 0, 0, 0, 255]);
    const turned: Elements = [
      [0x00280120, 'SS', -1000],
      [0x00280121, 'SS', -2000],
    ];
    expect(greys(values, turned, { signed: true })).toEqual([0, 0, 0, 0, 255]);
  });

  test('colour and palettes are refused', () => {
    for (const change of [{ samples: 3, columns: 1, planar: 0 }, { photometric: 'PALETTE COLOR' }]) {
      expect(() => greys(Uint16Array.of(1, 2, 3), [], change)).toThrowError(
        expect.objectContaining({ code: 'DICOM_UNSUPPORTED_PIXELS' }),
      );
    }
  });
});

describe('bits that are not stored', () => {
  test('overlays above the high bit do not reach the grey', () => {
    expect(greys(Uint16Array.of(0xf000, 0x100f, 0x0fff), [], { bitsStored: 12 })).toEqual([
      0,
      expect.closeTo((15 * 255) / 4095),
      255,
    ]);
  });

  test('the sign stands at the highest stored bit', () => {
    expect(
      greys(Int16Array.of(0x0800, 0x0000, 0x07ff), window('0', '4096', 'LINEAR_EXACT'), {
        bitsStored: 12,
        signed: true,
      }),
    ).toEqual([0, 127.5, expect.closeTo((2047 / 4096 + 0.5) * 255)]);
  });

  test('stored bits may lie higher in their cell', () => {
    expect(greys(Uint16Array.of(0x0003, 0x8000, 0xfff0), [], { bitsStored: 12, highBit: 15 })).toEqual([
      0,
      expect.closeTo((2048 * 255) / 4095),
      255,
    ]);
  });

  test('32-bit and float pixels have a function and no table', () => {
    const values = Uint32Array.of(0, 2_000_000_000, 4_000_000_000);
    expect(greys(values, [], { bitsAllocated: 32 })).toEqual([0, 127.5, 255]);
    const file = parseDicom(
      writeDicom([
        [0x00280010, 'US', 1],
        [0x00280011, 'US', 3],
        [0x7fe00008, 'OF', bytesOf(Float32Array.of(-1, Number.NaN, 1))],
      ]),
    );
    const decoded = decodeFrames(file);
    const { table, apply } = greyTransform(file, decoded);
    expect(table).toBeNull();
    expect(Array.from(decoded.data, apply)).toEqual([0, 0, 255]);
  });
});

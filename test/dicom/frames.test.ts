import { describe, expect, test } from 'vitest';
import { pixelDataTag } from '#dicom/data-set';
import { encapsulatedFrames } from '#dicom/frames';
import { parseDicom } from '#dicom/parse';
import { type Elements, encapsulated, writeDicom } from '../support/dicom-writer.ts';

const jpegLs = '1.2.840.10008.1.2.4.80';
const start = (id: number) => Uint8Array.of(0xff, 0xd8, 0xff, id);
const rest = (id: number) => Uint8Array.of(id, id);

function frames(
  fragments: readonly Uint8Array[],
  count: number,
  offsets: readonly number[] = [],
  before: Elements = [],
): number[][] {
  const { dataSet } = parseDicom(
    Buffer.concat([
      writeDicom([[0x00080060, 'CS', 'OT'], ...before], { transferSyntax: jpegLs }),
      encapsulated(fragments, offsets),
    ]),
  );
  const found = encapsulatedFrames(dataSet, dataSet.elements.get(pixelDataTag)!, count);
  return Array.from({ length: found.count }, (_, index) => [...found.frame(index)]);
}

describe('frames of encapsulated pixel data, PS3.5 A.4', () => {
  test('all fragments make one frame', () => {
    expect(frames([start(1), rest(2)], 1)).toEqual([[0xff, 0xd8, 0xff, 1, 2, 2]]);
  });

  test('one fragment a frame', () => {
    expect(frames([rest(1), rest(2)], 2)).toEqual([
      [1, 1],
      [2, 2],
    ]);
  });

  test('by the basic offset table', () => {
    expect(frames([rest(1), rest(2), rest(3)], 2, [0, 20])).toEqual([
      [1, 1, 2, 2],
      [3, 3],
    ]);
  });

  test('by the extended offset table', () => {
    const table: Elements = [
      [0x7fe00001, 'OV', [0, 10]],
      [0x7fe00002, 'OV', [2, 12]],
    ];
    expect(frames([rest(1), rest(2), rest(3)], 2, [], table)).toEqual([
      [1, 1],
      [2, 2, 3, 3],
    ]);
  });

  test('by start-of-image markers where the table is empty or wrong', () => {
    const fragments = [start(1), rest(2), start(3), rest(4)];
    const expected = [
      [0xff, 0xd8, 0xff, 1, 2, 2],
      [0xff, 0xd8, 0xff, 3, 4, 4],
    ];
    expect(frames(fragments, 2)).toEqual(expected);
    expect(frames(fragments, 2, [0, 5])).toEqual(expected);
  });

  test('fewer fragments than frames are DICOM_TRUNCATED, unassignable ones DICOM_INVALID', () => {
    expect(() => frames([rest(1)], 2)).toThrowError(expect.objectContaining({ code: 'DICOM_TRUNCATED' }));
    expect(() => frames([rest(1), rest(2), rest(3)], 2)).toThrowError(
      expect.objectContaining({ code: 'DICOM_INVALID' }),
    );
    expect(() => frames([], 1)).toThrowError(expect.objectContaining({ code: 'DICOM_NO_PIXELS' }));
  });

  test('pixel data without their delimiter are DICOM_TRUNCATED', () => {
    const bytes = Buffer.concat([
      writeDicom([[0x00080060, 'CS', 'OT']], { transferSyntax: jpegLs }),
      encapsulated([rest(1)]),
    ]);
    const { dataSet } = parseDicom(bytes.subarray(0, bytes.length - 8));
    expect(() => encapsulatedFrames(dataSet, dataSet.elements.get(pixelDataTag)!, 1)).toThrowError(
      expect.objectContaining({ code: 'DICOM_TRUNCATED' }),
    );
  });
});

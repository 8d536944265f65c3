import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { inspectBytes } from '#dicom/inspect';
import { bytesOf, imageModule, writeDicom } from '../support/dicom-writer.ts';

describe('the inspect entry', () => {
  test('describes the stored values before any rescale or window', () => {
    const values = Int16Array.of(-3, 1, 2, 4);
    const entry = inspectBytes(
      writeDicom([
        ...imageModule({ rows: 2, columns: 2, signed: true }),
        [0x00281052, 'DS', '-1000'],
        [0x00281053, 'DS', '2'],
        [0x7fe00010, 'OW', bytesOf(values)],
      ]),
    );
    expect(entry).toEqual({
      status: 'decoded',
      reason: null,
      transferSyntax: '1.2.840.10008.1.2.1',
      photometric: 'MONOCHROME2',
      rows: 2,
      columns: 2,
      frames: 1,
      samples: 1,
      bitsStored: 16,
      dtype: 'int16',
      min: -3,
      max: 4,
      mean: 1,
      sha256: createHash('sha256').update(bytesOf(values)).digest('hex'),
      notes: [],
    });
  });

  test('a big-endian file is hashed in its own order', () => {
    const bytes = Uint8Array.of(0x01, 0x02, 0x03, 0x04);
    const entry = inspectBytes(
      writeDicom([...imageModule({ rows: 1, columns: 2 }), [0x7fe00010, 'OW', bytes]], {
        transferSyntax: '1.2.840.10008.1.2.2',
      }),
    );
    expect(entry.max).toBe(0x0304);
    expect(entry.sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
  });

  test('never throws: what is not DICOM is refused with a code and a text', () => {
    expect(inspectBytes(new Uint8Array(10))).toMatchObject({
      status: 'refused',
      reason: { code: 'DICOM_NOT_DICOM', text: 'The file is not DICOM.' },
      transferSyntax: null,
      sha256: null,
    });
  });
});

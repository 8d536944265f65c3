import { describe, expect, test } from 'vitest';
import { sequenceItems, valueBytes } from '#dicom/data-set';
import { defaultLimits } from '#dicom/limits';
import { parseDicom } from '#dicom/parse';
import * as read from '#dicom/values';
import { type Elements, writeDicom } from '../support/dicom-writer.ts';

const plain: Elements = [
  [0x00080060, 'CS', 'DX'],
  [0x00100020, 'LO', '0042'],
];
const nested: Elements = [
  [0x00080060, 'CS', 'DX'],
  [0x00082218, 'SQ', [[[0x00080104, 'LO', 'Chest']], [[0x00080104, 'LO', 'Lung']]]],
  [0x00100020, 'LO', '0042'],
];
const refused = (code: string) => expect.objectContaining({ code });

describe('what begins a file', () => {
  test('the preamble may hold anything and may be missing', () => {
    const bytes = writeDicom(plain);
    bytes.fill(0x41, 0, 128);
    expect(read.text(parseDicom(bytes).dataSet, 0x00100020)).toBe('0042');
    expect(read.text(parseDicom(writeDicom(plain, { preamble: false })).dataSet, 0x00100020)).toBe('0042');
  });

  test.each([
    ['explicit little-endian', '1.2.840.10008.1.2.1'],
    ['implicit little-endian', '1.2.840.10008.1.2'],
    ['explicit big-endian', '1.2.840.10008.1.2.2'],
  ])('without file meta information, %s is recognised and said', (_, transferSyntax) => {
    const file = parseDicom(writeDicom(plain, { preamble: false, meta: false, transferSyntax }));
    expect(file.transferSyntaxUid).toBe(transferSyntax);
    expect(read.text(file.dataSet, 0x00100020)).toBe('0042');
    expect(file.notes).toHaveLength(2);
  });

  test.each([
    ['nothing', new Uint8Array(0)],
    ['text', new TextEncoder().encode('a report, not an image, and long enough to be read')],
    ['PNG', Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13, 73, 72, 68, 82)],
    ['zeros', new Uint8Array(4096)],
    [
      'a data set behind one more byte',
      Uint8Array.of(0x20, ...writeDicom(plain, { preamble: false, meta: false })),
    ],
  ])('%s is DICOM_NOT_DICOM', (_, bytes) => {
    expect(() => parseDicom(bytes)).toThrowError(refused('DICOM_NOT_DICOM'));
  });

  test('a data set that is not encoded as its transfer syntax says is read as it is, and said', () => {
    const file = parseDicom(writeDicom(plain, { transferSyntax: '1.2.840.10008.1.2', explicit: true }));
    expect(read.text(file.dataSet, 0x00100020)).toBe('0042');
    expect(file.notes.join()).toMatch(/not encoded as/);
  });
});

describe('elements', () => {
  test('sequences of defined and undefined length, explicit and implicit', () => {
    for (const undefinedLengths of [true, false]) {
      for (const transferSyntax of ['1.2.840.10008.1.2.1', '1.2.840.10008.1.2', '1.2.840.10008.1.2.2']) {
        const { dataSet } = parseDicom(writeDicom(nested, { undefinedLengths, transferSyntax }));
        const meanings = sequenceItems(dataSet, 0x00082218).map((item) => read.text(item, 0x00080104));
        expect(meanings).toEqual(['Chest', 'Lung']);
        expect(read.text(dataSet, 0x00100020)).toBe('0042');
      }
    }
  });

  test('OV, SV and UV have 32-bit lengths, so what follows an extended offset table is found', () => {
    const { dataSet } = parseDicom(
      writeDicom([
        [0x00080060, 'CS', 'DX'],
        [0x7fe00001, 'OV', 0],
        [0x7fe00010, 'OW', Uint8Array.of(1, 2)],
      ]),
    );
    expect(valueBytes(dataSet, 0x7fe00010)).toEqual(Uint8Array.of(1, 2));
  });

  test('a value is a view of the file', () => {
    const bytes = writeDicom(plain);
    expect(valueBytes(parseDicom(bytes).dataSet, 0x00100020)?.buffer).toBe(bytes.buffer);
  });

  test('a file that ends anywhere inside an element is DICOM_TRUNCATED', () => {
    for (const undefinedLengths of [true, false]) {
      const bytes = writeDicom(nested, { undefinedLengths });
      const whole = parseDicom(bytes).dataSet.elements.size;
      for (let length = 133; length < bytes.length; length += 1) {
        let size: number | string;
        try {
          size = parseDicom(bytes.subarray(0, length)).dataSet.elements.size;
        } catch (error) {
          size = (error as { code: string }).code;
        }
        // Cut between two elements a file looks whole; it then has fewer.
        if (typeof size === 'string') expect(size).toBe('DICOM_TRUNCATED');
        else expect(size).toBeLessThan(whole);
      }
    }
  });
});

describe('limits', () => {
  test('sequences nested too deep are DICOM_INVALID, not a stack overflow', () => {
    let inner: Elements = plain;
    for (let depth = 0; depth < 200; depth += 1) inner = [[0x00082218, 'SQ', [inner]]];
    const bytes = writeDicom(inner, { undefinedLengths: true });
    expect(() => parseDicom(bytes)).toThrowError(refused('DICOM_INVALID'));
  });

  test('more elements than the limit are DICOM_TOO_LARGE', () => {
    const many: Elements = Array.from({ length: 50 }, (_, index) => [0x00090000 + index, 'LO', 'x'] as const);
    expect(() => parseDicom(writeDicom(many), { ...defaultLimits, elements: 20 })).toThrowError(
      refused('DICOM_TOO_LARGE'),
    );
  });

  test('a deflated data set is read; one of 1000 : 1 is DICOM_INFLATE_LIMIT before it is inflated', () => {
    const deflated = { transferSyntax: '1.2.840.10008.1.2.1.99', deflate: true };
    expect(read.text(parseDicom(writeDicom(plain, deflated)).dataSet, 0x00100020)).toBe('0042');
    const bomb = writeDicom([[0x00091010, 'OB', new Uint8Array(64 * 2 ** 20)]], deflated);
    const before = process.memoryUsage().arrayBuffers;
    expect(() => parseDicom(bomb)).toThrowError(refused('DICOM_INFLATE_LIMIT'));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(32 * 2 ** 20);
  });

  test('deflated data that end early are DICOM_TRUNCATED, damaged ones DICOM_INVALID', () => {
    const bytes = writeDicom(plain, { transferSyntax: '1.2.840.10008.1.2.1.99', deflate: true });
    expect(() => parseDicom(bytes.subarray(0, bytes.length - 8))).toThrowError(refused('DICOM_TRUNCATED'));
    const body = writeDicom([], { transferSyntax: '1.2.840.10008.1.2.1.99' }).length;
    bytes.fill(0xff, body);
    expect(() => parseDicom(bytes)).toThrowError(refused('DICOM_INVALID'));
  });
});

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { InputSpec } from '#core/model-package';
import { decodeFrames } from '#dicom/decode';
import { greyOf, greyTransform } from '#dicom/grey';
import type { GreyRules } from '#dicom/grey-rules';
import { newValues, type StoredType, viewValues } from '#dicom/image-pixel';
import { parseDicom } from '#dicom/parse';
import { readF32, readU8 } from '#inference/bytes';
import { prepareImage, toTensor } from '#inference/preprocess';

/** What training's own preprocessing gave, from decoded stored values on. */
interface Fixture {
  readonly shows?: string;
  /** DICOM file in this repository, for `file-*.json`. */
  readonly file?: string;
  readonly stored: {
    readonly rows: number;
    readonly columns: number;
    readonly type: StoredType;
    readonly valuesBase64?: string;
  };
  readonly grey: {
    readonly photometric: string;
    readonly slope: number;
    readonly intercept: number;
    readonly modalityLut: Table | null;
    readonly voiLut: Table | null;
    readonly window: GreyRules['window'];
    readonly padding: GreyRules['padding'];
  };
  readonly input: InputSpec;
  readonly tensorF32?: string;
  readonly tensorFile?: string;
}

interface Table {
  readonly first: number;
  readonly bits: number;
  readonly entriesU16: string;
}

const repository = path.resolve(import.meta.dirname, '..', '..');
const folder = path.join(repository, 'test', 'fixtures', 'preprocessing');
const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.json')) : [];
const read = (name: string): Fixture => JSON.parse(readFileSync(path.join(folder, name), 'utf8')) as Fixture;

function lookupTable(table: Table | null): GreyRules['voiLut'] {
  if (table === null) return null;
  const bytes = readU8(table.entriesU16)!;
  return { first: table.first, bits: table.bits, entries: new Uint16Array(bytes.buffer) };
}

function largestGap(actual: Float32Array, wanted: Float32Array): number {
  expect(actual.length).toBe(wanted.length);
  return actual.reduce((largest, value, i) => Math.max(largest, Math.abs(value - wanted[i]!)), 0);
}

describe('TypeScript preprocessing equals training’s to 1e-3 on the tensor', () => {
  test('there is one of every stored form of the sandbox’s pictures, and arrays for every grey rule', () => {
    expect(names.filter((name) => name.startsWith('file-')).sort()).toEqual(
      [
        'elevated', // LINEAR window
        'indeterminate', // SIGMOID
        'jpeg-2000',
        'jpeg-ls',
        'lateral',
        'low', // no window
        'monochrome1',
        'rle', // LINEAR_EXACT
      ].map((id) => `file-${id}-1.json`),
    );
    expect(names.filter((name) => name.startsWith('array-'))).toHaveLength(16);
  });

  test.each(names.filter((name) => name.startsWith('array-')).map((name) => [name, read(name)] as const))(
    '%s',
    (_name, { stored, grey, input, tensorF32 }) => {
      const data = viewValues(stored.type, readU8(stored.valuesBase64!)!);
      const bits = data.BYTES_PER_ELEMENT * 8;
      const rules = { ...grey, modalityLut: lookupTable(grey.modalityLut), voiLut: lookupTable(grey.voiLut) };
      const form = {
        bitsAllocated: bits,
        bitsStored: bits,
        highBit: bits - 1,
        signed: stored.type.startsWith('int'),
      };
      const image = { rows: stored.rows, columns: stored.columns, data, ...greyOf(rules, form, data) };
      expect(largestGap(toTensor(prepareImage(image, input), input), readF32(tensorF32!)!)).toBeLessThan(
        1e-3,
      );
      // The same without a table, as for values of more than 16 bits.
      const plain = { ...image, table: null, data: newValues('float64', data.length) };
      plain.data.set(data);
      expect(largestGap(toTensor(prepareImage(plain, input), input), readF32(tensorF32!)!)).toBeLessThan(
        1e-3,
      );
    },
  );

  test.each(names.filter((name) => name.startsWith('file-')).map((name) => [name, read(name)] as const))(
    '%s',
    (_name, { file, stored, input, tensorFile }) => {
      const dicom = parseDicom(new Uint8Array(readFileSync(path.join(repository, file!))));
      const decoded = decodeFrames(dicom);
      expect([decoded.rows, decoded.columns]).toEqual([stored.rows, stored.columns]);
      const image = { ...decoded, ...greyTransform(dicom, decoded) };
      const wanted = new Float32Array(new Uint8Array(readFileSync(path.join(folder, tensorFile!))).buffer);
      expect(largestGap(toTensor(prepareImage(image, input), input), wanted)).toBeLessThan(1e-3);
    },
  );
});

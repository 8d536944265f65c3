import { readFileSync } from 'node:fs';
import path from 'node:path';
import dicomParser from 'dicom-parser';
import { describe, expect, test } from 'vitest';
import { createCodecs } from '#dicom/decoders/codecs';
import { type InspectEntry, inspectBytes } from '#dicom/inspect';
import { parseDicom } from '#dicom/parse';
import { sharedData, sharedDataMissing } from '../support/shared.ts';

/**
 * The public files against the independent decode of their manifest. Two monochrome references are not the image:
 * each is named here with what ours equals or why it is refused.
 */
const wrongReferences: Readonly<Record<string, string>> = {
  // All zeros there; ours equals the reference of the same image in JPEG lossless and in RLE.
  'dicomParser/CT0012.fragmented_no_bot_jpeg_ls.80.dcm': 'dicomParser/CT0012.not_fragmented_bot_rle.dcm',
  // Its codestream says 3,722,445,056 columns where the header says 256; the reference holds noise.
  'pydicom/JPEG2000-embedded-sequence-delimiter.dcm': 'DICOM_INVALID',
  // 8-bit pixels in OW, big-endian: the pairs of bytes are not turned round there. Ours equals the same image in
  // little-endian; of the second there is none.
  'pydicom/SC_rgb_small_odd_big_endian.dcm': 'pydicom/SC_rgb_small_odd.dcm',
  'pydicom-data/OBXXXX1A_expb.dcm': 'decoded',
};

type Row = Readonly<Record<string, string>>;

const folder = sharedData('dicom');

function manifest(file: string): readonly Row[] {
  const [header = [], ...rows] = readFileSync(file, 'utf8')
    .trim()
    .split(/\r?\n/)
    .map((line) => [...line.matchAll(/("([^"]*)"|[^,]*)(,|$)/g)].map((match) => match[2] ?? match[1] ?? ''));
  return rows.map((cells) => Object.fromEntries(header.map((name, index) => [name, cells[index] ?? ''])));
}

describe.skipIf(folder === null)(
  `the public DICOM files (${folder === null ? sharedDataMissing : 'present'})`,
  () => {
    const rows = folder === null ? [] : manifest(path.join(folder, 'manifest.csv'));
    const read = (file: string): Uint8Array => readFileSync(path.join(folder ?? '', file));
    const codecs = createCodecs();
    const reference = (file: string): string | undefined =>
      rows.find((row) => row['file'] === file)?.['ref_sha256'];

    test('decode to the reference, or to a coded refusal', () => {
      const counts = new Map<string, number>();
      const count = (what: string): void => void counts.set(what, (counts.get(what) ?? 0) + 1);
      const wrong: string[] = [];
      for (const row of rows) {
        const file = row['file']!;
        const entry = inspectBytes(read(file), { codecs });
        const kind = row['photometric']?.startsWith('MONOCHROME') === true ? 'monochrome' : 'colour';
        const exception = wrongReferences[file];
        if (row['ref'] === 'ok' && exception === undefined) {
          count(`${kind}, equal to the reference`);
          if (entry.sha256 !== row['ref_sha256'] || !describes(entry, row)) wrong.push(file);
        } else if (exception !== undefined) {
          count(`${kind}, the reference is not the image`);
          const expected = reference(exception) ?? exception;
          if (![entry.sha256, entry.reason?.code, entry.status].includes(expected)) wrong.push(file);
        } else {
          count(`no reference: ${entry.status}${entry.status === 'refused' ? ` ${entry.reason?.code}` : ''}`);
          if (entry.status !== 'decoded' && entry.reason === null) wrong.push(file);
        }
      }
      console.log(`${rows.length} public files:`, Object.fromEntries([...counts].sort()));
      expect(wrong).toEqual([]);
    });

    test('one-bit pixels are the same in every syntax', () => {
      const digest = (file: string) => inspectBytes(read(`pydicom-data/${file}`), { codecs }).sha256;
      const expected = reference('pydicom-data/liver_nonbyte_aligned.dcm');
      for (const form of ['deflate', 'rle', 'j2k'])
        expect(digest(`liver_nonbyte_aligned_${form}.dcm`)).toBe(expected);
      expect(digest('liver_rle.dcm')).toBe(digest('liver_j2k.dcm'));
      expect(digest('liver_rle.dcm')).toBe(digest('liver_deflate.dcm'));
    });

    test('elements lie where dicom-parser finds them', () => {
      let compared = 0;
      for (const row of rows) {
        const bytes = read(row['file']!);
        let theirs: dicomParser.DataSet;
        let ours: ReturnType<typeof parseDicom>;
        try {
          theirs = dicomParser.parseDicom(bytes, { untilTag: 'x7fe00010' });
          ours = parseDicom(bytes);
        } catch (error) {
          // What one of the two refuses cannot be compared.
          expect(error).toBeDefined();
          continue;
        }
        if (ours.transferSyntax?.deflated === true || ours.dataSet.bytes !== bytes) continue;
        for (const element of ours.dataSet.elements.values()) {
          const other = theirs.elements[`x${element.tag.toString(16).padStart(8, '0')}`];
          expect(other?.dataOffset).toBe(element.offset);
          if (!element.undefinedLength) expect(other?.length).toBe(element.length);
          compared += 1;
        }
      }
      console.log(`${compared} elements compared`);
      expect(compared).toBeGreaterThan(5000);
    });
  },
);

function describes(entry: InspectEntry, row: Row): boolean {
  const shape = [
    entry.frames === 1 ? null : entry.frames,
    entry.rows,
    entry.columns,
    entry.samples === 1 ? null : entry.samples,
  ];
  return (
    entry.status === 'decoded' &&
    shape.filter((size) => size !== null).join('x') === row['ref_shape'] &&
    entry.min === Number(row['ref_min']) &&
    entry.max === Number(row['ref_max']) &&
    Math.abs((entry.mean ?? Number.NaN) - Number(row['ref_mean'])) < 1e-3
  );
}

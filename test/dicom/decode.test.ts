import { describe, expect, test } from 'vitest';
import { decodeFrames } from '#dicom/decode';
import { createCodecs } from '#dicom/decoders/codecs';
import { parseDicom } from '#dicom/parse';
import {
  bytesOf,
  type ImageOptions,
  imageModule,
  type WriteOptions,
  writeDicom,
  writeEncapsulated,
} from '../support/dicom-writer.ts';
import {
  encodeJpegDct,
  encodeJpegLossless,
  encodeRle,
  encodeWith,
  packBits,
  picture,
  rleFrame,
} from '../support/frame-encoders.ts';

const codecs = createCodecs();
const decode = (bytes: Uint8Array, frames?: readonly number[]) =>
  decodeFrames(parseDicom(bytes), { codecs, ...(frames !== undefined && { frames }) });

const native = (image: ImageOptions, values: ArrayBufferView, vr = 'OW', options: WriteOptions = {}) =>
  writeDicom([...imageModule(image), [0x7fe00010, vr, bytesOf(values)]], options);

describe('uncompressed pixels', () => {
  test('are a view of the file: nothing is copied', () => {
    const { values } = picture(8, 6, 1, 12);
    const bytes = native({ rows: 8, columns: 6, bitsStored: 12 }, values);
    const decoded = decode(bytes);
    expect(decoded.data).toEqual(values);
    expect(decoded.data.buffer).toBe(bytes.buffer);
  });

  test.each([
    ['8 bits', 8, false, Uint8Array.of(0, 1, 200, 255), 'uint8'],
    ['8 bits signed', 8, true, Int8Array.of(-128, -1, 0, 127), 'int8'],
    ['16 bits', 16, false, Uint16Array.of(0, 1, 40_000, 65_535), 'uint16'],
    ['16 bits signed', 16, true, Int16Array.of(-32_768, -1, 0, 32_767), 'int16'],
    ['32 bits', 32, false, Uint32Array.of(0, 1, 3_000_000_000, 4_294_967_295), 'uint32'],
    ['32 bits signed', 32, true, Int32Array.of(-2_147_483_648, -1, 0, 2_147_483_647), 'int32'],
  ])('%s', (_, bitsAllocated, signed, values, dtype) => {
    const decoded = decode(native({ rows: 2, columns: 2, bitsAllocated, signed }, values));
    expect(decoded.data).toEqual(values);
    expect(decoded.dtype).toBe(dtype);
  });

  test('big-endian words are turned round; bytes in OW lie swapped in pairs, in OB they do not', () => {
    const bigEndian = { transferSyntax: '1.2.840.10008.1.2.2' };
    const words = decode(native({ rows: 1, columns: 2 }, Uint8Array.of(1, 2, 3, 4), 'OW', bigEndian));
    expect([...words.data]).toEqual([0x0102, 0x0304]);
    const image = { rows: 1, columns: 3, bitsAllocated: 8 };
    expect([...decode(native(image, Uint8Array.of(2, 1, 0, 3), 'OW', bigEndian)).data]).toEqual([1, 2, 3]);
    expect([...decode(native(image, Uint8Array.of(1, 2, 3, 0), 'OB', bigEndian)).data]).toEqual([1, 2, 3]);
  });

  test('one-bit frames follow each other without padding, lowest bit first', () => {
    const image = { rows: 1, columns: 5, frames: 2, bitsAllocated: 1, bitsStored: 1 };
    const bytes = native(image, Uint8Array.of(0b01110001, 0b00000010));
    expect([...decode(bytes).data]).toEqual([1, 0, 0, 0, 1, 1, 1, 0, 0, 1]);
    expect([...decode(bytes, [1]).data]).toEqual([1, 1, 0, 0, 1]);
  });

  test('single frames are taken out of many, in any order', () => {
    const bytes = native(
      { rows: 1, columns: 2, frames: 3, bitsAllocated: 8 },
      Uint8Array.of(1, 2, 3, 4, 5, 6),
    );
    expect([...decode(bytes, [2, 0]).data]).toEqual([5, 6, 1, 2]);
    expect(() => decode(bytes, [3])).toThrowError(expect.objectContaining({ code: 'DICOM_INVALID' }));
  });

  test('colour by plane becomes colour by pixel', () => {
    const image = { rows: 1, columns: 2, samples: 3, bitsAllocated: 8, planar: 1 };
    expect([...decode(native(image, Uint8Array.of(1, 2, 3, 4, 5, 6))).data]).toEqual([1, 3, 5, 2, 4, 6]);
  });

  test('YBR_FULL_422 repeats its chroma samples', () => {
    const image = {
      rows: 1,
      columns: 2,
      samples: 3,
      bitsAllocated: 8,
      photometric: 'YBR_FULL_422',
      planar: 0,
    };
    const decoded = decode(native(image, Uint8Array.of(10, 20, 30, 40)));
    expect([...decoded.data]).toEqual([10, 30, 40, 20, 30, 40]);
    expect(decoded.photometric).toBe('YBR_FULL_422');
  });

  test('float and double float pixel data', () => {
    const image = [
      [0x00280010, 'US', 1],
      [0x00280011, 'US', 2],
    ] as const;
    const single = Float32Array.of(1.5, -2.25);
    expect(decode(writeDicom([...image, [0x7fe00008, 'OF', bytesOf(single)]])).data).toEqual(single);
    const double = Float64Array.of(1 / 3, -1e300);
    expect(decode(writeDicom([...image, [0x7fe00009, 'OD', bytesOf(double)]])).data).toEqual(double);
  });

  test('missing Bits Stored and Photometric Interpretation are assumed and said', () => {
    const decoded = decode(
      native({ rows: 1, columns: 2, bitsStored: null, photometric: null }, Uint16Array.of(1, 2)),
    );
    expect(decoded.bitsStored).toBe(16);
    expect(decoded.photometric).toBe('MONOCHROME2');
    expect(decoded.notes.join(' ')).toMatch(/Photometric Interpretation is missing.*Bits Stored is missing/);
  });
});

describe('compressed pixels come back as they were', () => {
  const grey = picture(37, 29, 1, 12);
  const colour = picture(16, 20, 3, 8);
  const image = { rows: 37, columns: 29, bitsStored: 12 };
  const colourImage = { rows: 16, columns: 20, samples: 3, bitsAllocated: 8, planar: 0 };

  test('RLE of 8, 16 and 32 bits and of colour', () => {
    const rle = '1.2.840.10008.1.2.5';
    for (const [shape, source] of [
      [image, grey],
      [{ rows: 9, columns: 11, bitsAllocated: 8 }, picture(9, 11, 1, 8)],
      [{ rows: 9, columns: 11, bitsAllocated: 32 }, picture(9, 11, 1, 32)],
      [colourImage, colour],
    ] as const) {
      expect(decode(writeEncapsulated(rle, imageModule(shape), [encodeRle(source)])).data).toEqual(
        source.values,
      );
    }
  });

  test('RLE of one-bit pixels, packed', () => {
    const frame = rleFrame([packBits(Buffer.of(0b00000101, 0b00000001))]);
    const oneBit = { rows: 3, columns: 3, bitsAllocated: 1, bitsStored: 1 };
    const decoded = decode(writeEncapsulated('1.2.840.10008.1.2.5', imageModule(oneBit), [frame]));
    expect([...decoded.data]).toEqual([1, 0, 1, 0, 0, 0, 0, 0, 1]);
  });

  test('JPEG-LS, grey, and colour by plane, by line and by sample', async () => {
    const syntax = '1.2.840.10008.1.2.4.80';
    const frame = await encodeWith('jpeg-ls', grey, { bits: 12 });
    expect(decode(writeEncapsulated(syntax, imageModule(image), [frame])).data).toEqual(grey.values);
    for (const interleave of [1, 2]) {
      const coloured = await encodeWith('jpeg-ls', colour, { bits: 8, interleave });
      expect(decode(writeEncapsulated(syntax, imageModule(colourImage), [coloured])).data).toEqual(
        colour.values,
      );
    }
    const planes = Uint8Array.from(
      [0, 1, 2].flatMap((s) => [...colour.values].filter((_, at) => at % 3 === s)),
    );
    const planar = await encodeWith('jpeg-ls', { ...colour, values: planes }, { bits: 8, interleave: 0 });
    expect(decode(writeEncapsulated(syntax, imageModule(colourImage), [planar])).data).toEqual(colour.values);
  });

  test('JPEG-LS near-lossless stays within its bound', async () => {
    const frame = await encodeWith('jpeg-ls', grey, { bits: 12, near: 3 });
    const { data } = decode(writeEncapsulated('1.2.840.10008.1.2.4.81', imageModule(image), [frame]));
    expect(Math.max(...grey.values.map((value, at) => Math.abs(value - data[at]!)))).toBeLessThanOrEqual(3);
  });

  test.each([
    ['jpeg-2000', '1.2.840.10008.1.2.4.90'],
    ['htj2k', '1.2.840.10008.1.2.4.201'],
  ] as const)('%s, grey, signed and colour', async (name, syntax) => {
    const frame = await encodeWith(name, grey, { bits: 12 });
    expect(decode(writeEncapsulated(syntax, imageModule(image), [frame])).data).toEqual(grey.values);
    const values = Int16Array.from(grey.values, (value) => value - 2048);
    const signed = await encodeWith(name, { ...grey, values }, { bits: 16, signed: true });
    const shape = { rows: 37, columns: 29, signed: true };
    expect(decode(writeEncapsulated(syntax, imageModule(shape), [signed])).data).toEqual(values);
    const coloured = await encodeWith(name, colour, { bits: 8 });
    const decoded = decode(
      writeEncapsulated(syntax, imageModule({ ...colourImage, photometric: 'YBR_RCT' }), [coloured]),
    );
    expect(decoded.data).toEqual(colour.values);
    expect(decoded.photometric).toBe('RGB');
  });

  test('JPEG 2000 without a sign in a signed image is sign-extended from its own bits', async () => {
    const values = Int16Array.from(grey.values, (value) => value - 2048);
    const cells = Uint16Array.from(values, (value) => value & 0xfff);
    const frame = await encodeWith('jpeg-2000', { ...grey, values: cells }, { bits: 12 });
    const shape = { rows: 37, columns: 29, bitsStored: 12, signed: true };
    expect(decode(writeEncapsulated('1.2.840.10008.1.2.4.90', imageModule(shape), [frame])).data).toEqual(
      values,
    );
  });

  test('JPEG baseline: components are given as they are, none is turned into another colour', () => {
    const baseline = '1.2.840.10008.1.2.4.50';
    for (const [samples, photometric] of [
      [1, 'MONOCHROME2'],
      [3, 'RGB'],
      [3, 'YBR_FULL_422'],
    ] as const) {
      const source = picture(32, 40, samples, 8);
      const shape = { rows: 32, columns: 40, samples, bitsAllocated: 8, photometric };
      const decoded = decode(writeEncapsulated(baseline, imageModule(shape), [encodeJpegDct(source, 8)]));
      expect(decoded.photometric).toBe(photometric);
      expect(
        Math.max(...source.values.map((value, at) => Math.abs(value - decoded.data[at]!))),
      ).toBeLessThanOrEqual(3);
    }
  });

  test('JPEG extended with 12 bits is within rounding of the original', () => {
    const frame = encodeJpegDct(grey, 12);
    const { data } = decode(writeEncapsulated('1.2.840.10008.1.2.4.51', imageModule(image), [frame]));
    expect(Math.max(...grey.values.map((value, at) => Math.abs(value - data[at]!)))).toBeLessThanOrEqual(3);
  });

  test('deflated frames and encapsulated uncompressed frames, one-bit too', async () => {
    const { deflateRawSync } = await import('node:zlib');
    const raw = bytesOf(grey.values);
    const deflated = writeEncapsulated('1.2.840.10008.1.2.8.1', imageModule(image), [deflateRawSync(raw)]);
    expect(decode(deflated).data).toEqual(grey.values);
    const plain = writeEncapsulated('1.2.840.10008.1.2.1.98', imageModule(image), [raw]);
    expect(decode(plain).data).toEqual(grey.values);
    const bits = imageModule({ rows: 1, columns: 3, bitsAllocated: 1, bitsStored: 1 });
    expect([
      ...decode(writeEncapsulated('1.2.840.10008.1.2.1.98', bits, [Uint8Array.of(5, 0)])).data,
    ]).toEqual([1, 0, 1]);
  });

  test('a stream of another JPEG process than the syntax says is believed, and said', () => {
    const frame = encodeJpegLossless(grey, { precision: 12, predictor: 1 });
    const decoded = decode(writeEncapsulated('1.2.840.10008.1.2.4.51', imageModule(image), [frame]));
    expect(decoded.data).toEqual(grey.values);
    expect(decoded.notes).toContain('The frame is of another JPEG process than the transfer syntax says.');
  });
});

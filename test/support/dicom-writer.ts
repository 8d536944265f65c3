import { deflateRawSync } from 'node:zlib';

/** Writes small DICOM files for tests: what is asked for, right or wrong, and nothing else. */

type Value = string | number | readonly number[] | Uint8Array | readonly Elements[];

/** `[tag, vr, value]`; a value of element lists is a sequence. */
export type Elements = readonly (readonly [tag: number, vr: string, value: Value])[];

export interface WriteOptions {
  readonly transferSyntax?: string;
  readonly preamble?: boolean;
  readonly meta?: boolean;
  readonly explicit?: boolean;
  readonly littleEndian?: boolean;
  readonly deflate?: boolean;
  /** Sequences and items of undefined length. */
  readonly undefinedLengths?: boolean;
}

const longForm = new Set(['OB', 'OD', 'OF', 'OL', 'OV', 'OW', 'SQ', 'SV', 'UC', 'UN', 'UR', 'UT', 'UV']);
const undefinedLength = 0xffffffff;

const explicitLittle = '1.2.840.10008.1.2.1';

export function writeDicom(elements: Elements, options: WriteOptions = {}): Uint8Array {
  const { transferSyntax = explicitLittle, preamble = true, meta = true, deflate = false } = options;
  const metaBytes = meta
    ? dataSet([[0x00020010, 'UI', transferSyntax]], { explicit: true, littleEndian: true })
    : Buffer.alloc(0);
  const body = dataSet(elements, {
    explicit: options.explicit ?? transferSyntax !== '1.2.840.10008.1.2',
    littleEndian: options.littleEndian ?? transferSyntax !== '1.2.840.10008.1.2.2',
    undefinedLengths: options.undefinedLengths ?? false,
  });
  return Uint8Array.from(
    Buffer.concat([
      ...(preamble ? [Buffer.alloc(128), Buffer.from('DICM')] : []),
      metaBytes,
      deflate ? deflateRawSync(body) : body,
    ]),
  );
}

interface Form {
  readonly explicit: boolean;
  readonly littleEndian: boolean;
  readonly undefinedLengths?: boolean;
}

function dataSet(elements: Elements, form: Form): Buffer {
  return Buffer.concat(elements.map(([tag, vr, value]) => element(tag, vr, value, form)));
}

function element(tag: number, vr: string, value: Value, form: Form): Buffer {
  const bytes = encode(vr, value, form);
  const open = vr === 'SQ' && form.undefinedLengths === true;
  const length = open ? undefinedLength : bytes.length;
  const header = form.explicit
    ? longForm.has(vr)
      ? [tagBytes(tag, form), Buffer.from(`${vr}\0\0`, 'latin1'), u32(length, form)]
      : [tagBytes(tag, form), Buffer.from(vr), u16(length, form)]
    : [tagBytes(tag, form), u32(length, form)];
  return Buffer.concat([...header, bytes, ...(open ? [tagBytes(0xfffee0dd, form), u32(0, form)] : [])]);
}

function encode(vr: string, value: Value, form: Form): Buffer {
  if (vr === 'SQ') return Buffer.concat((value as readonly Elements[]).map((item) => itemBytes(item, form)));
  if (value instanceof Uint8Array)
    return value.length % 2 === 0 ? Buffer.from(value) : padded(Buffer.from(value), 0);
  if (typeof value === 'string') return padded(Buffer.from(value, 'latin1'), vr === 'UI' ? 0 : 0x20);
  const numbers = typeof value === 'number' ? [value] : (value as readonly number[]);
  return Buffer.concat(numbers.map((number) => binary(vr, number, form)));
}

function itemBytes(item: Elements, form: Form): Buffer {
  const bytes = dataSet(item, form);
  const open = form.undefinedLengths === true;
  return Buffer.concat([
    tagBytes(0xfffee000, form),
    u32(open ? undefinedLength : bytes.length, form),
    bytes,
    ...(open ? [tagBytes(0xfffee00d, form), u32(0, form)] : []),
  ]);
}

const padded = (bytes: Buffer, pad: number): Buffer =>
  bytes.length % 2 === 0 ? bytes : Buffer.concat([bytes, Buffer.of(pad)]);

function binary(vr: string, value: number, form: Form): Buffer {
  const size = { US: 2, SS: 2, UL: 4, SL: 4, FL: 4, FD: 8, AT: 4, OV: 8 }[vr] ?? 2;
  const buffer = Buffer.alloc(size);
  const view = new DataView(buffer.buffer, buffer.byteOffset, size);
  if (vr === 'SS') view.setInt16(0, value, form.littleEndian);
  else if (vr === 'SL') view.setInt32(0, value, form.littleEndian);
  else if (vr === 'FL') view.setFloat32(0, value, form.littleEndian);
  else if (vr === 'FD') view.setFloat64(0, value, form.littleEndian);
  else if (vr === 'OV') view.setBigUint64(0, BigInt(value), form.littleEndian);
  else if (size === 4) view.setUint32(0, value, form.littleEndian);
  else view.setUint16(0, value & 0xffff, form.littleEndian);
  return buffer;
}

const u16 = (value: number, form: Form): Buffer => binary('US', value, form);
const u32 = (value: number, form: Form): Buffer => binary('UL', value, form);
const tagBytes = (tag: number, form: Form): Buffer => Buffer.concat([u16(tag >>> 16, form), u16(tag, form)]);

/** (7FE0,0010) in fragments, with a basic offset table that may be empty. */
export function encapsulated(fragments: readonly Uint8Array[], offsets: readonly number[] = []): Buffer {
  const little: Form = { explicit: true, littleEndian: true };
  const item = (bytes: Uint8Array): Buffer => {
    const even = padded(Buffer.from(bytes), 0);
    return Buffer.concat([tagBytes(0xfffee000, little), u32(even.length, little), even]);
  };
  return Buffer.concat([
    tagBytes(0x7fe00010, little),
    Buffer.from('OB\0\0', 'latin1'),
    u32(undefinedLength, little),
    item(Buffer.concat(offsets.map((offset) => u32(offset, little)))),
    ...fragments.map(item),
    tagBytes(0xfffee0dd, little),
    u32(0, little),
  ]);
}

export interface ImageOptions {
  readonly rows: number;
  readonly columns: number;
  readonly samples?: number;
  readonly frames?: number;
  readonly photometric?: string | null;
  readonly bitsAllocated?: number;
  readonly bitsStored?: number | null;
  readonly highBit?: number;
  readonly signed?: boolean;
  readonly planar?: number;
}

/** The Image Pixel module, without the pixels, in the order of its tags; `null` leaves an element out. */
export function imageModule(image: ImageOptions): Elements {
  const { samples = 1, bitsAllocated = 16, signed = false } = image;
  const bitsStored = image.bitsStored === undefined ? bitsAllocated : image.bitsStored;
  const photometric =
    image.photometric === undefined ? (samples === 1 ? 'MONOCHROME2' : 'RGB') : image.photometric;
  const some = (...element: Elements[number]): Elements => [element];
  return [
    ...some(0x00280002, 'US', samples),
    ...(photometric === null ? [] : some(0x00280004, 'CS', photometric)),
    ...(image.planar === undefined ? [] : some(0x00280006, 'US', image.planar)),
    ...(image.frames === undefined ? [] : some(0x00280008, 'IS', String(image.frames))),
    ...some(0x00280010, 'US', image.rows),
    ...some(0x00280011, 'US', image.columns),
    ...some(0x00280100, 'US', bitsAllocated),
    ...(bitsStored === null ? [] : some(0x00280101, 'US', bitsStored)),
    ...(bitsStored === null ? [] : some(0x00280102, 'US', image.highBit ?? bitsStored - 1)),
    ...some(0x00280103, 'US', signed ? 1 : 0),
  ];
}

/** A file with compressed frames. */
export function writeEncapsulated(
  transferSyntax: string,
  elements: Elements,
  fragments: readonly Uint8Array[],
  offsets: readonly number[] = [],
): Uint8Array {
  return Uint8Array.from(
    Buffer.concat([writeDicom(elements, { transferSyntax }), encapsulated(fragments, offsets)]),
  );
}

export const bytesOf = (values: ArrayBufferView): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

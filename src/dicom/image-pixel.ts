import { ServiceError } from '#core/error';
import { type DataElement, pixelDataTag } from './data-set.ts';
import type { DicomFile } from './parse.ts';
import * as read from './values.ts';

/** Stored values, host byte order. */
export type StoredValues =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array;

export type StoredType = 'uint8' | 'int8' | 'uint16' | 'int16' | 'uint32' | 'int32' | 'float32' | 'float64';

/** The Image Pixel module of one file, checked. @see DICOM PS3.3 C.7.6.3 */
export interface ImagePixel {
  readonly rows: number;
  readonly columns: number;
  readonly frames: number;
  readonly samples: number;
  /** Upper case, as written; MONOCHROME2 or RGB where it is missing (then `notes` says so). */
  readonly photometric: string;
  /** Planar Configuration 1: samples of one kind together. */
  readonly planar: boolean;
  readonly bitsAllocated: 1 | 8 | 16 | 32 | 64;
  readonly bitsStored: number;
  readonly highBit: number;
  readonly signed: boolean;
  readonly dtype: StoredType;
  /** The element that holds the pixels. */
  readonly element: DataElement;
  /** What had to be assumed, plain English. */
  readonly notes: readonly string[];
}

const floatPixelDataTag = 0x7fe00008;
const doubleFloatPixelDataTag = 0x7fe00009;

const invalid = (detail: string): ServiceError => new ServiceError('DICOM_INVALID', { detail });

/** @throws ServiceError DICOM_NO_PIXELS, DICOM_INVALID, DICOM_UNSUPPORTED_PIXELS */
export function readImagePixel({ dataSet }: DicomFile): ImagePixel {
  const element = [pixelDataTag, floatPixelDataTag, doubleFloatPixelDataTag]
    .map((tag) => dataSet.elements.get(tag))
    .find((found) => found !== undefined && (found.length > 0 || found.undefinedLength));
  if (element === undefined) throw new ServiceError('DICOM_NO_PIXELS');
  const float = element.tag !== pixelDataTag;
  const notes: string[] = [];
  const size = (tag: number, name: string): number => {
    const value = read.number(dataSet, tag, 'unsigned16');
    if (value === null || !Number.isInteger(value) || value < 1) throw invalid(`${name} is missing or odd.`);
    return value;
  };
  const rows = size(0x00280010, 'Rows');
  const columns = size(0x00280011, 'Columns');
  const samples = read.number(dataSet, 0x00280002, 'unsigned16') ?? 1;
  if (samples !== 1 && samples !== 3 && samples !== 4) {
    throw new ServiceError('DICOM_UNSUPPORTED_PIXELS', { detail: `Samples per Pixel is ${samples}.` });
  }

  const written = read.code(dataSet, 0x00280004);
  const photometric = written ?? (samples === 1 ? 'MONOCHROME2' : 'RGB');
  if (written === null) notes.push(`Photometric Interpretation is missing; ${photometric} was assumed.`);
  const oneSample = photometric.startsWith('MONOCHROME') || photometric === 'PALETTE COLOR';
  if (oneSample !== (samples === 1)) {
    // Written by others: quoted only where it is a Code String. @see DICOM PS3.5 6.2
    const named = /^[A-Z0-9_ ]{1,16}$/.test(photometric) ? photometric : 'the photometric interpretation';
    throw invalid(`${samples} samples a pixel do not go with ${named}.`);
  }

  const bitsAllocated = float
    ? element.tag === floatPixelDataTag
      ? 32
      : 64
    : read.number(dataSet, 0x00280100, 'unsigned16');
  if (bitsAllocated === null) throw invalid('Bits Allocated is missing.');
  if (bitsAllocated !== 1 && bitsAllocated !== 8 && bitsAllocated !== 16 && bitsAllocated !== 32 && !float) {
    throw new ServiceError('DICOM_UNSUPPORTED_PIXELS', { detail: `Bits Allocated is ${bitsAllocated}.` });
  }
  const { bitsStored, highBit } = float
    ? { bitsStored: bitsAllocated, highBit: bitsAllocated - 1 }
    : storedBits(dataSet, bitsAllocated, notes);
  const signed = float || (bitsAllocated > 1 && read.number(dataSet, 0x00280103, 'unsigned16') === 1);
  return {
    rows,
    columns,
    frames: frameCount(dataSet),
    samples,
    photometric,
    planar: samples > 1 && read.number(dataSet, 0x00280006, 'unsigned16') === 1,
    bitsAllocated: bitsAllocated as ImagePixel['bitsAllocated'],
    bitsStored,
    highBit,
    signed,
    dtype: typeOf(bitsAllocated, signed, float),
    element,
    notes,
  };
}

function storedBits(
  dataSet: DicomFile['dataSet'],
  bitsAllocated: number,
  notes: string[],
): { readonly bitsStored: number; readonly highBit: number } {
  const written = read.number(dataSet, 0x00280101, 'unsigned16');
  const bitsStored = written ?? bitsAllocated;
  if (written === null) notes.push(`Bits Stored is missing; ${bitsAllocated} was assumed.`);
  if (bitsStored < 1 || bitsStored > bitsAllocated) {
    throw invalid(`${bitsStored} bits stored do not fit ${bitsAllocated} bits allocated.`);
  }
  const highBit = read.number(dataSet, 0x00280102, 'unsigned16') ?? bitsStored - 1;
  if (highBit < bitsStored - 1 || highBit >= bitsAllocated) {
    throw invalid(`High Bit ${highBit} does not go with ${bitsStored} bits stored.`);
  }
  return { bitsStored, highBit };
}

function frameCount(dataSet: DicomFile['dataSet']): number {
  if (read.text(dataSet, 0x00280008) === null) return 1;
  const frames = read.number(dataSet, 0x00280008);
  if (frames === null || !Number.isInteger(frames) || frames < 1) throw invalid('Number of Frames is odd.');
  return frames;
}

function typeOf(bits: number, signed: boolean, float: boolean): StoredType {
  if (float) return bits === 32 ? 'float32' : 'float64';
  if (bits <= 8) return signed ? 'int8' : 'uint8';
  if (bits === 16) return signed ? 'int16' : 'uint16';
  return signed ? 'int32' : 'uint32';
}

const constructors = {
  uint8: Uint8Array,
  int8: Int8Array,
  uint16: Uint16Array,
  int16: Int16Array,
  uint32: Uint32Array,
  int32: Int32Array,
  float32: Float32Array,
  float64: Float64Array,
} as const;

/** Bytes of one stored value. */
export function bytesPerValue(dtype: StoredType): number {
  return constructors[dtype].BYTES_PER_ELEMENT;
}

export function newValues(dtype: StoredType, length: number): StoredValues {
  return new constructors[dtype](length);
}

/** A view of `bytes` as values, copied only where the alignment asks for it. Little-endian hosts only. */
export function viewValues(dtype: StoredType, bytes: Uint8Array): StoredValues {
  const size = bytesPerValue(dtype);
  const aligned = bytes.byteOffset % size === 0 ? bytes : Uint8Array.from(bytes);
  return new constructors[dtype](
    aligned.buffer as ArrayBuffer,
    aligned.byteOffset,
    Math.floor(aligned.byteLength / size),
  );
}

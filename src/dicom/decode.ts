import { ServiceError } from '#core/error';
import { type Codecs, createCodecs } from './decoders/codecs.ts';
import { decodeDeflatedFrame } from './decoders/deflated-frames.ts';
import type { DecodedFrame, FrameDecoder } from './decoders/frame-decoder.ts';
import { decodeJpeg } from './decoders/jpeg.ts';
import { decodeHtj2k, decodeJpeg2000 } from './decoders/jpeg-2000.ts';
import { interleave, nativeFrameBits, readNative, unpackBits } from './decoders/native.ts';
import { decodeRle } from './decoders/rle.ts';
import { encapsulatedFrames } from './frames.ts';
import {
  bytesPerValue,
  type ImagePixel,
  newValues,
  readImagePixel,
  type StoredType,
  type StoredValues,
  viewValues,
} from './image-pixel.ts';
import { type DicomLimits, defaultLimits } from './limits.ts';
import type { DicomFile } from './parse.ts';
import { isEncapsulated, type PixelEncoding } from './transfer-syntax.ts';

/** Stored values of some frames, before any LUT or rescale: frame by row by column by sample, host byte order. */
export interface DecodedFrames {
  readonly rows: number;
  readonly columns: number;
  /** Frames in `data`. */
  readonly frames: number;
  /** Numbers of the frames in `data`, from 0. */
  readonly frameNumbers: readonly number[];
  readonly samples: number;
  /** What the values are: as in the header, or RGB where the stream's own colour transform was undone. */
  readonly photometric: string;
  readonly bitsAllocated: number;
  readonly bitsStored: number;
  readonly highBit: number;
  readonly signed: boolean;
  readonly dtype: StoredType;
  /**
   * Cells as allocated: bits outside of Bits Stored are still there (overlays, rubbish); `greyTransform` removes
   * them. May be a view of the file's bytes: not to be written to.
   */
  readonly data: StoredValues;
  /** What had to be assumed, plain English. */
  readonly notes: readonly string[];
}

export interface DecodeOptions {
  /** Frame numbers from 0, default all. */
  readonly frames?: readonly number[];
  readonly limits?: DicomLimits;
  /** The thread's codecs; without them they are compiled for this call (10 to 25 ms). */
  readonly codecs?: Codecs;
}

const decoders: Readonly<Record<Exclude<PixelEncoding, 'native'>, FrameDecoder>> = {
  rle: decodeRle,
  'deflated-frames': decodeDeflatedFrame,
  jpeg: decodeJpeg,
  'jpeg-lossless': decodeJpeg,
  'jpeg-ls': decodeJpeg,
  'jpeg-2000': decodeJpeg2000,
  htj2k: decodeHtj2k,
};

/**
 * Decodes frames to stored values. Blocks the thread.
 * @throws ServiceError DICOM_NO_PIXELS, DICOM_UNSUPPORTED_SYNTAX, DICOM_UNSUPPORTED_PIXELS, DICOM_INVALID,
 *   DICOM_TRUNCATED, DICOM_TOO_LARGE, DICOM_INFLATE_LIMIT, DICOM_CODEC_FAILED
 * @see DICOM PS3.5 §8
 */
export function decodeFrames(file: DicomFile, options: DecodeOptions = {}): DecodedFrames {
  const limits = options.limits ?? defaultLimits;
  const pixel = readImagePixel(file);
  const syntax = file.transferSyntax;
  if (syntax === null) throw new ServiceError('DICOM_UNSUPPORTED_SYNTAX');
  const frameNumbers = options.frames ?? allFrames(file, pixel, limits);
  if (frameNumbers.some((frame) => !Number.isInteger(frame) || frame < 0 || frame >= pixel.frames)) {
    throw new ServiceError('DICOM_INVALID', {
      detail: 'The image does not have the frame that is asked for.',
    });
  }
  checkSize(pixel, frameNumbers.length, limits);

  const decoded = isEncapsulated(syntax)
    ? decodeEncapsulated(file, pixel, frameNumbers, syntax.encoding, limits, options.codecs)
    : {
        data: decodeNative(file, pixel, frameNumbers, syntax.littleEndian),
        photometric: pixel.photometric,
        notes: [],
      };
  return {
    rows: pixel.rows,
    columns: pixel.columns,
    frames: frameNumbers.length,
    frameNumbers,
    samples: pixel.samples,
    photometric: decoded.photometric,
    bitsAllocated: pixel.bitsAllocated,
    bitsStored: pixel.bitsStored,
    highBit: pixel.highBit,
    signed: pixel.signed,
    dtype: pixel.dtype,
    data: decoded.data,
    notes: [...file.notes, ...pixel.notes, ...decoded.notes],
  };
}

interface Decoded {
  readonly data: StoredValues;
  readonly photometric: string;
  readonly notes: Iterable<string>;
}

function checkSize(pixel: ImagePixel, frames: number, limits: DicomLimits): void {
  const bytes = pixel.rows * pixel.columns * pixel.samples * frames * bytesPerValue(pixel.dtype);
  if (bytes > limits.pixelBytes) {
    throw new ServiceError('DICOM_TOO_LARGE', {
      detail: `The pixels are ${Math.ceil(bytes / 2 ** 20)} MiB; the limit is ${Math.floor(limits.pixelBytes / 2 ** 20)} MiB.`,
    });
  }
}

function allFrames(file: DicomFile, pixel: ImagePixel, limits: DicomLimits): readonly number[] {
  checkSize(pixel, pixel.frames, limits);
  // The list itself costs memory: no frame is smaller than a byte of the file.
  if (pixel.frames > file.dataSet.bytes.length) {
    throw new ServiceError('DICOM_INVALID', { detail: 'More frames are announced than the file has bytes.' });
  }
  return Array.from({ length: pixel.frames }, (_, index) => index);
}

function decodeNative(
  { dataSet }: DicomFile,
  pixel: ImagePixel,
  frameNumbers: readonly number[],
  littleEndian: boolean,
): StoredValues {
  const { offset, length, undefinedLength } = pixel.element;
  if (undefinedLength) {
    throw new ServiceError('DICOM_INVALID', { detail: 'Uncompressed pixel data have no length.' });
  }
  const bytes = dataSet.bytes.subarray(offset, offset + length);
  checkNativeLength(length, pixel);
  const [first] = frameNumbers;
  const consecutive = frameNumbers.every((frame, index) => frame === first! + index);
  if (first !== undefined && consecutive) {
    return readNative(bytes, pixel, first, frameNumbers.length, littleEndian);
  }
  const perFrame = pixel.rows * pixel.columns * pixel.samples;
  const data = newValues(pixel.dtype, perFrame * frameNumbers.length);
  frameNumbers.forEach((frame, index) => {
    data.set(readNative(bytes, pixel, frame, 1, littleEndian), perFrame * index);
  });
  return data;
}

/** Writers pad pixel data by some bytes; more than that, or a whole frame, means that the header is wrong. */
const mostPadding = 1024;

/** @throws ServiceError DICOM_INVALID */
function checkNativeLength(length: number, pixel: ImagePixel): void {
  const frameBytes = nativeFrameBits(pixel) / 8;
  const excess = length - frameBytes * pixel.frames;
  if (excess > mostPadding || (excess > 1 && excess >= frameBytes)) {
    throw new ServiceError('DICOM_INVALID', {
      detail: 'The pixel data are longer than rows, columns, frames and bits say.',
    });
  }
}

function decodeEncapsulated(
  { dataSet }: DicomFile,
  pixel: ImagePixel,
  frameNumbers: readonly number[],
  encoding: PixelEncoding,
  limits: DicomLimits,
  given: Codecs | undefined,
): Decoded {
  const source = encapsulatedFrames(dataSet, pixel.element, pixel.frames);
  const context = { codecs: given ?? createCodecs(limits), limits, encoding };
  const decode = encoding === 'native' ? decodeUncompressedFrame : decoders[encoding];
  const perFrame = pixel.rows * pixel.columns * pixel.samples;
  let photometric = pixel.photometric;
  const notes = new Set<string>();
  const place = (number: number): StoredValues => {
    const frame = decode(source.frame(number), pixel, context);
    photometric = frame.photometric ?? photometric;
    if (frame.note !== undefined) notes.add(frame.note);
    return stored(frame, pixel);
  };
  const [only] = frameNumbers;
  if (only !== undefined && frameNumbers.length === 1) return { data: place(only), photometric, notes };
  const data = newValues(pixel.dtype, perFrame * frameNumbers.length);
  frameNumbers.forEach((frame, index) => {
    data.set(place(frame), perFrame * index);
  });
  return { data, photometric, notes };
}

/** Encapsulated Uncompressed: each frame is its native form. @see DICOM PS3.5 A.4.11 */
const decodeUncompressedFrame: FrameDecoder = (input, pixel) => {
  const values = pixel.rows * pixel.columns * pixel.samples;
  if (pixel.bitsAllocated === 1) {
    if (input.length * 8 < values)
      throw new ServiceError('DICOM_INVALID', { detail: 'A frame is too short.' });
    return { values: unpackBits(input, 0, values), planar: pixel.planar, precision: null, signed: null };
  }
  const flat = readNative(input, { ...pixel, planar: false }, 0, 1, true);
  return {
    values: flat as DecodedFrame['values'],
    planar: pixel.planar,
    precision: null,
    signed: pixel.signed,
  };
};

/** A decoded frame as values of the type that the header says. */
function stored(frame: DecodedFrame, pixel: ImagePixel): StoredValues {
  const typed = retype(frame, pixel);
  return frame.planar && pixel.samples > 1 ? interleave(typed, pixel, 1) : typed;
}

function retype({ values, precision, signed }: DecodedFrame, pixel: ImagePixel): StoredValues {
  const cellBits = values.BYTES_PER_ELEMENT * 8;
  // JPEG 2000 says whether its values have a sign; where it says no and the header yes, the header is believed.
  const bits = signed === false && pixel.signed ? (precision ?? cellBits) : cellBits;
  const widen = values.BYTES_PER_ELEMENT !== bytesPerValue(pixel.dtype);
  if (!widen && bits === cellBits) {
    return viewValues(pixel.dtype, new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  const out = newValues(pixel.dtype, values.length);
  if (signed === null || !pixel.signed) out.set(values);
  else {
    const shift = 32 - bits;
    for (let at = 0; at < values.length; at += 1) out[at] = (values[at]! << shift) >> shift;
  }
  return out;
}

import { promisify } from 'node:util';
import { inflateRaw } from 'node:zlib';
import { ServiceError } from '#core/error';
import { nativeFrameBits, readNative } from './decoders/native.ts';
import { type EncapsulatedFrames, encapsulatedFrames } from './frames.ts';
import type { ImagePixel } from './image-pixel.ts';
import { type DicomLimits, defaultLimits } from './limits.ts';
import { type DicomFile, inflateFailure } from './parse.ts';
import { explicitLittleEndian, isEncapsulated } from './transfer-syntax.ts';

/** The frames of one file without being decoded. */
export interface StoredFrames {
  /**
   * Of the frames: that of the file, and Explicit VR Little Endian where the file has them without compression or
   * deflated; planes and packed chroma stay as they are.
   */
  readonly transferSyntaxUid: string;
  /** @param index from 0. May be a view of the file’s bytes: not to be written to. @throws ServiceError DICOM_… */
  frame(index: number): Promise<Uint8Array>;
}

const inflateAside = promisify(inflateRaw);

/**
 * The frames of a file as stored: fragments joined, native frames cut.
 *
 * @throws ServiceError DICOM_UNSUPPORTED_SYNTAX, DICOM_INVALID, DICOM_TRUNCATED, DICOM_TOO_LARGE
 * @see DICOM PS3.5 §8, A.4
 */
export function storedFrames(
  file: DicomFile,
  pixel: ImagePixel,
  limits: DicomLimits = defaultLimits,
): StoredFrames {
  const { dataSet, transferSyntax: syntax } = file;
  if (syntax === null) throw new ServiceError('DICOM_UNSUPPORTED_SYNTAX');
  const frameBytes = Math.ceil(nativeFrameBits(pixel) / 8);
  if (frameBytes > limits.pixelBytes)
    throw new ServiceError('DICOM_TOO_LARGE', {
      detail: `A frame is ${Math.ceil(frameBytes / 2 ** 20)} MiB; the limit is ${Math.floor(limits.pixelBytes / 2 ** 20)} MiB.`,
    });
  if (pixel.frames > dataSet.bytes.length)
    throw new ServiceError('DICOM_INVALID', { detail: 'More frames are announced than the file has bytes.' });
  let found: EncapsulatedFrames | null = null;
  const stored = (index: number): Uint8Array => {
    if (!isEncapsulated(syntax)) return nativeFrame(file, pixel, index);
    found ??= encapsulatedFrames(dataSet, pixel.element, pixel.frames);
    return found.frame(index);
  };
  const isPlain = syntax.encoding === 'native' || syntax.encoding === 'deflated-frames';
  return {
    transferSyntaxUid: isPlain ? explicitLittleEndian : syntax.uid,
    async frame(index) {
      if (!Number.isInteger(index) || index < 0 || index >= pixel.frames)
        throw new ServiceError('DICOM_INVALID', {
          detail: 'The image does not have the frame that is asked for.',
        });
      const bytes = stored(index);
      if (!isPlain) return bytes;
      const native = syntax.encoding === 'deflated-frames' ? await inflated(bytes, frameBytes + 1) : bytes;
      if (native.length < frameBytes)
        throw new ServiceError('DICOM_INVALID', { detail: 'A frame is shorter than the header says.' });
      return native.subarray(0, frameBytes);
    },
  };
}

async function inflated(bytes: Uint8Array, maxOutputLength: number): Promise<Uint8Array> {
  try {
    return await inflateAside(bytes, { maxOutputLength });
  } catch (cause) {
    throw inflateFailure(cause);
  }
}

function nativeFrame(
  { dataSet: { bytes, littleEndian }, transferSyntax }: DicomFile,
  pixel: ImagePixel,
  index: number,
): Uint8Array {
  const { offset, length, undefinedLength } = pixel.element;
  if (undefinedLength)
    throw new ServiceError('DICOM_INVALID', { detail: 'Uncompressed pixel data are in fragments.' });
  const value = bytes.subarray(offset, offset + length);
  const isLittle = transferSyntax?.littleEndian ?? littleEndian;
  const bits = nativeFrameBits(pixel);
  if (bits % 8 !== 0 || (!isLittle && pixel.bitsAllocated === 1)) {
    // Frames of one-bit pixels follow each other within a byte: each is made to begin with one of its own.
    return packBits(readNative(value, { ...pixel, planar: false }, index, 1, isLittle) as Uint8Array);
  }
  if (isLittle) {
    if ((bits / 8) * (index + 1) > value.length)
      throw new ServiceError('DICOM_INVALID', {
        detail: 'The pixel data are shorter than rows, columns, frames and bits say.',
      });
    return value.subarray((bits / 8) * index, (bits / 8) * (index + 1));
  }
  // Without planes and packed chroma undone: those are still as stored.
  const plain = {
    ...pixel,
    planar: false,
    photometric: 'RGB',
    columns: bits / pixel.bitsAllocated,
    rows: 1,
    samples: 1,
  };
  const values = readNative(value, plain, index, 1, false);
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

function packBits(values: Uint8Array): Uint8Array {
  const packed = new Uint8Array(Math.ceil(values.length / 8));
  for (let index = 0; index < values.length; index += 1)
    packed[index >>> 3]! |= values[index]! << (index & 7);
  return packed;
}

import { ServiceError } from '#core/error';
import type { ImagePixel } from '../image-pixel.ts';
import type { FrameDecoder } from './frame-decoder.ts';
import { unpackBits } from './native.ts';

const headerBytes = 64;

const invalid = (detail: string): ServiceError => new ServiceError('DICOM_INVALID', { detail });

/** Unsigned values of the allocated size over bytes that begin on a word. */
export function valueView(bytes: Uint8Array, pixel: ImagePixel): Uint8Array | Uint16Array | Uint32Array {
  if (pixel.bitsAllocated <= 8) return bytes;
  return pixel.bitsAllocated === 16
    ? new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2)
    : new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
}

/**
 * RLE Lossless: one segment a byte plane, the most significant first, samples one after another.
 * @see DICOM PS3.5 Annex G
 */
export const decodeRle: FrameDecoder = (input, pixel) => {
  if (input.length < headerBytes)
    throw new ServiceError('DICOM_TRUNCATED', { detail: 'An RLE header ends early.' });
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  const bytesPerSample = Math.max(1, pixel.bitsAllocated / 8);
  const segments = pixel.samples * bytesPerSample;
  if (view.getUint32(0, true) !== segments) {
    throw invalid(`An RLE frame has ${view.getUint32(0, true)} segments where ${segments} are needed.`);
  }
  const plane = pixel.rows * pixel.columns;
  const bytes = new Uint8Array(plane * segments);
  const oneBit = pixel.bitsAllocated === 1;
  const packedBytes = Math.ceil(plane / 8);
  for (let segment = 0; segment < segments; segment += 1) {
    const from = view.getUint32(4 + segment * 4, true);
    const to = segment + 1 < segments ? view.getUint32(8 + segment * 4, true) : input.length;
    if (from < headerBytes || to < from || to > input.length)
      throw invalid('An RLE segment lies outside its frame.');
    const sample = Math.floor(segment / bytesPerSample);
    const start = sample * bytesPerSample + (bytesPerSample - 1 - (segment % bytesPerSample));
    const written = unpackSegment(input, from, to, bytes, start, segments, plane);
    if (oneBit && written < plane && written >= packedBytes) {
      return { values: unpackBits(bytes, 0, plane), planar: false, precision: null, signed: null };
    }
    if (written < plane) throw invalid('An RLE segment holds less than the header says.');
  }
  return { values: valueView(bytes, pixel), planar: false, precision: null, signed: null };
};

/** PackBits: writes at most `count` bytes every `stride` from `start`; returns how many it wrote. */
function unpackSegment(
  input: Uint8Array,
  from: number,
  to: number,
  output: Uint8Array,
  start: number,
  stride: number,
  count: number,
): number {
  let at = from;
  let out = start;
  const end = start + count * stride;
  while (at < to && out < end) {
    const control = input[at++]!;
    if (control < 128) {
      const stop = Math.min(end, out + (control + 1) * stride);
      if (at + control >= to) break;
      while (out < stop) {
        output[out] = input[at++]!;
        out += stride;
      }
    } else if (control > 128) {
      if (at >= to) break;
      const value = input[at++]!;
      const stop = Math.min(end, out + (257 - control) * stride);
      while (out < stop) {
        output[out] = value;
        out += stride;
      }
    }
  }
  // A segment is padded to an even length, by one byte or by a run that says nothing.
  if (to - at > 2) throw invalid('An RLE segment holds more than the header says.');
  return Math.floor((out - start) / stride);
}

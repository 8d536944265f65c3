import { ServiceError } from '#core/error';
import { bytesPerValue, type ImagePixel, newValues, type StoredValues, viewValues } from '../image-pixel.ts';

/** True where two chroma samples serve two pixels: four values for two pixels. @see DICOM PS3.3 C.7.6.3.1.2 */
function isPacked422(pixel: ImagePixel): boolean {
  return pixel.photometric === 'YBR_FULL_422' || pixel.photometric === 'YBR_PARTIAL_422';
}

/** Bits of one uncompressed frame. Frames of one-bit pixels follow each other without padding (PS3.5 §8.1.1). */
export function nativeFrameBits(pixel: ImagePixel): number {
  const values = pixel.rows * pixel.columns * (isPacked422(pixel) ? 2 : pixel.samples);
  return values * pixel.bitsAllocated;
}

/**
 * Uncompressed frames `first` to `first + count - 1` as stored, colour by pixel. A view of `bytes` where nothing
 * has to be moved.
 * @throws ServiceError DICOM_INVALID when the pixel data are shorter than Rows, Columns and Number of Frames say
 */
export function readNative(
  bytes: Uint8Array,
  pixel: ImagePixel,
  first: number,
  count: number,
  littleEndian: boolean,
): StoredValues {
  const frameBits = nativeFrameBits(pixel);
  if (frameBits * (first + count) > bytes.length * 8) {
    throw new ServiceError('DICOM_INVALID', {
      detail: 'The pixel data are shorter than rows, columns, frames and bits say.',
    });
  }
  if (pixel.bitsAllocated === 1) {
    const packed = littleEndian || pixel.element.vr !== 'OW' ? bytes : swapBytes(bytes, 2);
    return unpackBits(packed, frameBits * first, frameBits * count);
  }
  const region = bytes.subarray((frameBits / 8) * first, (frameBits / 8) * (first + count));
  const values = viewValues(pixel.dtype, littleEndian ? region : inHostOrder(bytes, region, pixel));
  if (isPacked422(pixel)) return expand422(values, pixel, count);
  return pixel.planar ? interleave(values, pixel, count) : values;
}

function inHostOrder(bytes: Uint8Array, region: Uint8Array, pixel: ImagePixel): Uint8Array {
  if (pixel.bitsAllocated > 8) return swapBytes(region, bytesPerValue(pixel.dtype));
  if (pixel.element.vr !== 'OW') return region;
  // Bytes of an OW value lie swapped in pairs; the pairs count from the start of the whole value.
  const start = region.byteOffset - bytes.byteOffset;
  return swapBytes(bytes, 2).subarray(start, start + region.length);
}

/** A copy with the bytes of every `size`-byte word reversed. A rest that fills no word stays as it is. */
export function swapBytes(bytes: Uint8Array, size: number): Uint8Array {
  const copy = Buffer.from(bytes);
  const whole = copy.subarray(0, copy.length - (copy.length % size));
  if (size === 2) whole.swap16();
  else if (size === 4) whole.swap32();
  else if (size === 8) whole.swap64();
  return copy;
}

/** `count` bits from bit `from` on, the lowest bit of a byte first, as values 0 and 1. */
export function unpackBits(bytes: Uint8Array, from: number, count: number): Uint8Array {
  const values = new Uint8Array(count);
  for (let index = 0; index < count; index += 1) {
    const bit = from + index;
    values[index] = (bytes[bit >>> 3]! >>> (bit & 7)) & 1;
  }
  return values;
}

/** Samples of one kind together, to colour by pixel. */
export function interleave(values: StoredValues, pixel: ImagePixel, frames: number): StoredValues {
  const { samples } = pixel;
  const plane = pixel.rows * pixel.columns;
  const out = newValues(pixel.dtype, values.length);
  for (let frame = 0; frame < frames; frame += 1) {
    const base = frame * plane * samples;
    for (let sample = 0; sample < samples; sample += 1) {
      const from = base + sample * plane;
      for (let index = 0; index < plane; index += 1)
        out[base + index * samples + sample] = values[from + index]!;
    }
  }
  return out;
}

/** Y0 Y1 Cb Cr to Y0 Cb Cr Y1 Cb Cr: the chroma samples are repeated. */
function expand422(values: StoredValues, pixel: ImagePixel, frames: number): StoredValues {
  if (pixel.columns % 2 !== 0) {
    throw new ServiceError('DICOM_INVALID', { detail: 'Columns must be even for YBR_FULL_422.' });
  }
  const pairs = (pixel.rows * pixel.columns * frames) / 2;
  const out = newValues(pixel.dtype, pairs * 6);
  for (let pair = 0; pair < pairs; pair += 1) {
    const from = pair * 4;
    const to = pair * 6;
    out[to] = values[from]!;
    out[to + 3] = values[from + 1]!;
    out[to + 1] = out[to + 4] = values[from + 2]!;
    out[to + 2] = out[to + 5] = values[from + 3]!;
  }
  return out;
}

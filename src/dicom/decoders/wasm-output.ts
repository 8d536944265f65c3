import { ServiceError } from '#core/error';
import type { ImagePixel } from '../image-pixel.ts';

/**
 * The decoded frame out of a codec's memory: one byte a value up to 8 bits, else two, little-endian.
 * @throws ServiceError DICOM_CODEC_FAILED when the codec gave another amount than the frame has
 */
export function copyOut(decoded: Uint8Array, pixel: ImagePixel, precision: number): Uint8Array | Uint16Array {
  const values = pixel.rows * pixel.columns * pixel.samples;
  const size = precision <= 8 ? 1 : 2;
  if (decoded.length !== values * size) {
    throw new ServiceError('DICOM_CODEC_FAILED', { detail: 'The decoder gave another amount of pixels.' });
  }
  const copy = decoded.slice();
  return size === 1 ? copy : new Uint16Array(copy.buffer, copy.byteOffset, values);
}

import { ServiceError } from '#core/error';
import { inflate } from '../parse.ts';
import type { FrameDecoder } from './frame-decoder.ts';
import { unpackBits } from './native.ts';
import { valueView } from './rle.ts';

/** Deflated Image Frame Compression: each frame is a raw deflate stream of its native form. @see DICOM PS3.5 A.4.13 */
export const decodeDeflatedFrame: FrameDecoder = (input, pixel, { limits }) => {
  const values = pixel.rows * pixel.columns * pixel.samples;
  const expected = Math.ceil((values * pixel.bitsAllocated) / 8);
  // One more byte: a frame of odd length is padded to an even one.
  const bytes = inflate(input, limits, expected + 1);
  if (bytes.length < expected) {
    throw new ServiceError('DICOM_INVALID', { detail: 'A deflated frame is shorter than the header says.' });
  }
  return {
    values:
      pixel.bitsAllocated === 1
        ? unpackBits(bytes, 0, values)
        : valueView(Uint8Array.from(bytes.subarray(0, expected)), pixel),
    planar: pixel.planar,
    precision: null,
    signed: null,
  };
};

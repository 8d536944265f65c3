import { ServiceError } from '#core/error';
import type { FrameDecoder } from './frame-decoder.ts';
import { checkAgainstHeader, type JpegHeader, jpegSegments, readJpegHeader } from './jpeg-header.ts';
import { copyOut } from './wasm-output.ts';

/**
 * Behind the stream stand markers that end an image. CharLS reads on behind a damaged stream; without them it went
 * through all of its memory, some seconds for a few pixels.
 */
const guardBytes = 4096;

/** JPEG-LS lossless and near-lossless (CharLS). @see ITU-T T.87 */
export const decodeJpegLs: FrameDecoder = (input, pixel, { codecs }) => {
  const header = readJpegHeader(input);
  checkAgainstHeader({ ...header, samples: header.components.length }, pixel);
  checkPresets(input, header);
  return codecs.run('jpeg-ls', (decoder) => {
    const buffer = decoder.getEncodedBuffer(input.length + guardBytes);
    buffer.set(input);
    for (let at = input.length; at < buffer.length; at += 1)
      buffer[at] = (at - input.length) % 2 === 0 ? 0xff : 0xd9;
    decoder.decode();
    return {
      values: copyOut(decoder.getDecodedBuffer(), pixel, header.precision),
      planar: pixel.samples > 1 && decoder.getInterleaveMode?.() === 0,
      precision: header.precision,
      signed: null,
    };
  });
};

/**
 * Holds the preset coding parameters and NEAR against their ranges, which CharLS does not do in every case.
 * @see ITU-T T.87 §C.2.3, §C.2.4.1.1
 */
function checkPresets(input: Uint8Array, { precision }: JpegHeader): void {
  const presets = { maximum: 2 ** precision - 1, thresholds: [0, 0, 0], reset: 0 };
  for (const { marker, at, end } of jpegSegments(input, 2)) {
    if (marker === 0xf8 && input[at] === 4) throw odd('a size of its own');
    if (marker === 0xf8 && input[at] === 1 && end - at >= 11) {
      const word = (index: number): number => (input[at + 1 + index * 2]! << 8) | input[at + 2 + index * 2]!;
      presets.maximum = word(0) === 0 ? presets.maximum : word(0);
      presets.thresholds = [word(1), word(2), word(3)];
      presets.reset = word(4);
    }
    if (marker === 0xda) checkScan(presets, input[at + 1 + input[at]! * 2]!, precision);
  }
}

function checkScan(
  presets: { readonly maximum: number; readonly thresholds: readonly number[]; readonly reset: number },
  near: number,
  precision: number,
): void {
  const { maximum, reset } = presets;
  if (maximum >= 2 ** precision) throw odd('MAXVAL');
  if (near > Math.min(255, Math.floor(maximum / 2))) throw odd('NEAR');
  if (reset !== 0 && (reset < 3 || reset > Math.max(255, maximum))) throw odd('RESET');
  let least = near + 1;
  for (const threshold of presets.thresholds) {
    // Zero stands for the default, which is in order.
    if (threshold === 0) continue;
    if (threshold < least || threshold > maximum) throw odd('a threshold');
    least = threshold;
  }
}

function odd(what: string): ServiceError {
  return new ServiceError('DICOM_INVALID', {
    detail: `The JPEG-LS stream has ${what} outside of its range.`,
  });
}

import type { FrameDecoder } from './frame-decoder.ts';
import { checkAgainstHeader, readJpegHeader } from './jpeg-header.ts';
import { copyOut } from './wasm-output.ts';

/** JPEG-LS lossless and near-lossless (CharLS). @see ITU-T T.87 */
export const decodeJpegLs: FrameDecoder = (input, pixel, { codecs }) => {
  const header = readJpegHeader(input);
  checkAgainstHeader({ ...header, samples: header.components.length }, pixel);
  return codecs.run('jpeg-ls', (decoder) => {
    decoder.getEncodedBuffer(input.length).set(input);
    decoder.decode();
    return {
      values: copyOut(decoder.getDecodedBuffer(), pixel, header.precision),
      planar: pixel.samples > 1 && decoder.getInterleaveMode?.() === 0,
      precision: header.precision,
      signed: null,
    };
  });
};

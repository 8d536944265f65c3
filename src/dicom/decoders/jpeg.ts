import { ServiceError } from '#core/error';
import type { FrameDecoder } from './frame-decoder.ts';
import { decodeJpegDct } from './jpeg-baseline.ts';
import { readJpegHeader } from './jpeg-header.ts';
import { decodeJpegLossless } from './jpeg-lossless.ts';
import { decodeJpegLs } from './jpeg-ls.ts';

/** By the marker of the frame header. */
const processes: ReadonlyMap<number, { readonly encoding: string; readonly decode: FrameDecoder }> = new Map([
  [0xc0, { encoding: 'jpeg', decode: decodeJpegDct }],
  [0xc1, { encoding: 'jpeg', decode: decodeJpegDct }],
  [0xc2, { encoding: 'jpeg', decode: decodeJpegDct }],
  [0xc3, { encoding: 'jpeg-lossless', decode: decodeJpegLossless }],
  [0xf7, { encoding: 'jpeg-ls', decode: decodeJpegLs }],
]);

/**
 * Every kind of JPEG and JPEG-LS. The stream is believed where it is another process than the transfer syntax says,
 * since real files mix them up; the frame then carries a note.
 */
export const decodeJpeg: FrameDecoder = (input, pixel, context) => {
  const { process } = readJpegHeader(input);
  const found = processes.get(process);
  if (found === undefined) {
    throw new ServiceError('DICOM_UNSUPPORTED_PIXELS', {
      detail: 'The JPEG process of the frame is not read (arithmetic coding or hierarchical).',
    });
  }
  const frame = found.decode(input, pixel, context);
  return found.encoding === context.encoding
    ? frame
    : { ...frame, note: 'The frame is of another JPEG process than the transfer syntax says.' };
};

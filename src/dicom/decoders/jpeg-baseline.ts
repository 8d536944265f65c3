import { ServiceError } from '#core/error';
import type { FrameDecoder } from './frame-decoder.ts';
import { decodeSequentialDct } from './jpeg-dct.ts';
import { checkAgainstHeader, type JpegHeader, jpegSegments, readJpegHeader } from './jpeg-header.ts';
import { copyOut } from './wasm-output.ts';

/** JPEG baseline and extended: 8 bits by libjpeg-turbo, 12 bits by the decoder of `jpeg-dct.ts`. @see ITU-T T.81 */
export const decodeJpegDct: FrameDecoder = (input, pixel, { codecs }) => {
  const header = readJpegHeader(input);
  checkAgainstHeader({ ...header, samples: header.components.length }, pixel);
  if (header.precision === 12 && header.process === 0xc1) {
    return {
      values: decodeSequentialDct(input, header),
      planar: false,
      precision: 12,
      signed: null,
    };
  }
  if (header.precision !== 8 || (pixel.samples !== 1 && pixel.samples !== 3)) {
    throw new ServiceError('DICOM_UNSUPPORTED_PIXELS', {
      detail: 'JPEG with such bits or samples is not read.',
    });
  }
  const stream = pixel.samples === 3 ? withoutColourTransform(input, header) : input;
  return codecs.run('jpeg', (decoder) => {
    decoder.getEncodedBuffer(stream.length).set(stream);
    decoder.decode();
    return {
      values: copyOut(decoder.getDecodedBuffer(), pixel, 8),
      planar: false,
      precision: 8,
      signed: null,
    };
  });
};

/** APP14 "Adobe", version 100, transform 0: the components are to be given as they are. */
const noTransform = [
  0xff, 0xee, 0x00, 0x0e, 0x41, 0x64, 0x6f, 0x62, 0x65, 0x00, 0x64, 0x00, 0x00, 0x00, 0x00, 0x00,
];

/**
 * The stream with its application segments replaced by one that keeps the decoder from turning YCbCr into RGB:
 * Photometric Interpretation tells what the components are, not JFIF's convention.
 */
function withoutColourTransform(input: Uint8Array, header: JpegHeader): Uint8Array {
  const kept: Uint8Array[] = [Uint8Array.of(0xff, 0xd8, ...noTransform)];
  let rest = 2;
  for (const { marker, at, end } of jpegSegments(input, 2)) {
    const application = marker >= 0xe0 && marker <= 0xef;
    if (!application) kept.push(input.subarray(at - 4, end));
    rest = end;
  }
  if (header.components.length !== 3) return input;
  return Buffer.concat([...kept, input.subarray(rest)]);
}

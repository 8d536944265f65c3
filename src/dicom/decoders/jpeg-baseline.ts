import { ServiceError } from '#core/error';
import { defaultLimits } from '../limits.ts';
import { type Codecs, createCodecs } from './codecs.ts';
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

/** An 8-bit grey picture, rows × columns, row by row. */
export interface GreyPicture {
  readonly rows: number;
  readonly columns: number;
  readonly pixels: Uint8Array;
}

/**
 * A plain JPEG file as grey: one component as it is, colour as the mean of red, green and blue.
 * @throws ServiceError DICOM_TRUNCATED, DICOM_INVALID, DICOM_TOO_LARGE, DICOM_UNSUPPORTED_PIXELS, DICOM_CODEC_FAILED
 */
export function decodeJpegGrey(input: Uint8Array, codecs: Codecs = createCodecs()): GreyPicture {
  const { process, precision, rows, columns, components } = readJpegHeader(input);
  const samples = components.length;
  if (process > 0xc2 || precision !== 8 || (samples !== 1 && samples !== 3)) {
    throw new ServiceError('DICOM_UNSUPPORTED_PIXELS', {
      detail: 'JPEG of 8 bits with one or three components is read.',
    });
  }
  const count = rows * columns;
  if (count * samples > defaultLimits.pixelBytes) throw new ServiceError('DICOM_TOO_LARGE');
  if (count === 0) throw new ServiceError('DICOM_INVALID', { detail: 'The picture has no size.' });
  return codecs.run('jpeg', (decoder) => {
    decoder.getEncodedBuffer(input.length).set(input);
    decoder.decode();
    const decoded = decoder.getDecodedBuffer();
    if (decoded.length !== count * samples) throw new ServiceError('DICOM_CODEC_FAILED');
    if (samples === 1) return { rows, columns, pixels: decoded.slice() };
    const pixels = new Uint8Array(count);
    for (let at = 0; at < count; at += 1) {
      pixels[at] = Math.round((decoded[at * 3]! + decoded[at * 3 + 1]! + decoded[at * 3 + 2]!) / 3);
    }
    return { rows, columns, pixels };
  });
}

import { ServiceError } from '#core/error';
import type { CodecName } from './codecs.ts';
import type { FrameDecoder } from './frame-decoder.ts';
import { checkAgainstHeader } from './jpeg-header.ts';
import { copyOut } from './wasm-output.ts';

/** What the SIZ and COD segments say. @see ITU-T T.800 §A.5.1, §A.6.1 */
interface CodestreamHeader {
  readonly rows: number;
  readonly columns: number;
  readonly samples: number;
  readonly precision: number;
  readonly signed: boolean;
  readonly tiles: number;
  readonly subsampled: boolean;
  readonly colourTransform: boolean;
}

/** More tiles than any scanner writes for one frame; each costs the decoder memory before a pixel is read. */
const mostTiles = 16_384;

const invalid = (detail: string): ServiceError => new ServiceError('DICOM_INVALID', { detail });

/** The codestream inside a JP2 file, or the input itself. */
function codestream(input: Uint8Array): Uint8Array {
  if (input[0] === 0xff && input[1] === 0x4f) return input;
  const start = Buffer.from(input.buffer, input.byteOffset, input.byteLength).indexOf(
    Buffer.from([0xff, 0x4f, 0xff, 0x51]),
  );
  if (start < 0 || input[3] !== 0x0c) throw invalid('A frame does not begin with a JPEG 2000 codestream.');
  return input.subarray(start);
}

function readCodestreamHeader(input: Uint8Array): CodestreamHeader {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  if (input.length < 48)
    throw new ServiceError('DICOM_TRUNCATED', { detail: 'A JPEG 2000 header ends early.' });
  if (view.getUint16(2) !== 0xff51) throw invalid('A JPEG 2000 codestream has no SIZ segment.');
  const [right, bottom, left, top] = [8, 12, 16, 20].map((at) => view.getUint32(at));
  const [tileWidth, tileHeight, tileLeft, tileTop] = [24, 28, 32, 36].map((at) => view.getUint32(at));
  const samples = view.getUint16(40);
  if (samples < 1 || samples > 4 || input.length < 42 + samples * 3) throw invalid('A SIZ segment is odd.');
  if (tileWidth === 0 || tileHeight === 0) throw invalid('A JPEG 2000 tile has no size.');
  const components = Array.from({ length: samples }, (_, index) => {
    const depth = input[42 + index * 3]!;
    return {
      precision: (depth & 0x7f) + 1,
      signed: depth >= 0x80,
      step: [input[43 + index * 3]!, input[44 + index * 3]!] as const,
    };
  });
  const [first] = components;
  if (
    components.some(({ precision, signed }) => precision !== first!.precision || signed !== first!.signed)
  ) {
    throw new ServiceError('DICOM_UNSUPPORTED_PIXELS', { detail: 'JPEG 2000 components differ in bits.' });
  }
  return {
    rows: bottom! - top!,
    columns: right! - left!,
    samples,
    precision: first!.precision,
    signed: first!.signed,
    tiles: Math.ceil((right! - tileLeft!) / tileWidth!) * Math.ceil((bottom! - tileTop!) / tileHeight!),
    subsampled: components.some(({ step }) => step[0] !== 1 || step[1] !== 1),
    colourTransform: usesColourTransform(input, view),
  };
}

/** SGcod byte 4 of the COD segment: 1 when the multiple component transform is used. */
function usesColourTransform(input: Uint8Array, view: DataView): boolean {
  for (let at = 2; at + 9 < input.length && input[at] === 0xff; at += 2 + view.getUint16(at + 2)) {
    if (input[at + 1] === 0x52) return input[at + 8] === 1;
    if (input[at + 1] === 0x90) return false;
  }
  return false;
}

function decoderOf(codec: CodecName): FrameDecoder {
  return (input, pixel, { codecs }) => {
    const stream = codestream(input);
    const header = readCodestreamHeader(stream);
    checkAgainstHeader(header, pixel);
    if (header.precision > 16 || header.subsampled || header.tiles > mostTiles) {
      throw new ServiceError('DICOM_UNSUPPORTED_PIXELS', {
        detail: 'JPEG 2000 with more than 16 bits, with subsampled components or with very many tiles.',
      });
    }
    return codecs.run(codec, (decoder) => {
      decoder.getEncodedBuffer(stream.length).set(stream);
      decoder.decode();
      const { width, height, componentCount } = decoder.getFrameInfo();
      checkAgainstHeader({ ...header, rows: height, columns: width, samples: componentCount }, pixel);
      return {
        values: copyOut(decoder.getDecodedBuffer(), pixel, header.precision),
        planar: false,
        precision: header.precision,
        signed: header.signed,
        ...(header.colourTransform && pixel.samples === 3 && { photometric: 'RGB' }),
      };
    });
  };
}

/** JPEG 2000 (OpenJPEG). @see ITU-T T.800 */
export const decodeJpeg2000 = decoderOf('jpeg-2000');

/** High-Throughput JPEG 2000 (OpenJPH). @see ITU-T T.814 */
export const decodeHtj2k = decoderOf('htj2k');

import { Enums, getWebWorkerManager } from '@cornerstonejs/core';
import type { AppPicture } from '#core/app';
import {
  asSixteenBits,
  codestream,
  jpegPrecision,
  twelveBits,
  usesComponentTransform,
  withoutColourTransform,
} from './code-streams.ts';
import { PictureError } from './picture-error.ts';
import {
  type Cells,
  expand422,
  interleave,
  nativeCells,
  type StoredValues,
  storedValues,
  unpackBits,
} from './stored-values.ts';

type Encoding = 'little' | 'big' | 'rle' | 'deflated' | 'jpeg' | 'jpeg-lossless' | 'jpeg-ls' | 'jpeg-2000';

/** The transfer syntaxes of the service. @see DICOM PS3.6 Annex A */
const encodings: Readonly<Record<string, Encoding>> = {
  '1.2.840.10008.1.2': 'little',
  '1.2.840.10008.1.2.1': 'little',
  '1.2.840.10008.1.2.1.98': 'little',
  '1.2.840.10008.1.2.1.99': 'little',
  '1.2.840.10008.1.2.2': 'big',
  '1.2.840.10008.1.2.5': 'rle',
  '1.2.840.10008.1.2.8.1': 'deflated',
  '1.2.840.10008.1.2.4.50': 'jpeg',
  '1.2.840.10008.1.2.4.51': 'jpeg',
  '1.2.840.10008.1.2.4.57': 'jpeg-lossless',
  '1.2.840.10008.1.2.4.70': 'jpeg-lossless',
  '1.2.840.10008.1.2.4.80': 'jpeg-ls',
  '1.2.840.10008.1.2.4.81': 'jpeg-ls',
  '1.2.840.10008.1.2.4.90': 'jpeg-2000',
  '1.2.840.10008.1.2.4.91': 'jpeg-2000',
  '1.2.840.10008.1.2.4.201': 'jpeg-2000',
  '1.2.840.10008.1.2.4.202': 'jpeg-2000',
  '1.2.840.10008.1.2.4.203': 'jpeg-2000',
};

export interface DecodedFrame {
  /** Sample by sample, pixel by pixel. */
  readonly values: StoredValues;
  /** What the values are; RGB where the stream's own colour transform was undone. */
  readonly photometric: string;
}

/**
 * Decodes one stored frame to stored values; compressed ones in a worker.
 * @throws PictureError syntax, pixels, decode
 */
export async function decodeFrame(
  bytes: Uint8Array<ArrayBuffer>,
  syntax: string,
  picture: AppPicture,
): Promise<DecodedFrame> {
  const encoding = encodings[syntax];
  if (encoding === undefined) throw new PictureError('syntax');
  const samples = picture.samplesPerPixel;
  const count = picture.rows * picture.columns * samples;
  let { photometric } = picture;
  let planar = samples > 1 && picture.planarConfiguration === 1;
  let cells: Cells | null;
  if (encoding === 'little' || encoding === 'big') {
    const packed = photometric === 'YBR_FULL_422';
    const stored = nativeCells(bytes, picture, packed ? (count / 3) * 2 : count, encoding === 'little');
    cells = packed && stored !== null ? expand422(stored) : stored;
    planar &&= !packed;
  } else {
    const stream = encoding === 'jpeg-2000' ? codestream(bytes) : bytes;
    const decoded = await inWorker(stream, syntax, encoding, picture);
    cells =
      picture.bitsAllocated === 1 && decoded.cells.length < count
        ? unpackBits(decoded.cells as Uint8Array, count)
        : decoded.cells;
    if (encoding === 'jpeg-ls') planar = samples > 1 && decoded.planar;
    else planar &&= encoding === 'deflated';
    if (encoding === 'jpeg-2000' && samples === 3 && usesComponentTransform(stream)) photometric = 'RGB';
  }
  if (cells === null || cells.length < count) throw new PictureError('decode');
  const whole = cells.length === count ? cells : (cells.subarray(0, count) as Cells);
  const values = storedValues(whole, picture);
  return { values: planar ? interleave(values, samples) : values, photometric };
}

interface WorkerFrame {
  readonly pixelData: Cells;
  /** JPEG-LS: 0 by plane. */
  readonly interleaveMode?: number;
}

async function inWorker(
  bytes: Uint8Array,
  syntax: string,
  encoding: Encoding,
  picture: AppPicture,
): Promise<{ readonly cells: Cells; readonly planar: boolean }> {
  let stream = bytes;
  let transferSyntax = syntax;
  const twelve = encoding === 'jpeg' && jpegPrecision(bytes) === 12;
  if (encoding === 'jpeg') {
    transferSyntax = twelve ? '1.2.840.10008.1.2.4.51' : '1.2.840.10008.1.2.4.50';
    if (twelve) stream = asSixteenBits(bytes);
    else if (picture.samplesPerPixel === 3) stream = withoutColourTransform(bytes);
  }
  // Whole cells are asked for: which of their bits count is this side's matter.
  const imageFrame = {
    rows: picture.rows,
    columns: picture.columns,
    samplesPerPixel: picture.samplesPerPixel,
    photometricInterpretation: picture.photometric,
    planarConfiguration: 0,
    bitsAllocated: picture.bitsAllocated,
    bitsStored: picture.bitsAllocated,
    pixelRepresentation: picture.signed ? 1 : 0,
  };
  try {
    const frame = (await getWebWorkerManager().executeTask(
      'dicomImageLoader',
      'decodeTask',
      {
        imageFrame,
        transferSyntax,
        pixelData: stream,
        options: { preScale: { enabled: false } },
        decodeConfig: {},
      },
      { requestType: Enums.RequestType.Interaction },
    )) as WorkerFrame;
    const cells = twelve ? twelveBits(Uint16Array.from(frame.pixelData)) : frame.pixelData;
    return { cells, planar: frame.interleaveMode === 0 };
  } catch (cause) {
    throw new PictureError('decode', cause);
  }
}

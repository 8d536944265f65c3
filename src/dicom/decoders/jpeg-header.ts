import { ServiceError } from '#core/error';
import type { ImagePixel } from '../image-pixel.ts';

/** Frame header of a JPEG or JPEG-LS stream. @see ITU-T T.81 §B.2.2, T.87 §C.2.2 */
export interface JpegHeader {
  /** Marker code of the frame: 0xC0 baseline, 0xC1 extended, 0xC2 progressive, 0xC3 lossless, 0xF7 JPEG-LS. */
  readonly process: number;
  readonly precision: number;
  readonly rows: number;
  readonly columns: number;
  readonly components: readonly JpegComponent[];
  /** Transform of the Adobe APP14 segment: 0 none, 1 YCbCr. */
  readonly adobeTransform: number | null;
  readonly jfif: boolean;
}

interface JpegComponent {
  readonly id: number;
  readonly horizontal: number;
  readonly vertical: number;
  readonly table: number;
}

/** One marker segment: `at` is its first byte behind the length. */
export interface JpegSegment {
  readonly marker: number;
  readonly at: number;
  readonly end: number;
}

/** Frame markers other than DHT (C4), JPG (C8) and DAC (CC). */
const isFrame = (marker: number): boolean =>
  (marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc) ||
  marker === 0xf7;

/** More marker segments than any writer needs; each table and scan costs time however small the image. */
const mostSegments = 1000;

/**
 * Counts the marker segments of one frame, over all its scans.
 * @throws ServiceError DICOM_INVALID when there are too many
 */
export function segmentCounter(): () => void {
  let count = 0;
  return () => {
    count += 1;
    if (count > mostSegments) {
      throw new ServiceError('DICOM_INVALID', { detail: 'A JPEG stream has too many segments.' });
    }
  };
}

/**
 * The marker segments from `from` up to and including the next SOS (DA); EOI (D9) ends them too.
 * @throws ServiceError DICOM_TRUNCATED, DICOM_INVALID
 */
export function* jpegSegments(input: Uint8Array, from: number): Generator<JpegSegment> {
  let at = from;
  for (;;) {
    while (input[at] === 0xff && input[at + 1] === 0xff) at += 1;
    if (at + 4 > input.length) {
      if (input[at] === 0xff && input[at + 1] === 0xd9) return;
      throw new ServiceError('DICOM_TRUNCATED', { detail: 'A JPEG stream ends in its header.' });
    }
    if (input[at] !== 0xff) throw new ServiceError('DICOM_INVALID', { detail: 'A JPEG marker is missing.' });
    const marker = input[at + 1]!;
    if (marker === 0xd9) return;
    const length = (input[at + 2]! << 8) | input[at + 3]!;
    const end = at + 2 + length;
    if (length < 2) throw new ServiceError('DICOM_INVALID', { detail: 'A JPEG segment has no length.' });
    if (end > input.length)
      throw new ServiceError('DICOM_TRUNCATED', { detail: 'A JPEG segment ends early.' });
    yield { marker, at: at + 4, end };
    if (marker === 0xda) return;
    at = end;
  }
}

/** @throws ServiceError DICOM_TRUNCATED, DICOM_INVALID */
export function readJpegHeader(input: Uint8Array): JpegHeader {
  if (input[0] !== 0xff || input[1] !== 0xd8) {
    throw new ServiceError('DICOM_INVALID', { detail: 'A frame does not begin with a JPEG stream.' });
  }
  let adobeTransform: number | null = null;
  let jfif = false;
  for (const { marker, at, end } of jpegSegments(input, 2)) {
    const name = String.fromCharCode(...input.subarray(at, Math.min(end, at + 5)));
    if (marker === 0xee && name === 'Adobe' && end - at >= 12) adobeTransform = input[at + 11]!;
    if (marker === 0xe0 && name.startsWith('JFIF')) jfif = true;
    if (isFrame(marker) && end - at >= 6) {
      return { ...frameHeader(input, marker, at, end), adobeTransform, jfif };
    }
  }
  throw new ServiceError('DICOM_INVALID', { detail: 'A JPEG stream has no frame header.' });
}

function frameHeader(
  input: Uint8Array,
  process: number,
  at: number,
  end: number,
): Omit<JpegHeader, 'adobeTransform' | 'jfif'> {
  const count = input[at + 5]!;
  if (end - at < 6 + count * 3 || count === 0) {
    throw new ServiceError('DICOM_INVALID', { detail: 'A JPEG frame header is too short.' });
  }
  const components = Array.from({ length: count }, (_, index) => {
    const base = at + 6 + index * 3;
    const sampling = input[base + 1]!;
    return {
      id: input[base]!,
      horizontal: sampling >>> 4,
      vertical: sampling & 15,
      table: input[base + 2]!,
    };
  });
  return {
    process,
    precision: input[at]!,
    rows: (input[at + 1]! << 8) | input[at + 2]!,
    columns: (input[at + 3]! << 8) | input[at + 4]!,
    components,
  };
}

/**
 * Holds what a compressed stream says of itself against the DICOM header, before memory is taken for it.
 * @throws ServiceError DICOM_INVALID
 */
export function checkAgainstHeader(
  stream: {
    readonly rows: number;
    readonly columns: number;
    readonly samples: number;
    readonly precision: number;
  },
  pixel: ImagePixel,
): void {
  const differs = (what: string): ServiceError =>
    new ServiceError('DICOM_INVALID', {
      detail: `The compressed image has other ${what} than the header says.`,
    });
  if (stream.rows !== pixel.rows || stream.columns !== pixel.columns) throw differs('rows or columns');
  if (stream.samples !== pixel.samples) throw differs('samples');
  if (stream.precision > Math.max(pixel.bitsAllocated, 8)) throw differs('bits');
}

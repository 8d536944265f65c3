import type { ImagePixel } from '../image-pixel.ts';
import type { DicomLimits } from '../limits.ts';
import type { PixelEncoding } from '../transfer-syntax.ts';
import type { Codecs } from './codecs.ts';

/** One decoded frame. */
export interface DecodedFrame {
  /** Rows × columns × samples values, host byte order. May be a view of memory that the next frame overwrites. */
  readonly values: Uint8Array | Uint16Array | Int16Array | Uint32Array;
  /** Samples of one kind together. */
  readonly planar: boolean;
  /** Bits of a value, where the compressed stream says it; else null: the values are as allocated. */
  readonly precision: number | null;
  /** Whether the stream gives its values a sign; null: it cannot say, the values are cells as written. */
  readonly signed: boolean | null;
  /** Colour of the values where the decoder changed it, e.g. RGB after a reversible colour transform. */
  readonly photometric?: string;
  /** What is odd about the frame, plain English. */
  readonly note?: string;
}

/**
 * Decodes one frame. Sizes in the stream are held against `pixel` before any memory is taken.
 * @throws ServiceError DICOM_INVALID, DICOM_TRUNCATED, DICOM_UNSUPPORTED_PIXELS, DICOM_CODEC_FAILED
 */
export type FrameDecoder = (
  input: Uint8Array,
  pixel: ImagePixel,
  context: { readonly codecs: Codecs; readonly limits: DicomLimits; readonly encoding: PixelEncoding },
) => DecodedFrame;

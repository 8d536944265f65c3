import { createHash } from 'node:crypto';
import type { Reason } from '#core/assessment';
import { asServiceError, ServiceError } from '#core/error';
import { type DecodedFrames, type DecodeOptions, decodeFrames } from './decode.ts';
import { swapBytes } from './decoders/native.ts';
import type { StoredType } from './image-pixel.ts';
import { type DicomFile, parseDicom } from './parse.ts';
import * as read from './values.ts';

/** One entry of `fovea inspect --json`, without its path. @see docs/dicom.md */
export interface InspectEntry {
  readonly status: 'decoded' | 'no-pixels' | 'refused';
  /** null exactly when `decoded`. */
  readonly reason: Reason | null;
  /** UID; null where the file could not be read so far. */
  readonly transferSyntax: string | null;
  readonly photometric: string | null;
  readonly rows: number | null;
  readonly columns: number | null;
  readonly frames: number | null;
  readonly samples: number | null;
  readonly bitsStored: number | null;
  readonly dtype: StoredType | null;
  /** Over all stored values, before any LUT or rescale. */
  readonly min: number | null;
  readonly max: number | null;
  readonly mean: number | null;
  /**
   * SHA-256 of the stored values, frame by row by column by sample, little-endian; those of a big-endian file in
   * their own order.
   */
  readonly sha256: string | null;
  /** What had to be assumed, plain English. */
  readonly notes: readonly string[];
}

/**
 * What a file holds and how it decodes. Never throws: a file that cannot be decoded is an entry with a coded reason.
 */
export function inspectBytes(bytes: Uint8Array, options: DecodeOptions = {}): InspectEntry {
  let file: DicomFile | null = null;
  try {
    file = parseDicom(bytes, options.limits);
    const decoded = decodeFrames(file, options);
    return { ...fromHeader(file), status: 'decoded', reason: null, ...described(file, decoded) };
  } catch (error) {
    const refusal = error instanceof ServiceError ? error : asServiceError(error, 'DICOM_INVALID');
    return {
      ...fromHeader(file),
      status: refusal.code === 'DICOM_NO_PIXELS' ? 'no-pixels' : 'refused',
      reason: { code: refusal.code, text: refusal.message },
    };
  }
}

function fromHeader(file: DicomFile | null): Omit<InspectEntry, 'status' | 'reason'> {
  const set = file?.dataSet;
  const count = (tag: number): number | null =>
    set === undefined ? null : whole(read.number(set, tag, 'unsigned16'));
  return {
    transferSyntax: file?.transferSyntaxUid ?? null,
    photometric: set === undefined ? null : read.code(set, 0x00280004),
    rows: count(0x00280010),
    columns: count(0x00280011),
    frames: count(0x00280008),
    samples: count(0x00280002),
    bitsStored: count(0x00280101),
    dtype: null,
    min: null,
    max: null,
    mean: null,
    sha256: null,
    notes: file?.notes ?? [],
  };
}

const whole = (value: number | null): number | null =>
  value !== null && Number.isInteger(value) && value >= 0 ? value : null;

function described(file: DicomFile, decoded: DecodedFrames) {
  const { data, rows, columns, frames, samples, bitsStored, dtype, notes } = decoded;
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  let sum = 0;
  for (let at = 0; at < data.length; at += 1) {
    const value = data[at]!;
    if (value < min) min = value;
    if (value > max) max = value;
    sum += value;
  }
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const ownOrder = file.transferSyntax?.littleEndian === false && data.BYTES_PER_ELEMENT > 1;
  const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);
  return {
    rows,
    columns,
    frames,
    samples,
    bitsStored,
    dtype,
    min: finite(min),
    max: finite(max),
    mean: finite(sum / data.length),
    sha256: createHash('sha256')
      .update(ownOrder ? swapBytes(bytes, data.BYTES_PER_ELEMENT) : bytes)
      .digest('hex'),
    notes,
  };
}

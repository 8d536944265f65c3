import { promisify } from 'node:util';
import { inflateRaw, inflateRawSync } from 'node:zlib';
import { ServiceError } from '#core/error';
import { type DataSet, type Encoding, type ReadBudget, readDataSet, valueBytes, vrAt } from './data-set.ts';
import { type DicomLimits, defaultLimits, inflateLimit } from './limits.ts';
import {
  explicitBigEndian,
  explicitLittleEndian,
  implicitLittleEndian,
  type TransferSyntax,
  transferSyntaxes,
} from './transfer-syntax.ts';

/** A file as read up to and including the position of its pixel data. */
export interface DicomFile {
  /** File meta information, group 0002; null when the file has none. */
  readonly meta: DataSet | null;
  readonly dataSet: DataSet;
  /** The transfer syntax as written, or as seen where none is written. */
  readonly transferSyntaxUid: string;
  /** null: not one that is read; the data set may still be. */
  readonly transferSyntax: TransferSyntax | null;
  /** What had to be assumed, plain English. */
  readonly notes: readonly string[];
}

const magic = 0x4449434d; // "DICM"

/**
 * Reads the elements of a DICOM Part 10 file without copying a value. The preamble may be missing, and so may the
 * file meta information; nothing else may stand before the data set.
 *
 * Own reader rather than a library: OV, SV and UV (extended offset tables) must be known, a length beyond the end
 * must be seen, and elements, depth and inflation must be bounded.
 * @throws ServiceError DICOM_NOT_DICOM, DICOM_TRUNCATED, DICOM_INVALID, DICOM_TOO_LARGE, DICOM_INFLATE_LIMIT
 * @see DICOM PS3.10 §7, PS3.5 §7
 */
export function parseDicom(bytes: Uint8Array, limits: DicomLimits = defaultLimits): DicomFile {
  return parse(bytes, limits, null);
}

const inflateAside = promisify(inflateRaw);

/** {@link parseDicom} with a deflated data set inflated in another thread. */
export async function parseDicomAside(
  bytes: Uint8Array,
  limits: DicomLimits = defaultLimits,
): Promise<DicomFile> {
  const head = readHead(bytes, limits);
  const isDeflated = transferSyntaxes.get(head.written ?? '')?.deflated === true;
  if (!isDeflated) return parse(bytes, limits, null);
  const deflated = bytes.subarray(head.bodyStart);
  const maxOutputLength = inflateLimit(deflated.length, limits);
  const body = await inflateAside(deflated, { maxOutputLength }).catch((cause: unknown) => {
    throw inflateFailure(cause);
  });
  return parse(bytes, limits, body);
}

function readHead(bytes: Uint8Array, limits: DicomLimits) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const budget: ReadBudget = { elements: limits.elements, limits };
  const start = bytes.length >= 132 && view.getUint32(128) === magic ? 132 : 0;
  if (start === 0 && !startsLikeDataSet(bytes, view)) throw new ServiceError('DICOM_NOT_DICOM');

  const metaEncoding: Encoding = { bytes, view, littleEndian: true, explicit: true };
  const meta =
    bytes.length - start >= 8 && view.getUint16(start, true) === 0x0002
      ? readDataSet(metaEncoding, start, bytes.length, budget, 0, (tag) => tag >>> 16 !== 0x0002)
      : null;
  const written = meta === null ? null : transferSyntaxOf(meta.dataSet);
  return { view, budget, start, meta, bodyStart: meta?.next ?? start, written };
}

/** @param inflated the data set of a deflated file, where it was inflated before */
function parse(bytes: Uint8Array, limits: DicomLimits, inflated: Uint8Array | null): DicomFile {
  const { view, budget, start, meta, bodyStart, written } = readHead(bytes, limits);
  const notes: string[] = [];
  if (start === 0 && meta === null) notes.push('The file has no file meta information.');

  const seen = written === null ? seenSyntax(bytes, view, bodyStart) : null;
  if (seen !== null)
    notes.push('The transfer syntax is not written; it was recognised by the first element.');
  const transferSyntaxUid = written ?? seen ?? explicitLittleEndian;
  const transferSyntax = transferSyntaxes.get(transferSyntaxUid) ?? null;

  const encoding = bodyEncoding(bytes, view, bodyStart, transferSyntax, {
    limits,
    notes,
    inflated,
  });
  const body = readDataSet(encoding.encoding, encoding.start, encoding.encoding.bytes.length, budget);
  if (meta === null && body.dataSet.elements.size === 0) throw new ServiceError('DICOM_NOT_DICOM');
  return { meta: meta?.dataSet ?? null, dataSet: body.dataSet, transferSyntaxUid, transferSyntax, notes };
}

/** A file without preamble must begin with an element of group 0002 or 0008 whose form holds. */
function startsLikeDataSet(bytes: Uint8Array, view: DataView): boolean {
  if (bytes.length < 16) return false;
  if (view.getUint16(0, true) === 0x0002) return vrAt(bytes, 4) !== null;
  return seenSyntax(bytes, view, 0) !== null;
}

function seenSyntax(bytes: Uint8Array, view: DataView, offset: number): string | null {
  if (bytes.length - offset < 8) return null;
  const written = vrAt(bytes, offset + 4) !== null;
  if (view.getUint16(offset, true) === 0x0008) {
    if (written) return explicitLittleEndian;
    const length = view.getUint32(offset + 4, true);
    return length % 2 === 0 && length <= 1024 && length <= bytes.length - offset - 8
      ? implicitLittleEndian
      : null;
  }
  return view.getUint16(offset, false) === 0x0008 && written ? explicitBigEndian : null;
}

function transferSyntaxOf(meta: DataSet): string | null {
  const value = valueBytes(meta, 0x00020010);
  if (value === null || value.length > 64) return null;
  const uid = Buffer.from(value)
    .toString('latin1')
    .replace(/[\0 ]+$/, '');
  return uid === '' ? null : uid;
}

function bodyEncoding(
  bytes: Uint8Array,
  view: DataView,
  start: number,
  syntax: TransferSyntax | null,
  {
    limits,
    notes,
    inflated: before,
  }: {
    readonly limits: DicomLimits;
    readonly notes: string[];
    readonly inflated: Uint8Array | null;
  },
): { readonly encoding: Encoding; readonly start: number } {
  if (syntax?.deflated === true) {
    const inflated = before ?? inflate(bytes.subarray(start), limits);
    const inflatedView = new DataView(inflated.buffer, inflated.byteOffset, inflated.byteLength);
    return {
      encoding: { bytes: inflated, view: inflatedView, littleEndian: true, explicit: true },
      start: 0,
    };
  }
  const littleEndian = syntax?.littleEndian ?? true;
  let explicit = syntax?.explicit ?? true;
  // Files that say implicit and are explicit, or the other way round, are common: the first element tells.
  if (littleEndian && bytes.length - start >= 8 && view.getUint16(start, true) === 0x0008) {
    const written = vrAt(bytes, start + 4) !== null;
    if (written !== explicit) {
      notes.push('The data set is not encoded as its transfer syntax says; the first element was believed.');
      explicit = written;
    }
  }
  return { encoding: { bytes, view, littleEndian, explicit }, start };
}

/**
 * Inflates raw deflate data within the limits.
 * @throws ServiceError DICOM_INFLATE_LIMIT, DICOM_TRUNCATED, DICOM_INVALID
 */
export function inflate(deflated: Uint8Array, limits: DicomLimits, maximum?: number): Uint8Array {
  const maxOutputLength = maximum ?? inflateLimit(deflated.length, limits);
  try {
    return inflateRawSync(deflated, { maxOutputLength });
  } catch (cause) {
    throw inflateFailure(cause);
  }
}

/** What a failure of zlib means. */
export function inflateFailure(cause: unknown): ServiceError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : null;
  if (code === 'ERR_BUFFER_TOO_LARGE') return new ServiceError('DICOM_INFLATE_LIMIT', { cause });
  if (code === 'Z_BUF_ERROR') return new ServiceError('DICOM_TRUNCATED', { cause });
  return new ServiceError('DICOM_INVALID', { detail: 'The deflated data are damaged.', cause });
}

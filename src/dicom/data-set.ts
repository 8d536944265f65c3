import { ServiceError } from '#core/error';
import type { DicomLimits } from './limits.ts';

/** One data element: where its value lies in the bytes of its data set. Values are never copied. */
export interface DataElement {
  /** Group in the upper, element in the lower 16 bits: `0x00280010`. */
  readonly tag: number;
  /** null where the encoding does not say it (implicit VR). */
  readonly vr: string | null;
  /** Byte offset of the value. */
  readonly offset: number;
  /** Bytes of the value. 0 for {@link undefinedLength}. */
  readonly length: number;
  readonly undefinedLength: boolean;
  /** Items, where they had to be walked to find the end. */
  readonly items: readonly DataSet[] | null;
}

/** A data set or sequence item (PS3.5 §7). */
export interface DataSet {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly littleEndian: boolean;
  readonly explicit: boolean;
  readonly elements: ReadonlyMap<number, DataElement>;
  readonly budget: ReadBudget;
  readonly depth: number;
}

/** Counts down over a whole file. */
export interface ReadBudget {
  elements: number;
  readonly limits: DicomLimits;
}

export interface Encoding {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly littleEndian: boolean;
  readonly explicit: boolean;
}

export const pixelDataTag = 0x7fe00010;
const itemTag = 0xfffee000;
const itemEndTag = 0xfffee00d;
const sequenceEndTag = 0xfffee0dd;
const undefinedLengthValue = 0xffffffff;

/** VRs with a reserved field and a 32-bit length (PS3.5 table 7.1-1). */
const longForm = new Set(['OB', 'OD', 'OF', 'OL', 'OV', 'OW', 'SQ', 'SV', 'UC', 'UN', 'UR', 'UT', 'UV']);

const shortForm = new Set([
  'AE',
  'AS',
  'AT',
  'CS',
  'DA',
  'DS',
  'DT',
  'FD',
  'FL',
  'IS',
  'LO',
  'LT',
  'PN',
  'SH',
  'SL',
  'SS',
  'ST',
  'TM',
  'UI',
  'UL',
  'US',
]);

/** The VR written at `offset`, or null when there is none that the standard knows. */
export function vrAt(bytes: Uint8Array, offset: number): string | null {
  const vr = String.fromCharCode(bytes[offset] ?? 0, bytes[offset + 1] ?? 0);
  return longForm.has(vr) || shortForm.has(vr) ? vr : null;
}

interface Walk {
  readonly encoding: Encoding;
  readonly budget: ReadBudget;
  readonly depth: number;
  /** First byte behind the region. */
  readonly end: number;
}

function tagName(tag: number): string {
  const hex = (tag >>> 0).toString(16).padStart(8, '0').toUpperCase();
  return `(${hex.slice(0, 4)},${hex.slice(4)})`;
}

function truncated(tag: number | null): ServiceError {
  return new ServiceError('DICOM_TRUNCATED', {
    detail: tag === null ? 'It ends inside a data element.' : `It ends inside ${tagName(tag)}.`,
  });
}

function invalid(detail: string): ServiceError {
  return new ServiceError('DICOM_INVALID', { detail });
}

function readTag(walk: Walk, offset: number): number {
  const { view, littleEndian } = walk.encoding;
  return ((view.getUint16(offset, littleEndian) << 16) | view.getUint16(offset + 2, littleEndian)) >>> 0;
}

function spend(budget: ReadBudget): void {
  budget.elements -= 1;
  if (budget.elements < 0) {
    throw new ServiceError('DICOM_TOO_LARGE', {
      detail: `It has more than ${budget.limits.elements} data elements.`,
    });
  }
}

/**
 * Reads elements from `offset` on until the end of the region, an item delimiter, or (7FE0,0010) of the outermost
 * data set, which is the last thing read from a file.
 * @throws ServiceError DICOM_TRUNCATED, DICOM_INVALID, DICOM_TOO_LARGE
 */
export function readDataSet(
  encoding: Encoding,
  offset: number,
  end: number,
  budget: ReadBudget,
  depth = 0,
  /** Stop before the first element for which this is true. */
  until: (tag: number) => boolean = () => false,
): { readonly dataSet: DataSet; readonly next: number } {
  if (depth > budget.limits.depth)
    throw invalid(`Sequences are nested more than ${budget.limits.depth} deep.`);
  const walk: Walk = { encoding, budget, depth, end };
  const elements = new Map<number, DataElement>();
  const dataSet: DataSet = { ...encoding, elements, budget, depth };
  let at = offset;
  while (at < end) {
    if (end - at < 8) {
      if (encoding.bytes.subarray(at, end).every((byte) => byte === 0)) break;
      throw truncated(null);
    }
    const tag = readTag(walk, at);
    if (tag === itemEndTag && depth > 0) return { dataSet, next: at + 8 };
    if (until(tag)) return { dataSet, next: at };
    spend(budget);
    const { element, next } = readElement(walk, tag, at + 4);
    elements.set(tag, element);
    at = next;
    if (tag === pixelDataTag && depth === 0) break;
  }
  return { dataSet, next: at };
}

function readElement(
  walk: Walk,
  tag: number,
  start: number,
): { readonly element: DataElement; readonly next: number } {
  const { bytes, view, littleEndian, explicit } = walk.encoding;
  const vr = explicit ? vrAt(bytes, start) : null;
  let at = start + 4;
  let length: number;
  if (vr === null) length = view.getUint32(start, littleEndian);
  else if (longForm.has(vr)) {
    if (walk.end - at < 4) throw truncated(tag);
    length = view.getUint32(at, littleEndian);
    at += 4;
  } else length = view.getUint16(start + 2, littleEndian);

  if (length !== undefinedLengthValue) {
    // The outermost data set's region is the file; an item's is what its own length says.
    if (length > walk.end - at) {
      if (walk.depth > 0 && length <= bytes.length - at) {
        throw invalid(`${tagName(tag)} is longer than the sequence item that holds it.`);
      }
      throw truncated(tag);
    }
    return {
      element: { tag, vr, offset: at, length, undefinedLength: false, items: null },
      next: at + length,
    };
  }
  if (tag === pixelDataTag && walk.depth === 0) {
    return {
      element: { tag, vr, offset: at, length: 0, undefinedLength: true, items: null },
      next: walk.end,
    };
  }
  if (vr === 'OB' || vr === 'OW') {
    const next = skipFragments(walk, at);
    return { element: { tag, vr, offset: at, length: 0, undefinedLength: true, items: null }, next };
  }
  const { items, next } = readItems(itemWalk(walk, vr), at, walk.end, true);
  return { element: { tag, vr, offset: at, length: 0, undefinedLength: true, items }, next };
}

/** The value of an element of VR UN and undefined length is implicit VR little endian (PS3.5 §6.2.2, note 4). */
function itemWalk(walk: Walk, vr: string | null): Walk {
  return vr === 'UN'
    ? { ...walk, encoding: { ...walk.encoding, explicit: false, littleEndian: true } }
    : walk;
}

function readItems(
  walk: Walk,
  start: number,
  end: number,
  delimited: boolean,
): { readonly items: readonly DataSet[]; readonly next: number } {
  const { view, littleEndian } = walk.encoding;
  const items: DataSet[] = [];
  let at = start;
  while (at < end) {
    if (end - at < 8) throw truncated(null);
    const tag = readTag(walk, at);
    const length = view.getUint32(at + 4, littleEndian);
    at += 8;
    if (tag === sequenceEndTag && delimited) return { items, next: at };
    if (tag !== itemTag) throw invalid('A sequence holds something that is not an item.');
    spend(walk.budget);
    const open = length === undefinedLengthValue;
    if (!open && length > end - at) throw truncated(tag);
    const read = readDataSet(walk.encoding, at, open ? end : at + length, walk.budget, walk.depth + 1);
    items.push(read.dataSet);
    at = open ? read.next : at + length;
  }
  if (delimited) throw truncated(sequenceEndTag);
  return { items, next: at };
}

function skipFragments(walk: Walk, start: number): number {
  const { view, littleEndian } = walk.encoding;
  let at = start;
  while (walk.end - at >= 8) {
    const tag = readTag(walk, at);
    const length = view.getUint32(at + 4, littleEndian);
    at += 8;
    spend(walk.budget);
    if (tag === sequenceEndTag) return at;
    if (tag !== itemTag || length > walk.end - at) break;
    at += length;
  }
  throw truncated(null);
}

/**
 * The items of a sequence; none when the element is absent or empty.
 * @throws ServiceError DICOM_TRUNCATED, DICOM_INVALID, DICOM_TOO_LARGE
 */
export function sequenceItems(dataSet: DataSet, tag: number): readonly DataSet[] {
  const element = dataSet.elements.get(tag);
  if (element === undefined) return [];
  if (element.items !== null) return element.items;
  if (element.undefinedLength || element.length === 0) return [];
  const end = element.offset + element.length;
  // Asking twice costs the time twice, not the file's budget.
  const budget = { ...dataSet.budget, elements: dataSet.budget.limits.elements };
  const walk = { encoding: dataSet, budget, depth: dataSet.depth, end };
  return readItems(itemWalk(walk, element.vr), element.offset, end, false).items;
}

/** The bytes of an element's value, a view; null when the element is absent or empty. */
export function valueBytes(dataSet: DataSet, tag: number): Uint8Array | null {
  const element = dataSet.elements.get(tag);
  if (element === undefined || element.length === 0) return null;
  return dataSet.bytes.subarray(element.offset, element.offset + element.length);
}

import { ServiceError } from '#core/error';
import { type DataElement, type DataSet, valueBytes } from './data-set.ts';

/** One item of encapsulated pixel data: where its bytes lie. */
interface Fragment {
  /** From the first byte of the first fragment's item tag, as offset tables count. */
  readonly tableOffset: number;
  readonly offset: number;
  readonly length: number;
}

/** Frames of encapsulated pixel data, by number from 0. Views; a frame in several fragments is joined when read. */
export interface EncapsulatedFrames {
  readonly count: number;
  frame(index: number): Uint8Array;
}

const item = 0xfffee000;
const sequenceEnd = 0xfffee0dd;

const invalid = (detail: string): ServiceError => new ServiceError('DICOM_INVALID', { detail });

/**
 * Finds the frames of encapsulated pixel data: by the extended offset table, the basic offset table, one fragment a
 * frame, or the start-of-image markers, in this order.
 * @throws ServiceError DICOM_TRUNCATED, DICOM_INVALID
 * @see DICOM PS3.5 A.4, PS3.3 C.7.6.3.1.8
 */
export function encapsulatedFrames(
  dataSet: DataSet,
  element: DataElement,
  frames: number,
): EncapsulatedFrames {
  if (!element.undefinedLength) throw invalid('Compressed pixel data are not divided into fragments.');
  const { table, fragments } = readFragments(dataSet, element.offset);
  if (fragments.length === 0) throw new ServiceError('DICOM_NO_PIXELS');
  const groups =
    byExtendedTable(dataSet, fragments, frames) ??
    byStarts(table, fragments, frames) ??
    byCount(fragments, frames) ??
    byMarkers(dataSet.bytes, fragments, frames);
  if (groups === null) {
    if (fragments.length < frames) {
      throw new ServiceError('DICOM_TRUNCATED', {
        detail: `${frames} frames are announced and ${fragments.length} are there.`,
      });
    }
    throw invalid('The fragments of the pixel data cannot be assigned to the frames.');
  }
  return {
    count: groups.length,
    frame: (index) => join(dataSet.bytes, groups[index] ?? []),
  };
}

function readFragments(
  { bytes, view }: DataSet,
  start: number,
): { readonly table: readonly number[]; readonly fragments: readonly Fragment[] } {
  const fragments: Fragment[] = [];
  let table: number[] | null = null;
  let tableBase = 0;
  let at = start;
  while (bytes.length - at >= 8) {
    const tag = ((view.getUint16(at, true) << 16) | view.getUint16(at + 2, true)) >>> 0;
    const length = view.getUint32(at + 4, true);
    if (tag === sequenceEnd) return { table: table ?? [], fragments };
    if (tag !== item) throw invalid('The pixel data hold something that is not a fragment.');
    if (length > bytes.length - at - 8) break;
    if (table === null) {
      table = [];
      for (let entry = 0; entry + 4 <= length; entry += 4) table.push(view.getUint32(at + 8 + entry, true));
      tableBase = at + 8 + length;
    } else fragments.push({ tableOffset: at - tableBase, offset: at + 8, length });
    at += 8 + length;
  }
  throw new ServiceError('DICOM_TRUNCATED', { detail: 'It ends inside the pixel data.' });
}

function byExtendedTable(
  dataSet: DataSet,
  fragments: readonly Fragment[],
  frames: number,
): Fragment[][] | null {
  const bytes = valueBytes(dataSet, 0x7fe00001);
  if (bytes === null || bytes.length !== frames * 8) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const starts = Array.from({ length: frames }, (_, index) => Number(view.getBigUint64(index * 8, true)));
  return byStarts(starts, fragments, frames);
}

/** Null unless there is one start a frame and each is the start of a fragment. */
function byStarts(
  starts: readonly number[],
  fragments: readonly Fragment[],
  frames: number,
): Fragment[][] | null {
  if (starts.length !== frames || starts[0] !== 0) return null;
  const groups: Fragment[][] = [];
  for (const fragment of fragments) {
    if (fragment.tableOffset === starts[groups.length]) groups.push([]);
    groups.at(-1)?.push(fragment);
  }
  return groups.length === frames ? groups : null;
}

function byCount(fragments: readonly Fragment[], frames: number): Fragment[][] | null {
  if (frames === 1) return [[...fragments]];
  return fragments.length === frames ? fragments.map((fragment) => [fragment]) : null;
}

/** JPEG (FFD8), JPEG 2000 (FF4F FF51) and JP2 streams say where they begin. */
function byMarkers(bytes: Uint8Array, fragments: readonly Fragment[], frames: number): Fragment[][] | null {
  const groups: Fragment[][] = [];
  for (const fragment of fragments) {
    const [a, b, c, d] = bytes.subarray(fragment.offset, fragment.offset + Math.min(fragment.length, 4));
    const starts =
      (a === 0xff && b === 0xd8 && c === 0xff) ||
      (a === 0xff && b === 0x4f && c === 0xff && d === 0x51) ||
      (a === 0 && b === 0 && c === 0 && d === 0x0c);
    if (starts) groups.push([]);
    const group = groups.at(-1);
    if (group === undefined) return null;
    group.push(fragment);
  }
  return groups.length === frames ? groups : null;
}

function join(bytes: Uint8Array, fragments: readonly Fragment[]): Uint8Array {
  const [first] = fragments;
  if (first !== undefined && fragments.length === 1) {
    return bytes.subarray(first.offset, first.offset + first.length);
  }
  const joined = new Uint8Array(fragments.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const { offset, length } of fragments) {
    joined.set(bytes.subarray(offset, offset + length), at);
    at += length;
  }
  return joined;
}

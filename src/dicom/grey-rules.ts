import { ServiceError } from '#core/error';
import { type DataSet, sequenceItems } from './data-set.ts';
import type { DicomFile } from './parse.ts';
import * as read from './values.ts';

/** A modality or VOI LUT: entry i is the output for the input `first` + i. @see DICOM PS3.3 C.11.1.1, C.11.2.1.1 */
export interface LookupTable {
  readonly first: number;
  /** Bits of an output value. */
  readonly bits: number;
  readonly entries: Uint16Array;
}

/** @see DICOM PS3.3 C.11.2.1.2, C.11.2.1.3 */
export interface Window {
  readonly centre: number;
  readonly width: number;
  readonly function: 'LINEAR' | 'LINEAR_EXACT' | 'SIGMOID';
}

/** What the header says about how the stored values of one frame become grey. */
export interface GreyRules {
  readonly photometric: string;
  readonly slope: number;
  readonly intercept: number;
  readonly modalityLut: LookupTable | null;
  /** The first of several. */
  readonly voiLut: LookupTable | null;
  /** The first of several. */
  readonly window: Window | null;
  /** Pixel Padding Value and Range Limit, either order, stored values; both ends belong to it. */
  readonly padding: readonly [number, number] | null;
}

/**
 * Reads the rules of one frame; enhanced objects have them in their functional groups, per frame or shared.
 * @param stored how the pixels are stored, from `decodeFrames`
 * @param frame number from 0
 * @throws ServiceError DICOM_INVALID when a lookup table is shorter than it says
 * @see DICOM PS3.3 C.11.1, C.11.2, C.7.5.1.1.2, C.7.6.16
 */
export function greyRules(
  { dataSet }: DicomFile,
  stored: { readonly photometric: string; readonly signed: boolean; readonly bitsAllocated: number },
  frame = 0,
): GreyRules {
  const own = sequenceItems(dataSet, 0x52009230)[frame];
  const shared = sequenceItems(dataSet, 0x52009229)[0];
  const groups = [own, shared].filter((group) => group !== undefined);
  /** Where an attribute of a functional group is looked for: this frame, all frames, the image. */
  const places = (sequence: number): readonly DataSet[] => [
    ...groups.flatMap((group) => sequenceItems(group, sequence).slice(0, 1)),
    dataSet,
  ];
  const rescale = places(0x00289145);
  const slope = first(rescale, (place) => read.number(place, 0x00281053));
  const intercept = first(rescale, (place) => read.number(place, 0x00281052)) ?? 0;
  const modality = first(rescale, (place) => sequenceItems(place, 0x00283000)[0] ?? null);
  const voi = first(places(0x00289132), (place) => sequenceItems(place, 0x00283010)[0] ?? null);
  const negative = stored.signed || (modality === null && intercept < 0);
  return {
    photometric: stored.photometric,
    slope: slope === null || slope === 0 ? 1 : slope,
    intercept,
    modalityLut: modality === null ? null : lookupTable(modality, stored.signed),
    voiLut: voi === null ? null : lookupTable(voi, negative),
    window: first(places(0x00289132), windowOf),
    padding: paddingOf(dataSet, stored),
  };
}

function first<T>(places: readonly DataSet[], take: (place: DataSet) => T | null): T | null {
  for (const place of places) {
    const found = take(place);
    if (found !== null) return found;
  }
  return null;
}

function windowOf(place: DataSet): Window | null {
  const centre = read.number(place, 0x00281050);
  const width = read.number(place, 0x00281051);
  if (centre === null || width === null) return null;
  const written = read.code(place, 0x00281056);
  return {
    centre,
    width,
    function: written === 'SIGMOID' || written === 'LINEAR_EXACT' ? written : 'LINEAR',
  };
}

/** @param signed how a first value of unknown sign is meant (implicit VR) */
function lookupTable(item: DataSet, signed: boolean): LookupTable {
  const [count, start, bits] = read.numbers(item, 0x00283002, signed ? 'signed16' : 'unsigned16');
  const data = item.elements.get(0x00283006);
  if (
    typeof count !== 'number' ||
    typeof start !== 'number' ||
    typeof bits !== 'number' ||
    data === undefined
  ) {
    throw new ServiceError('DICOM_INVALID', { detail: 'A lookup table is not complete.' });
  }
  const length = count & 0xffff || 65_536;
  const inBytes = bits <= 8 && data.length < length * 2;
  if (data.length < (inBytes ? length : length * 2) || bits < 1 || bits > 16) {
    throw new ServiceError('DICOM_INVALID', { detail: 'A lookup table is shorter than it says.' });
  }
  const entries = Uint16Array.from({ length }, (_, index) =>
    inBytes
      ? item.bytes[data.offset + index]!
      : item.view.getUint16(data.offset + index * 2, item.littleEndian),
  );
  return { first: start, bits, entries };
}

function paddingOf(
  dataSet: DataSet,
  stored: { readonly signed: boolean; readonly bitsAllocated: number },
): readonly [number, number] | null {
  const kind = stored.signed ? 'signed16' : 'unsigned16';
  const meant = (value: number | null): number | null => {
    if (value === null || stored.bitsAllocated > 16) return value;
    // Writers mix up US and SS here: the bits count, read as the pixels are.
    const cell = value & (2 ** stored.bitsAllocated - 1);
    return stored.signed && cell >= 2 ** (stored.bitsAllocated - 1) ? cell - 2 ** stored.bitsAllocated : cell;
  };
  const value = meant(
    read.number(dataSet, 0x00280120, kind) ??
      read.number(dataSet, 0x00280122, 'float32') ??
      read.number(dataSet, 0x00280123, 'float64'),
  );
  if (value === null) return null;
  const limit = meant(
    read.number(dataSet, 0x00280121, kind) ??
      read.number(dataSet, 0x00280124, 'float32') ??
      read.number(dataSet, 0x00280125, 'float64'),
  );
  return [value, limit ?? value];
}

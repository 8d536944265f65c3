import { ServiceError } from '#core/error';
import type { DecodedFrames } from './decode.ts';
import { type GreyRules, greyRules, type LookupTable, type Window } from './grey-rules.ts';
import type { StoredValues } from './image-pixel.ts';
import type { DicomFile } from './parse.ts';

/** Turns the cells of `DecodedFrames.data` into grey, [0, 255], black = 0. */
export interface GreyTransform {
  /** Grey of the cell v at `table[v - tableOffset]`, for every value that the array can hold; null above 16 bits. */
  readonly table: Float32Array | null;
  /** Cell of the first entry: 0, -128 or -32768. */
  readonly tableOffset: number;
  /** Grey of one cell. */
  readonly apply: (cell: number) => number;
}

/** How the bits of a cell hold a stored value. */
export interface CellForm {
  readonly bitsAllocated: number;
  readonly bitsStored: number;
  readonly highBit: number;
  readonly signed: boolean;
}

/**
 * The grey transform of one monochrome frame: bits that are not stored removed, modality LUT or rescale, then the
 * first VOI LUT, else the first usable window, else minimum to maximum of the frame; MONOCHROME1 inverted; padding
 * left out of minimum and maximum and black at the end.
 * @param index which of the decoded frames, from 0
 * @throws ServiceError DICOM_UNSUPPORTED_PIXELS for colour and palettes; DICOM_INVALID for a broken lookup table
 * @see docs/model-package.md, manifest.json `input`; DICOM PS3.3 C.11.1, C.11.2, C.7.5.1.1.2
 */
export function greyTransform(file: DicomFile, decoded: DecodedFrames, index = 0): GreyTransform {
  const rules = greyRules(file, decoded, decoded.frameNumbers[index] ?? 0);
  const size = decoded.rows * decoded.columns;
  const frame = decoded.data.subarray(index * size, (index + 1) * size);
  return greyOf(rules, decoded, frame);
}

/**
 * The same from rules at hand.
 * @param frame the frame's cells; read only where minimum and maximum are needed
 * @throws ServiceError DICOM_UNSUPPORTED_PIXELS
 */
export function greyOf(rules: GreyRules, form: CellForm, frame: StoredValues): GreyTransform {
  if (rules.photometric !== 'MONOCHROME1' && rules.photometric !== 'MONOCHROME2') {
    throw new ServiceError('DICOM_UNSUPPORTED_PIXELS', {
      detail: 'The image is not a plain greyscale image.',
    });
  }
  const float = frame instanceof Float32Array || frame instanceof Float64Array;
  const value = float ? (cell: number): number => cell : storedValue(form);
  const isPadding = paddingTest(rules.padding);
  const modality = modalityOf(rules);
  const bits = frame.BYTES_PER_ELEMENT * 8;
  const tableOffset = form.signed && bits <= 16 ? -(2 ** (bits - 1)) : 0;
  const voi = voiOf(rules) ?? extent(rules, frame, value, bits, tableOffset);
  const inverted = rules.photometric === 'MONOCHROME1';
  const apply = (cell: number): number => {
    const stored = value(cell);
    if (Number.isNaN(stored) || isPadding(stored)) return 0;
    const grey = voi(modality(stored));
    return inverted ? 255 - grey : grey;
  };
  if (float || bits > 16) return { table: null, tableOffset: 0, apply };
  const table = new Float32Array(2 ** bits);
  for (let entry = 0; entry < table.length; entry += 1) table[entry] = apply(entry + tableOffset);
  return { table, tableOffset, apply };
}

/** Bits outside of Bits Stored hold overlays or rubbish; the sign stands at the highest stored bit. */
function storedValue({ bitsAllocated, bitsStored, highBit, signed }: CellForm): (cell: number) => number {
  const low = highBit + 1 - bitsStored;
  if (bitsAllocated === 1 || (low === 0 && bitsStored === bitsAllocated)) return (cell) => cell;
  const left = 32 - bitsStored - low;
  const right = 32 - bitsStored;
  return signed ? (cell) => (cell << left) >> right : (cell) => (cell << left) >>> right;
}

function paddingTest(padding: GreyRules['padding']): (stored: number) => boolean {
  if (padding === null) return () => false;
  const low = Math.min(...padding);
  const high = Math.max(...padding);
  return (stored) => stored >= low && stored <= high;
}

function modalityOf({ modalityLut, slope, intercept }: GreyRules): (stored: number) => number {
  if (modalityLut !== null) return lookup(modalityLut);
  return (stored) => stored * slope + intercept;
}

/** Inputs below or above the table take its first or last entry; fractions are rounded half up. */
function lookup({ first, entries }: LookupTable): (input: number) => number {
  const last = entries.length - 1;
  return (input) => entries[Math.min(last, Math.max(0, Math.floor(input + 0.5) - first))]!;
}

/** null where neither a VOI LUT nor a usable window is there. */
function voiOf({ voiLut, window }: GreyRules): ((value: number) => number) | null {
  if (voiLut !== null) {
    const factor = 255 / (2 ** voiLut.bits - 1);
    const output = lookup(voiLut);
    return (value) => output(value) * factor;
  }
  return window === null ? null : windowed(window);
}

/** LINEAR needs a width of at least 1, the others one above 0; a window that breaks this is not applied. */
function windowed({ centre, width, function: rule }: Window): ((value: number) => number) | null {
  if (rule === 'LINEAR' ? width < 1 : width <= 0) return null;
  if (rule === 'SIGMOID') return (value) => 255 / (1 + Math.exp((-4 * (value - centre)) / width));
  if (rule === 'LINEAR_EXACT') return (value) => clamp(((value - centre) / width + 0.5) * 255);
  if (width === 1) return (value) => (value <= centre - 0.5 ? 0 : 255);
  return (value) => clamp(((value - (centre - 0.5)) / (width - 1) + 0.5) * 255);
}

const clamp = (grey: number): number => Math.min(255, Math.max(0, grey));

/** Minimum to maximum of the frame's modality values without padding; black where they are the same. */
function extent(
  rules: GreyRules,
  frame: StoredValues,
  value: (cell: number) => number,
  bits: number,
  tableOffset: number,
): (modalityValue: number) => number {
  const modality = modalityOf(rules);
  const isPadding = paddingTest(rules.padding);
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  const take = (cell: number): void => {
    const stored = value(cell);
    if (!Number.isFinite(stored) || isPadding(stored)) return;
    const result = modality(stored);
    if (result < low) low = result;
    if (result > high) high = result;
  };
  if (bits <= 16) {
    // Few different cells: note which occur in one plain pass, then ask for each once.
    const seen = new Uint8Array(2 ** bits);
    for (let at = 0; at < frame.length; at += 1) seen[frame[at]! - tableOffset] = 1;
    for (let entry = 0; entry < seen.length; entry += 1) if (seen[entry] === 1) take(entry + tableOffset);
  } else for (let at = 0; at < frame.length; at += 1) take(frame[at]!);
  if (!(high > low)) return () => 0;
  const factor = 255 / (high - low);
  return (result) => clamp((result - low) * factor);
}

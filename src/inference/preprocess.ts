import { ServiceError } from '#core/error';
import type { InputSpec } from '#core/model-package';

export type StoredValues =
  | Uint8Array
  | Uint8ClampedArray
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array;

/** One decoded monochrome frame with the rule that turns stored values into grey. */
export interface GreyImage {
  readonly rows: number;
  readonly columns: number;
  /** Stored values, row by row; rows × columns. */
  readonly data: StoredValues;
  /** Grey in [0, 255] of the stored value v at `table[v - tableOffset]`; null when there are too many values. */
  readonly table: Float32Array | null;
  /** Stored value of the first entry of `table`. */
  readonly tableOffset: number;
  /** Grey in [0, 255] of one stored value: what the table holds, for any value. */
  readonly apply: (stored: number) => number;
}

/** The resized, stretched image that the quality limits judge: [0, 255], black = 0. */
export interface PreparedImage {
  readonly rows: number;
  readonly columns: number;
  /** Row by row, rows × columns. */
  readonly values: Float64Array;
}

/** An 8-bit grey picture (PNG, JPEG, golden case) as it is. `pixels`: rows × columns. */
export function greyImage8(rows: number, columns: number, pixels: Uint8Array | Uint8ClampedArray): GreyImage {
  return {
    rows,
    columns,
    data: pixels,
    table: Float32Array.from({ length: 256 }, (_, i) => i),
    tableOffset: 0,
    apply: (stored) => stored,
  };
}

/**
 * Area resize (exact box overlaps) while the grey table is applied, then the percentile stretch.
 * @param input the manifest's `input`
 * @throws DICOM_INVALID when the pixels are not rows × columns
 * @see docs/model-package.md, manifest.json `input`
 */
export function prepareImage(image: GreyImage, input: InputSpec): PreparedImage {
  const [, , rows, columns] = input.shape;
  const resized = resizeArea(image, rows, columns, input.resize.aspect);
  const { stretch } = input.intensity;
  return {
    rows,
    columns,
    values: stretch === null ? resized : stretched(resized, stretch.lower, stretch.upper),
  };
}

/** The input tensor: (x − offset) / scale, float32, rows × columns values of shape [1, 1, rows, columns]. */
export function toTensor(prepared: PreparedImage, input: InputSpec): Float32Array {
  const { offset, scale } = input.intensity;
  const tensor = new Float32Array(prepared.values.length);
  for (let i = 0; i < tensor.length; i++) tensor[i] = (prepared.values[i]! - offset) / scale;
  return tensor;
}

/**
 * Target pixel (i, j) is the mean of the source rectangle that it covers, overlaps by fraction.
 * `squash` stretches the image to the target; `pad` first centres it in a black square.
 * One pass over the source: its rows are looked up and summed into one row, column by column, which is then averaged
 * into the target's columns. No sum waits for the one before it, which is what makes this order the faster one.
 * @returns rows × columns, [0, 255]
 */
export function resizeArea(
  image: GreyImage,
  rows: number,
  columns: number,
  aspect: 'squash' | 'pad',
): Float64Array {
  if (image.data.length !== image.rows * image.columns || image.data.length === 0) {
    throw new ServiceError('DICOM_INVALID', { detail: 'The pixels are not rows × columns.' });
  }
  const side = aspect === 'pad' ? Math.max(image.rows, image.columns) : 0;
  const vertical = overlaps(image.rows, side || image.rows, rows);
  const horizontal = overlaps(image.columns, side || image.columns, columns);
  const indexed = toIndexed(image);
  const out = new Float64Array(rows * columns);
  const sums = new Float64Array(image.columns);
  for (let i = 0; i < rows; i++) {
    if (vertical.last[i]! < vertical.first[i]!) continue;
    sumRows(indexed, vertical, i, sums);
    averageColumns(sums, horizontal, vertical.whole, out.subarray(i * columns, (i + 1) * columns));
  }
  return out;
}

/** For each target pixel of one axis: its first and last source pixel and their weights; between them `whole`. */
interface Overlaps {
  readonly first: Int32Array;
  /** Below `first` where the target lies wholly in the padding. */
  readonly last: Int32Array;
  readonly firstWeight: Float64Array;
  /** 0 when first = last. */
  readonly lastWeight: Float64Array;
  readonly whole: number;
}

/** `extent`: the axis with its padding; the source lies centred in it. */
function overlaps(source: number, extent: number, target: number): Overlaps {
  const before = Math.floor((extent - source) / 2);
  const length = extent / target;
  const first = new Int32Array(target);
  const last = new Int32Array(target);
  const firstWeight = new Float64Array(target);
  const lastWeight = new Float64Array(target);
  for (let i = 0; i < target; i++) {
    const low = Math.max(0, (i * extent) / target - before);
    const high = Math.min(source, ((i + 1) * extent) / target - before);
    if (high <= low) {
      first[i] = 0;
      last[i] = -1;
      continue;
    }
    const from = Math.floor(low);
    const to = Math.max(from, Math.ceil(high) - 1);
    first[i] = from;
    last[i] = to;
    firstWeight[i] = (Math.min(from + 1, high) - low) / length;
    lastWeight[i] = to > from ? (high - to) / length : 0;
  }
  return { first, last, firstWeight, lastWeight, whole: 1 / length };
}

/** The source rows of target row `i`, looked up and summed; a row that is covered whole counts 1. */
function sumRows({ values, table }: Indexed, vertical: Overlaps, i: number, sums: Float64Array): void {
  const width = sums.length;
  const [first, last] = [vertical.first[i]!, vertical.last[i]!];
  sums.fill(0);
  addRow(values, table, first * width, vertical.firstWeight[i]! / vertical.whole, sums);
  let row = first + 1;
  for (; row + 3 < last; row += 4) addFourRows(values, table, row * width, sums);
  for (; row < last; row++) addRow(values, table, row * width, 1, sums);
  if (last > first) addRow(values, table, last * width, vertical.lastWeight[i]! / vertical.whole, sums);
}

function addRow(
  values: Indexed['values'],
  table: Float32Array | null,
  start: number,
  weight: number,
  sums: Float64Array,
): void {
  if (table === null) for (let c = 0; c < sums.length; c++) sums[c]! += weight * values[start + c]!;
  else for (let c = 0; c < sums.length; c++) sums[c]! += weight * table[values[start + c]!]!;
}

/** The hot loop: nearly every source pixel passes here once. */
function addFourRows(
  values: Indexed['values'],
  table: Float32Array | null,
  start: number,
  sums: Float64Array,
): void {
  if (table === null) {
    for (let row = 0; row < 4; row++) addRow(values, null, start + row * sums.length, 1, sums);
    return;
  }
  const width = sums.length;
  for (let c = 0, at = start; c < width; c++, at++) {
    const above = table[values[at]!]! + table[values[at + width]!]!;
    const below = table[values[at + 2 * width]!]! + table[values[at + 3 * width]!]!;
    sums[c]! += above + below;
  }
}

/** The means of the target's columns; `whole`: the share of one source row in a target row. */
function averageColumns(sums: Float64Array, horizontal: Overlaps, whole: number, line: Float64Array): void {
  const { first, last, firstWeight, lastWeight } = horizontal;
  for (let j = 0; j < line.length; j++) {
    const [from, to] = [first[j]!, last[j]!];
    if (to < from) continue;
    let sum = 0;
    for (let at = from + 1; at < to; at++) sum += sums[at]!;
    line[j] = whole * (sum * horizontal.whole + firstWeight[j]! * sums[from]! + lastWeight[j]! * sums[to]!);
  }
}

interface Indexed {
  readonly values: Uint8Array | Uint16Array | Float32Array;
  /** Indexed by the bits of a value read as unsigned; null: `values` are grey already. */
  readonly table: Float32Array | null;
}

/**
 * 8- and 16-bit values keep their memory and are read as unsigned, with a table for every bit pattern, so that
 * the hot loop knows two kinds of arrays and never leaves its table. Wider values are turned into grey one by one.
 */
function toIndexed(image: GreyImage): Indexed {
  const { data } = image;
  const bits = 8 * data.BYTES_PER_ELEMENT;
  if (bits > 16 || data instanceof Float32Array || data instanceof Float64Array) {
    return { values: Float32Array.from(data, image.apply), table: null };
  }
  const signed = data instanceof Int8Array || data instanceof Int16Array;
  const size = 2 ** bits;
  const table = new Float32Array(size);
  for (let pattern = 0; pattern < size; pattern++) {
    const stored = signed && pattern >= size / 2 ? pattern - size : pattern;
    const entry = image.table?.[stored - image.tableOffset];
    table[pattern] = entry ?? image.apply(stored);
  }
  const values =
    bits === 8
      ? new Uint8Array(data.buffer, data.byteOffset, data.length)
      : new Uint16Array(data.buffer, data.byteOffset, data.length);
  return { values, table };
}

/** Percentiles to 0 and 255, clipped; a flat image becomes 0. */
function stretched(values: Float64Array, lower: number, upper: number): Float64Array {
  const [low = 0, high = 0] = percentiles(values, [lower, upper]);
  const out = new Float64Array(values.length);
  if (!(high > low)) return out;
  const factor = 255 / (high - low);
  for (let i = 0; i < out.length; i++) out[i] = Math.min(255, Math.max(0, (values[i]! - low) * factor));
  return out;
}

const bins = 4096;

/**
 * Percentiles with linear interpolation between order statistics (numpy's default).
 * A histogram finds the bin of each order statistic and only that bin is sorted.
 * @param values finite, at least one
 * @param wanted [0, 100] each
 */
export function percentiles(values: Float64Array, wanted: readonly number[]): number[] {
  let minimum = Infinity;
  let maximum = -Infinity;
  for (const value of values) {
    if (value < minimum) minimum = value;
    if (value > maximum) maximum = value;
  }
  if (!(maximum > minimum)) return wanted.map(() => minimum);
  const factor = (bins - 1) / (maximum - minimum);
  const counts = new Uint32Array(bins);
  for (const value of values) counts[Math.floor((value - minimum) * factor)]! += 1;

  const orderStatistic = (rank: number): number => {
    let bin = 0;
    let below = 0;
    while (below + counts[bin]! <= rank) below += counts[bin++]!;
    const members = new Float64Array(counts[bin]!);
    let found = 0;
    for (const value of values) {
      if (Math.floor((value - minimum) * factor) === bin) members[found++] = value;
    }
    return members.sort()[rank - below]!;
  };
  return wanted.map((percent) => {
    const position = (percent / 100) * (values.length - 1);
    const rank = Math.floor(position);
    const low = orderStatistic(rank);
    const fraction = position - rank;
    return fraction === 0 ? low : low + (orderStatistic(rank + 1) - low) * fraction;
  });
}

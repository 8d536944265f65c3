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
 * One pass over the source: each row is looked up and summed into the target's columns, then into its rows.
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
  const line = new Float64Array(columns);
  let row = -1;
  for (let i = 0; i < rows; i++) {
    const { first, last, firstWeight, lastWeight } = vertical;
    for (let r = first[i]!; r <= last[i]!; r++) {
      // Neighbouring target rows share at most one source row, and it comes last and then first.
      if (r !== row) sumRow(indexed.values, indexed.table, r * image.columns, horizontal, line);
      row = r;
      const weight = r === first[i]! ? firstWeight[i]! : r === last[i]! ? lastWeight[i]! : vertical.whole;
      for (let j = 0, at = i * columns; j < columns; j++, at++) out[at]! += weight * line[j]!;
    }
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

/** One source row, looked up and averaged into `line`. The hot loop: every source pixel passes here once. */
function sumRow(
  values: Uint8Array | Uint16Array | Float32Array,
  table: Float32Array | null,
  start: number,
  { first, last, firstWeight, lastWeight, whole }: Overlaps,
  line: Float64Array,
): void {
  if (table === null) {
    for (let j = 0; j < line.length; j++) {
      const from = start + first[j]!;
      const to = start + last[j]!;
      let sum = 0;
      for (let at = from + 1; at < to; at++) sum += values[at]!;
      line[j] = to < from ? 0 : sum * whole + firstWeight[j]! * values[from]! + lastWeight[j]! * values[to]!;
    }
    return;
  }
  for (let j = 0; j < line.length; j++) {
    const from = start + first[j]!;
    const to = start + last[j]!;
    let sum = 0;
    for (let at = from + 1; at < to; at++) sum += table[values[at]!]!;
    line[j] =
      to < from
        ? 0
        : sum * whole + firstWeight[j]! * table[values[from]!]! + lastWeight[j]! * table[values[to]!]!;
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

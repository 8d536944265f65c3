import type { AppPicture } from '#core/app';

/** One sample a cell, as allocated: bits outside of Bits Stored may still be there. */
export type Cells =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array;

/** Stored values as Cornerstone draws them: one array type for all images of one form. */
export type StoredValues = Uint8Array | Uint16Array | Int16Array | Float32Array;

type Form = Pick<AppPicture, 'bitsAllocated' | 'bitsStored' | 'highBit' | 'signed'>;

/**
 * The cells of one uncompressed frame.
 * @returns null where `bytes` are too few for the frame
 * @see DICOM PS3.5 §8.1.1, §8.2
 */
export function nativeCells(
  bytes: Uint8Array<ArrayBuffer>,
  { bitsAllocated, signed }: Form,
  count: number,
  littleEndian: boolean,
): Cells | null {
  if (bytes.length * 8 < count * bitsAllocated) return null;
  if (bitsAllocated === 1) return unpackBits(bytes, count);
  if (bitsAllocated === 8) return bytes.subarray(0, count);
  const size = bitsAllocated / 8;
  const aligned = littleEndian && bytes.byteOffset % size === 0 ? bytes : bytes.slice(0, count * size);
  if (!littleEndian) swapBytes(aligned, size);
  if (size === 4) {
    const Ints = signed ? Int32Array : Uint32Array;
    return new Ints(aligned.buffer, aligned.byteOffset, count);
  }
  const Shorts = signed ? Int16Array : Uint16Array;
  return new Shorts(aligned.buffer, aligned.byteOffset, count);
}

function swapBytes(bytes: Uint8Array, size: number): void {
  for (let at = 0; at < bytes.length; at += size) bytes.subarray(at, at + size).reverse();
}

/** One byte a pixel from one bit a pixel, the lowest bit first. @see DICOM PS3.5 §8.1.1 */
export function unpackBits(bytes: Uint8Array, count: number): Uint8Array {
  const values = new Uint8Array(count);
  for (let at = 0; at < count; at += 1) values[at] = (bytes[at >> 3]! >> (at & 7)) & 1;
  return values;
}

/**
 * Stored values from cells: bits that are not stored removed, the sign taken from the highest stored bit. 32-bit
 * values become floats, exact up to 2^24.
 */
export function storedValues(cells: Cells, form: Form): StoredValues {
  const Values =
    form.bitsAllocated > 16
      ? Float32Array
      : form.signed
        ? Int16Array
        : form.bitsAllocated > 8
          ? Uint16Array
          : Uint8Array;
  const low = form.highBit + 1 - form.bitsStored;
  const whole = form.bitsAllocated === 1 || (low === 0 && form.bitsStored === form.bitsAllocated);
  if (whole && cells instanceof Values) return cells;
  const values = new Values(cells.length);
  if (whole && !form.signed) {
    values.set(cells);
    return values;
  }
  const left = 32 - form.bitsStored - low;
  const right = 32 - form.bitsStored;
  if (form.signed) for (let at = 0; at < cells.length; at += 1) values[at] = (cells[at]! << left) >> right;
  else for (let at = 0; at < cells.length; at += 1) values[at] = (cells[at]! << left) >>> right;
  return values;
}

/** Samples of one kind together → pixel by pixel. */
export function interleave<T extends Cells>(planes: T, samples: number): T {
  const pixels = planes.length / samples;
  const values = planes.slice() as T;
  for (let sample = 0; sample < samples; sample += 1) {
    for (let pixel = 0; pixel < pixels; pixel += 1)
      values[pixel * samples + sample] = planes[sample * pixels + pixel]!;
  }
  return values;
}

/** Y0 Y1 Cb Cr for two pixels → Y Cb Cr for each. @see DICOM PS3.3 C.7.6.3.1.2 */
export function expand422(cells: Cells): Uint8Array {
  const values = new Uint8Array((cells.length / 4) * 6);
  for (let from = 0, to = 0; from + 3 < cells.length; from += 4, to += 6) {
    values[to] = cells[from]!;
    values[to + 3] = cells[from + 1]!;
    values[to + 1] = cells[from + 2]!;
    values[to + 4] = cells[from + 2]!;
    values[to + 2] = cells[from + 3]!;
    values[to + 5] = cells[from + 3]!;
  }
  return values;
}

/**
 * Eight bits a sample, RGB by pixel.
 * @param photometric what the values are: RGB or YBR_FULL, YBR_FULL_422 at full resolution
 * @returns null for other colour spaces
 * @see DICOM PS3.3 C.7.6.3.1.2
 */
export function toRgb(values: StoredValues, photometric: string, bitsStored: number): Uint8Array | null {
  const shift = Math.max(0, bitsStored - 8);
  const rgb = new Uint8Array(values.length);
  if (photometric === 'RGB') {
    for (let at = 0; at < values.length; at += 1) rgb[at] = values[at]! >> shift;
    return rgb;
  }
  if (photometric !== 'YBR_FULL' && photometric !== 'YBR_FULL_422') return null;
  const byte = (value: number): number => Math.min(255, Math.max(0, Math.round(value)));
  for (let at = 0; at + 2 < values.length; at += 3) {
    const y = values[at]! >> shift;
    const cb = (values[at + 1]! >> shift) - 128;
    const cr = (values[at + 2]! >> shift) - 128;
    rgb[at] = byte(y + 1.402 * cr);
    rgb[at + 1] = byte(y - 0.344136 * cb - 0.714136 * cr);
    rgb[at + 2] = byte(y + 1.772 * cb);
  }
  return rgb;
}

/** The padding value as the pixels are read: writers mix up US and SS. null: none. @see DICOM PS3.3 C.7.5.1.1.2 */
export function paddingOf({ padding, bitsAllocated, signed }: AppPicture): number | null {
  if (padding === null || bitsAllocated > 16) return padding;
  const cell = padding & (2 ** bitsAllocated - 1);
  return signed && cell >= 2 ** (bitsAllocated - 1) ? cell - 2 ** bitsAllocated : cell;
}

/** Smallest and largest value, padding left out; `[0, 0]` where nothing else is there. */
export function rangeOf(values: StoredValues, padding: number | null): readonly [number, number] {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let at = 0; at < values.length; at += 1) {
    const value = values[at]!;
    if (value === padding) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low > high ? [0, 0] : [low, high];
}

/**
 * Padding is nothing that was measured: it is drawn as dark as can be. A copy, only where there is padding.
 * @param darkest the value that is drawn darkest: the lowest of the type, or its highest for an inverted image
 */
export function paddingDarkened(
  values: StoredValues,
  padding: number | null,
  darkest: 'low' | 'high',
): StoredValues {
  if (padding === null || !values.includes(padding)) return values;
  const [low, high] = extremes(values, padding);
  const dark = darkest === 'low' ? low : high;
  return values.map((value) => (value === padding ? dark : value));
}

function extremes(values: StoredValues, padding: number): readonly [number, number] {
  if (values instanceof Float32Array) {
    const [low, high] = rangeOf(values, padding);
    return [low - 2 * (high - low), high + 2 * (high - low)];
  }
  if (values instanceof Int16Array) return [-32_768, 32_767];
  return [0, values instanceof Uint8Array ? 255 : 65_535];
}

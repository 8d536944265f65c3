import { ServiceError } from '#core/error';
import type { FrameDecoder } from './frame-decoder.ts';
import {
  checkAgainstHeader,
  type JpegHeader,
  jpegSegments,
  readJpegHeader,
  segmentCounter,
} from './jpeg-header.ts';
import {
  type EntropyData,
  type HuffmanTable,
  readEntropyData,
  readHuffmanTables,
  streamEnds,
} from './jpeg-huffman.ts';

/**
 * JPEG lossless, process 14, all selection values, point transform, restart intervals, 2 to 16 bits; samples in one
 * scan or in scans of their own. Own decoder: the library's takes 2.5 times as long.
 * @see ITU-T T.81 Annex H
 */
export const decodeJpegLossless: FrameDecoder = (input, pixel) => {
  const header = readJpegHeader(input);
  checkAgainstHeader({ ...header, samples: header.components.length }, pixel);
  if (header.precision < 2 || header.precision > 16) {
    throw new ServiceError('DICOM_INVALID', { detail: 'JPEG lossless has 2 to 16 bits.' });
  }
  if (header.components.some(({ horizontal, vertical }) => horizontal !== 1 || vertical !== 1)) {
    throw new ServiceError('DICOM_UNSUPPORTED_PIXELS', {
      detail: 'JPEG lossless with subsampled components.',
    });
  }
  const values = new Uint16Array(header.rows * header.columns * header.components.length);
  readScans(input, header, values);
  return { values, planar: false, precision: header.precision, signed: null };
};

/** One scan: which samples, by which tables and rule. */
interface Scan {
  readonly samples: readonly { readonly offset: number; readonly differences: Int32Array }[];
  readonly predictor: number;
  readonly pointTransform: number;
  /** Rows between restarts; 0: none. */
  readonly restartRows: number;
}

function readScans(input: Uint8Array, header: JpegHeader, values: Uint16Array): void {
  const tables = new Map<number, HuffmanTable>();
  const count = segmentCounter();
  let restartInterval = 0;
  let at = 2;
  const seen = new Set<number>();
  while (seen.size < header.components.length) {
    let scanAt: number | null = null;
    for (const segment of jpegSegments(input, at)) {
      count();
      if (segment.marker === 0xc4) readHuffmanTables(input, segment.at, segment.end, tables);
      if (segment.marker === 0xdd) restartInterval = (input[segment.at]! << 8) | input[segment.at + 1]!;
      if (segment.marker === 0xda) {
        scanAt = segment.end;
        const scan = readScan(input, segment.at, header, tables, restartInterval);
        for (const { offset } of scan.samples) seen.add(offset);
        const data = readEntropyData(input, segment.end);
        decodeScan(data, scan, header, values);
        at = data.next;
      }
    }
    if (scanAt === null) throw streamEnds();
  }
}

function readScan(
  input: Uint8Array,
  at: number,
  header: JpegHeader,
  tables: ReadonlyMap<number, HuffmanTable>,
  restartInterval: number,
): Scan {
  const count = input[at]!;
  const tail = at + 1 + count * 2;
  const samples = Array.from({ length: count }, (_, index) => {
    const offset = header.components.findIndex(({ id }) => id === input[at + 1 + index * 2]);
    const table = tables.get(input[at + 2 + index * 2]! >>> 4);
    if (offset < 0 || table === undefined) {
      throw new ServiceError('DICOM_INVALID', {
        detail: 'A JPEG scan names a component or table that is not there.',
      });
    }
    return { offset, differences: differenceTable(table) };
  });
  const predictor = input[tail]!;
  const pointTransform = input[tail + 2]! & 15;
  if (count === 0 || predictor < 1 || predictor > 7 || pointTransform >= header.precision) {
    throw new ServiceError('DICOM_INVALID', { detail: 'A JPEG lossless scan header is odd.' });
  }
  if (restartInterval % header.columns !== 0) {
    throw new ServiceError('DICOM_UNSUPPORTED_PIXELS', { detail: 'JPEG lossless restarts within a row.' });
  }
  return { samples, predictor, pointTransform, restartRows: restartInterval / header.columns };
}

const peekBits = 13;

/**
 * By the next 13 bits: a whole difference (code and its extra bits) in the upper 27 bits and its length in the lower
 * 5; length 0 where 13 bits are not enough. Behind it, by the next 16 bits: category << 5 | code length.
 */
function differenceTable({ lookup }: HuffmanTable): Int32Array {
  const table = new Int32Array((1 << peekBits) + 65_536);
  for (let bits = 0; bits < 65_536; bits += 1) {
    const entry = lookup[bits]!;
    table[(1 << peekBits) + bits] = entry === 0 ? 0 : ((entry >>> 8) << 5) | (entry & 0xff);
  }
  for (let bits = 0; bits < 1 << peekBits; bits += 1) {
    const entry = lookup[bits << (16 - peekBits)]!;
    const length = entry & 0xff;
    const category = entry >>> 8;
    const extra = category === 16 ? 0 : category;
    if (length === 0 || length + extra > peekBits) continue;
    const value = (bits >>> (peekBits - length - extra)) & ((1 << extra) - 1);
    table[bits] = (extended(value, category) << 5) | (length + extra);
  }
  return table;
}

/** T.81 §F.2.2.1 EXTEND, and category 16, which is 32768 without extra bits (§H.1.2.2). */
function extended(value: number, category: number): number {
  if (category === 0) return 0;
  if (category === 16) return 32_768;
  return value < 1 << (category - 1) ? value - (1 << category) + 1 : value;
}

function decodeScan(data: EntropyData, scan: Scan, header: JpegHeader, values: Uint16Array): void {
  const { rows, columns } = header;
  const initial = 1 << (header.precision - scan.pointTransform - 1);
  let bit = 0;
  let interval = 0;
  for (let row = 0; row < rows; row += 1) {
    let first = row === 0;
    if (scan.restartRows > 0 && row > 0 && row % scan.restartRows === 0) {
      interval += 1;
      const start = data.starts[interval];
      if (start === undefined) throw streamEnds();
      bit = start;
      first = true;
    }
    bit = decodeRow(data, scan, values, row, columns, header.components.length, bit, first, initial);
    if (bit > data.end) throw streamEnds();
  }
  if (scan.pointTransform > 0) {
    for (const { offset } of scan.samples) {
      for (let at = offset; at < values.length; at += header.components.length) {
        values[at] = values[at]! << scan.pointTransform;
      }
    }
  }
}

/** Decodes one row and returns the position of the next bit. */
function decodeRow(
  data: EntropyData,
  scan: Scan,
  values: Uint16Array,
  row: number,
  columns: number,
  stride: number,
  bit: number,
  first: boolean,
  initial: number,
): number {
  const start = row * columns * stride;
  const [sample] = scan.samples;
  try {
    if (scan.samples.length === 1 && stride === 1 && (first || scan.predictor === 1)) {
      const left = first ? initial : values[start - columns]!;
      return decodeLeftRow(data.view, sample!.differences, values, start, columns, bit, left);
    }
    return decodeAnyRow(data.view, scan, values, start, columns, stride, bit, first, initial);
  } catch (cause) {
    // The window is read without asking whether it is there: reading behind the padding is a RangeError.
    if (cause instanceof RangeError) throw streamEnds();
    throw cause;
  }
}

/** The case of nearly every file: one sample, each value predicted by its left neighbour. */
function decodeLeftRow(
  view: DataView,
  table: Int32Array,
  values: Uint16Array,
  start: number,
  columns: number,
  from: number,
  initial: number,
): number {
  let bit = from;
  let value = initial;
  const end = start + columns;
  for (let at = start; at < end; at += 1) {
    const window = view.getInt32(bit >>> 3, false) << (bit & 7);
    const entry = table[window >>> (32 - peekBits)]!;
    if ((entry & 31) !== 0) {
      bit += entry & 31;
      value = (value + (entry >> 5)) & 0xffff;
    } else {
      const long = table[(1 << peekBits) + (window >>> 16)]!;
      const category = long >>> 5;
      bit += long & 31;
      value = (value + longDifference(view, bit, category, long)) & 0xffff;
      bit += category & 15;
    }
    values[at] = value;
  }
  return bit;
}

function longDifference(view: DataView, bit: number, category: number, long: number): number {
  if (long === 0 || category > 16) {
    throw new ServiceError('DICOM_INVALID', {
      detail: 'A JPEG stream holds a code that its table does not have.',
    });
  }
  const extra = category & 15;
  const window = view.getInt32(bit >>> 3, false) << (bit & 7);
  return extended(extra === 0 ? 0 : window >>> (32 - extra), category);
}

/** T.81 table H.1. The first row is predicted from the left, the first column from above. */
function decodeAnyRow(
  view: DataView,
  { samples, predictor }: Scan,
  values: Uint16Array,
  start: number,
  columns: number,
  stride: number,
  from: number,
  first: boolean,
  initial: number,
): number {
  let bit = from;
  const rowLength = columns * stride;
  for (let column = 0; column < columns; column += 1) {
    for (let index = 0; index < samples.length; index += 1) {
      const { offset, differences } = samples[index]!;
      const at = start + column * stride + offset;
      const window = view.getInt32(bit >>> 3, false) << (bit & 7);
      const entry = differences[window >>> (32 - peekBits)]!;
      let difference = entry >> 5;
      if ((entry & 31) !== 0) bit += entry & 31;
      else {
        const long = differences[(1 << peekBits) + (window >>> 16)]!;
        bit += long & 31;
        difference = longDifference(view, bit, long >>> 5, long);
        bit += (long >>> 5) & 15;
      }
      let prediction: number;
      if (column === 0) prediction = first ? initial : values[at - rowLength]!;
      else if (first) prediction = values[at - stride]!;
      else {
        const a = values[at - stride]!;
        const b = values[at - rowLength]!;
        const c = values[at - rowLength - stride]!;
        prediction = predict(predictor, a, b, c);
      }
      values[at] = prediction + difference;
    }
  }
  return bit;
}

function predict(predictor: number, a: number, b: number, c: number): number {
  switch (predictor) {
    case 1:
      return a;
    case 2:
      return b;
    case 3:
      return c;
    case 4:
      return a + b - c;
    case 5:
      return a + ((b - c) >> 1);
    case 6:
      return b + ((a - c) >> 1);
    default:
      return (a + b) >> 1;
  }
}

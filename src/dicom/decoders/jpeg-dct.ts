import { ServiceError } from '#core/error';
import { type JpegHeader, jpegSegments, segmentCounter } from './jpeg-header.ts';
import {
  type EntropyData,
  type HuffmanTable,
  readEntropyData,
  readHuffmanTables,
  streamEnds,
} from './jpeg-huffman.ts';
import { inverseDct } from './jpeg-idct.ts';

/** Zigzag position to row-by-row position. @see ITU-T T.81 figure A.6 */
const zigzag = Uint8Array.of(
  0,
  1,
  8,
  16,
  9,
  2,
  3,
  10,
  17,
  24,
  32,
  25,
  18,
  11,
  4,
  5,
  12,
  19,
  26,
  33,
  40,
  48,
  41,
  34,
  27,
  20,
  13,
  6,
  7,
  14,
  21,
  28,
  35,
  42,
  49,
  56,
  57,
  50,
  43,
  36,
  29,
  22,
  15,
  23,
  30,
  37,
  44,
  51,
  58,
  59,
  52,
  45,
  38,
  31,
  39,
  46,
  53,
  60,
  61,
  54,
  47,
  55,
  62,
  63,
);

/** One component while it is decoded. */
interface Plane {
  readonly horizontal: number;
  readonly vertical: number;
  readonly table: number;
  /** Samples a row of the plane, whole blocks. */
  readonly width: number;
  readonly blocksWide: number;
  readonly blocksHigh: number;
  readonly samples: Uint16Array;
  dc: number;
}

interface ScanPart {
  readonly plane: Plane;
  readonly dc: HuffmanTable;
  readonly ac: HuffmanTable;
}

/**
 * Sequential DCT, 12 bits (process 4), which the WebAssembly codec does not read. The inverse DCT is libjpeg's
 * accurate integer one, so results equal libjpeg's. Subsampled components are repeated.
 * @returns values, colour by pixel
 * @throws ServiceError DICOM_TRUNCATED, DICOM_INVALID, DICOM_UNSUPPORTED_PIXELS
 * @see ITU-T T.81 Annex F
 */
export function decodeSequentialDct(input: Uint8Array, header: JpegHeader): Uint16Array {
  const most = { horizontal: 1, vertical: 1 };
  for (const component of header.components) {
    if (
      component.horizontal < 1 ||
      component.horizontal > 4 ||
      component.vertical < 1 ||
      component.vertical > 4
    ) {
      throw new ServiceError('DICOM_INVALID', { detail: 'A JPEG sampling factor is odd.' });
    }
    most.horizontal = Math.max(most.horizontal, component.horizontal);
    most.vertical = Math.max(most.vertical, component.vertical);
  }
  const unitsWide = Math.ceil(header.columns / (8 * most.horizontal));
  const unitsHigh = Math.ceil(header.rows / (8 * most.vertical));
  const planes = header.components.map(({ horizontal, vertical, table }): Plane => {
    const width = unitsWide * horizontal * 8;
    return {
      horizontal,
      vertical,
      table,
      width,
      blocksWide: Math.ceil(Math.ceil((header.columns * horizontal) / most.horizontal) / 8),
      blocksHigh: Math.ceil(Math.ceil((header.rows * vertical) / most.vertical) / 8),
      samples: new Uint16Array(width * unitsHigh * vertical * 8),
      dc: 0,
    };
  });
  readScans(input, header, planes, unitsWide, unitsHigh);
  return merge(header, planes, most);
}

function readScans(
  input: Uint8Array,
  header: JpegHeader,
  planes: readonly Plane[],
  unitsWide: number,
  unitsHigh: number,
): void {
  const huffman = new Map<number, HuffmanTable>();
  const quantisation = new Map<number, Uint16Array>();
  const count = segmentCounter();
  let restartInterval = 0;
  let at = 2;
  const missing = new Set(planes);
  while (missing.size > 0) {
    let scanned = false;
    for (const segment of jpegSegments(input, at)) {
      count();
      if (segment.marker === 0xc4) readHuffmanTables(input, segment.at, segment.end, huffman);
      if (segment.marker === 0xdb) readQuantisation(input, segment.at, segment.end, quantisation);
      if (segment.marker === 0xdd) restartInterval = (input[segment.at]! << 8) | input[segment.at + 1]!;
      if (segment.marker !== 0xda) continue;
      scanned = true;
      const parts = readScanParts(input, segment.at, header, planes, huffman);
      const data = readEntropyData(input, segment.end);
      decodeScan(data, parts, quantisation, restartInterval, unitsWide, unitsHigh);
      for (const { plane } of parts) missing.delete(plane);
      at = data.next;
    }
    if (!scanned) throw streamEnds();
  }
}

function readQuantisation(
  input: Uint8Array,
  from: number,
  end: number,
  tables: Map<number, Uint16Array>,
): void {
  let at = from;
  while (at < end) {
    const wide = input[at]! >>> 4 !== 0;
    const table = new Uint16Array(64);
    const destination = input[at]! & 15;
    at += 1;
    if (at + (wide ? 128 : 64) > end) {
      throw new ServiceError('DICOM_INVALID', { detail: 'A quantisation table is damaged.' });
    }
    for (let index = 0; index < 64; index += 1) {
      table[zigzag[index]!] = wide ? (input[at]! << 8) | input[at + 1]! : input[at]!;
      at += wide ? 2 : 1;
    }
    tables.set(destination, table);
  }
}

function readScanParts(
  input: Uint8Array,
  at: number,
  header: JpegHeader,
  planes: readonly Plane[],
  huffman: ReadonlyMap<number, HuffmanTable>,
): readonly ScanPart[] {
  const count = input[at]!;
  if (count < 1 || count > planes.length)
    throw new ServiceError('DICOM_INVALID', { detail: 'A JPEG scan is odd.' });
  return Array.from({ length: count }, (_, index) => {
    const plane = planes[header.components.findIndex(({ id }) => id === input[at + 1 + index * 2])];
    const selector = input[at + 2 + index * 2]!;
    const dc = huffman.get(selector >>> 4);
    const ac = huffman.get(16 + (selector & 15));
    if (plane === undefined || dc === undefined || ac === undefined) {
      throw new ServiceError('DICOM_INVALID', {
        detail: 'A JPEG scan names a component or table that is not there.',
      });
    }
    return { plane, dc, ac };
  });
}

function decodeScan(
  data: EntropyData,
  parts: readonly ScanPart[],
  quantisation: ReadonlyMap<number, Uint16Array>,
  restartInterval: number,
  unitsWide: number,
  unitsHigh: number,
): void {
  const [only] = parts;
  const single = parts.length === 1;
  const wide = single ? only!.plane.blocksWide : unitsWide;
  const high = single ? only!.plane.blocksHigh : unitsHigh;
  const reader = { view: data.view, bit: 0, end: data.end };
  const block = new Int32Array(64);
  for (const { plane } of parts) plane.dc = 0;
  for (let unit = 0; unit < wide * high; unit += 1) {
    if (restartInterval > 0 && unit > 0 && unit % restartInterval === 0) {
      const start = data.starts[unit / restartInterval];
      if (start === undefined) throw streamEnds();
      reader.bit = start;
      for (const { plane } of parts) plane.dc = 0;
    }
    const column = unit % wide;
    const row = (unit - column) / wide;
    for (const part of parts) {
      const { plane } = part;
      const table = quantisation.get(plane.table);
      if (table === undefined)
        throw new ServiceError('DICOM_INVALID', { detail: 'A quantisation table is missing.' });
      const across = single ? 1 : plane.horizontal;
      const down = single ? 1 : plane.vertical;
      for (let index = 0; index < across * down; index += 1) {
        readBlock(reader, part, table, block);
        const x = (column * across + (index % across)) * 8;
        const y = (row * down + Math.floor(index / across)) * 8;
        inverseDct(block, plane.samples, y * plane.width + x, plane.width);
      }
    }
  }
}

interface BitReader {
  readonly view: DataView;
  bit: number;
  readonly end: number;
}

/** Coefficients of one block, dequantised, row by row. */
function readBlock(reader: BitReader, part: ScanPart, quantisation: Uint16Array, block: Int32Array): void {
  block.fill(0);
  part.plane.dc += receive(reader, symbol(reader, part.dc) & 15);
  block[0] = part.plane.dc * quantisation[0]!;
  for (let index = 1; index < 64; index += 1) {
    const code = symbol(reader, part.ac);
    const size = code & 15;
    const run = code >>> 4;
    if (size === 0) {
      if (run !== 15) return;
      index += 15;
      continue;
    }
    index += run;
    if (index > 63)
      throw new ServiceError('DICOM_INVALID', { detail: 'A JPEG block has too many coefficients.' });
    const position = zigzag[index]!;
    block[position] = receive(reader, size) * quantisation[position]!;
  }
}

function symbol(reader: BitReader, table: HuffmanTable): number {
  if (reader.bit > reader.end) throw streamEnds();
  const entry = table.lookup[(reader.view.getInt32(reader.bit >>> 3, false) << (reader.bit & 7)) >>> 16]!;
  if (entry === 0) {
    throw new ServiceError('DICOM_INVALID', {
      detail: 'A JPEG stream holds a code that its table does not have.',
    });
  }
  reader.bit += entry & 0xff;
  return entry >>> 8;
}

function receive(reader: BitReader, size: number): number {
  if (size === 0) return 0;
  if (reader.bit > reader.end) throw streamEnds();
  const value = (reader.view.getInt32(reader.bit >>> 3, false) << (reader.bit & 7)) >>> (32 - size);
  reader.bit += size;
  return value < 1 << (size - 1) ? value - (1 << size) + 1 : value;
}

function merge(
  { rows, columns }: JpegHeader,
  planes: readonly Plane[],
  most: { readonly horizontal: number; readonly vertical: number },
): Uint16Array {
  const values = new Uint16Array(rows * columns * planes.length);
  planes.forEach((plane, offset) => {
    let to = offset;
    for (let row = 0; row < rows; row += 1) {
      const line = Math.floor((row * plane.vertical) / most.vertical) * plane.width;
      for (let column = 0; column < columns; column += 1) {
        values[to] = plane.samples[line + Math.floor((column * plane.horizontal) / most.horizontal)]!;
        to += planes.length;
      }
    }
  });
  return values;
}

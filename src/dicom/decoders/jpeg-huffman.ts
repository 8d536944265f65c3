import { ServiceError } from '#core/error';

/** Canonical Huffman table of a DHT segment. @see ITU-T T.81 Annex C */
export interface HuffmanTable {
  /** By the next 16 bits: symbol in the upper, code length in the lower 8 bits; 0: no such code. */
  readonly lookup: Uint16Array;
}

/**
 * Reads the tables of one DHT segment into `tables`, by class × 16 + destination.
 * @throws ServiceError DICOM_INVALID
 */
export function readHuffmanTables(
  input: Uint8Array,
  from: number,
  end: number,
  tables: Map<number, HuffmanTable>,
): void {
  let at = from;
  while (at < end) {
    const destination = input[at]!;
    const counts = input.subarray(at + 1, at + 17);
    const total = counts.reduce((sum, count) => sum + count, 0);
    if (at + 17 + total > end || total > 256) {
      throw new ServiceError('DICOM_INVALID', { detail: 'A Huffman table is damaged.' });
    }
    tables.set(destination, { lookup: lookupOf(counts, input.subarray(at + 17, at + 17 + total)) });
    at += 17 + total;
  }
}

function lookupOf(counts: Uint8Array, symbols: Uint8Array): Uint16Array {
  const lookup = new Uint16Array(65_536);
  let next = 0;
  let index = 0;
  for (let length = 1; length <= 16; length += 1) {
    const span = 65_536 >>> length;
    for (let code = 0; code < counts[length - 1]!; code += 1) {
      if (next + span > 65_536) {
        throw new ServiceError('DICOM_INVALID', { detail: 'A Huffman table has too many codes.' });
      }
      lookup.fill((symbols[index]! << 8) | length, next, next + span);
      next += span;
      index += 1;
    }
  }
  return lookup;
}

/** Entropy-coded data with the stuffed zero bytes removed, cut at the restart markers. */
export interface EntropyData {
  /** Padded with zeros, so that a window may be read at any position up to `end`. */
  readonly view: DataView;
  /** First bit of each restart interval. */
  readonly starts: readonly number[];
  /** Bits that are there. */
  readonly end: number;
  /** Position in the input of the marker that ends the scan. */
  readonly next: number;
}

const padding = 8;

/** Removes byte stuffing (T.81 §F.1.2.3) from `from` up to the next marker that is no restart. */
export function readEntropyData(input: Uint8Array, from: number): EntropyData {
  const bytes = new Uint8Array(input.length - from + padding);
  const starts = [0];
  let at = from;
  let length = 0;
  for (;;) {
    let stop = input.indexOf(0xff, at);
    if (stop < 0) stop = input.length;
    bytes.set(input.subarray(at, stop), length);
    length += stop - at;
    at = stop;
    if (at >= input.length - 1) break;
    const marker = input[at + 1]!;
    if (marker === 0) {
      bytes[length++] = 0xff;
      at += 2;
    } else if (marker >= 0xd0 && marker <= 0xd7) {
      starts.push(length * 8);
      at += 2;
    } else if (marker === 0xff) at += 1;
    else break;
  }
  return {
    view: new DataView(bytes.buffer, 0, length + padding),
    starts,
    end: length * 8,
    next: at,
  };
}

export const streamEnds = (): ServiceError =>
  new ServiceError('DICOM_TRUNCATED', { detail: 'A JPEG stream ends before its last pixel.' });

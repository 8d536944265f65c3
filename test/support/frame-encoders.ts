import { createRequire } from 'node:module';

/** Encoders for tests: RLE, JPEG lossless and 12-bit DCT written here, the others those of the codec packages. */

export interface Picture {
  readonly rows: number;
  readonly columns: number;
  readonly samples: number;
  /** Colour by pixel. */
  readonly values: Uint8Array | Uint16Array | Int16Array | Uint32Array;
}

/** A picture with noise and edges, the same for a seed. */
export function picture(rows: number, columns: number, samples: number, bits: number, seed = 1): Picture {
  let state = seed;
  const random = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  const size = rows * columns * samples;
  const values =
    bits <= 8 ? new Uint8Array(size) : bits <= 16 ? new Uint16Array(size) : new Uint32Array(size);
  const most = 2 ** bits - 1;
  for (let at = 0; at < size; at += 1) {
    const pixel = Math.floor(at / samples);
    const column = pixel % columns;
    const row = Math.floor(pixel / columns);
    const edge = column > columns / 2 && row > rows / 3 ? 0.3 : 0;
    const level =
      0.3 + edge + 0.2 * Math.sin((row + column * (1 + (at % samples))) / 9) + 0.15 * (random() - 0.5);
    values[at] = Math.round(most * Math.min(1, Math.max(0, level)));
  }
  return { rows, columns, samples, values };
}

/** RLE Lossless, PS3.5 Annex G. */
export function encodeRle({ rows, columns, samples, values }: Picture): Uint8Array {
  const size = values.BYTES_PER_ELEMENT;
  const segments: Buffer[] = [];
  for (let sample = 0; sample < samples; sample += 1) {
    for (let byte = size - 1; byte >= 0; byte -= 1) {
      const plane = Buffer.alloc(rows * columns);
      for (let at = 0; at < plane.length; at += 1)
        plane[at] = (values[at * samples + sample]! >>> (8 * byte)) & 0xff;
      segments.push(packBits(plane));
    }
  }
  return rleFrame(segments);
}

export function rleFrame(segments: readonly Buffer[]): Uint8Array {
  const header = Buffer.alloc(64);
  header.writeUInt32LE(segments.length, 0);
  let offset = 64;
  segments.forEach((segment, index) => {
    header.writeUInt32LE(offset, 4 + index * 4);
    offset += segment.length;
  });
  return Uint8Array.from(Buffer.concat([header, ...segments]));
}

export function packBits(bytes: Buffer): Buffer {
  const out: number[] = [];
  let at = 0;
  while (at < bytes.length) {
    let run = 1;
    while (run < 128 && bytes[at + run] === bytes[at] && at + run < bytes.length) run += 1;
    if (run > 2) {
      out.push(257 - run, bytes[at]!);
      at += run;
      continue;
    }
    const literal = Math.min(bytes.length - at, 5);
    out.push(literal - 1, ...bytes.subarray(at, at + literal));
    at += literal;
  }
  if (out.length % 2 === 1) out.push(128);
  return Buffer.from(out);
}

class BitWriter {
  private readonly bytes: number[] = [];
  private buffer = 0;
  private count = 0;

  write(value: number, bits: number): void {
    for (let bit = bits - 1; bit >= 0; bit -= 1) {
      this.buffer = (this.buffer << 1) | ((value >>> bit) & 1);
      this.count += 1;
      if (this.count === 8) this.byte();
    }
  }

  private byte(): void {
    this.bytes.push(this.buffer & 0xff);
    if ((this.buffer & 0xff) === 0xff) this.bytes.push(0);
    this.buffer = 0;
    this.count = 0;
  }

  /** Fills the last byte with ones and writes a marker if one is given. */
  flush(marker?: number): void {
    while (this.count > 0) this.write(1, 1);
    if (marker !== undefined) this.bytes.push(0xff, marker);
  }

  done(): readonly number[] {
    this.flush();
    return this.bytes;
  }
}

const segment = (marker: number, content: readonly number[]): readonly number[] => [
  0xff,
  marker,
  (content.length + 2) >>> 8,
  (content.length + 2) & 0xff,
  ...content,
];

const frame = (process: number, picture: Picture, precision: number): readonly number[] =>
  segment(process, [
    precision,
    picture.rows >>> 8,
    picture.rows & 0xff,
    picture.columns >>> 8,
    picture.columns & 0xff,
    picture.samples,
    ...Array.from({ length: picture.samples }, (_, index) => [index + 1, 0x11, 0]).flat(),
  ]);

const scan = (samples: number, tail: readonly number[]): readonly number[] =>
  segment(0xda, [samples, ...Array.from({ length: samples }, (_, index) => [index + 1, 0]).flat(), ...tail]);

const category = (value: number): number => (value === 0 ? 0 : 32 - Math.clz32(Math.abs(value)));

/** Writes a difference: its category as a code of `codeBits` bits, then its extra bits. */
function writeDifference(writer: BitWriter, difference: number, code: readonly [number, number]): void {
  const size = category(difference);
  writer.write(code[0], code[1]);
  if (size > 0 && size < 16) writer.write(difference > 0 ? difference : difference + 2 ** size - 1, size);
}

export interface LosslessOptions {
  readonly precision: number;
  readonly predictor: number;
  readonly pointTransform?: number;
  /** Rows between restart markers. */
  readonly restartRows?: number;
}

/** Code lengths 2 to 15 for categories by how usual they are, so that short and long codes both occur. */
const losslessLengths = [3, 3, 3, 3, 3, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14];

/** JPEG lossless, process 14: samples interleaved in one scan. */
export function encodeJpegLossless(picture: Picture, options: LosslessOptions): Uint8Array {
  const { rows, columns, samples, values } = picture;
  const { precision, predictor, pointTransform = 0, restartRows = 0 } = options;
  const counts = Array.from(
    { length: 16 },
    (_, index) => losslessLengths.filter((length) => length === index + 1).length,
  );
  const codes: (readonly [number, number])[] = [];
  let next = 0;
  let length = 0;
  for (const bits of losslessLengths) {
    next <<= bits - length;
    length = bits;
    codes.push([next, bits]);
    next += 1;
  }
  const writer = new BitWriter();
  const at = (row: number, column: number, sample: number): number =>
    (values[(row * columns + column) * samples + sample]! & 0xffff) >> pointTransform;
  for (let row = 0; row < rows; row += 1) {
    const restart = restartRows > 0 && row > 0 && row % restartRows === 0;
    if (restart) writer.flush(0xd0 + ((row / restartRows - 1) % 8));
    const first = row === 0 || restart;
    for (let column = 0; column < columns; column += 1) {
      for (let sample = 0; sample < samples; sample += 1) {
        let prediction: number;
        if (column === 0) prediction = first ? 1 << (precision - pointTransform - 1) : at(row - 1, 0, sample);
        else if (first) prediction = at(row, column - 1, sample);
        else {
          const a = at(row, column - 1, sample);
          const b = at(row - 1, column, sample);
          const c = at(row - 1, column - 1, sample);
          const rules = [a, b, c, a + b - c, a + ((b - c) >> 1), b + ((a - c) >> 1), (a + b) >> 1];
          prediction = rules[predictor - 1]!;
        }
        let difference = ((at(row, column, sample) - prediction) << 16) >> 16;
        if (difference === -32_768) difference = 32_768;
        writeDifference(writer, difference, codes[category(difference)]!);
      }
    }
  }
  const interval = restartRows * columns;
  return Uint8Array.from([
    0xff,
    0xd8,
    ...frame(0xc3, picture, precision),
    ...segment(0xc4, [0, ...counts, ...losslessLengths.keys()]),
    ...(restartRows > 0 ? segment(0xdd, [interval >>> 8, interval & 0xff]) : []),
    ...scan(samples, [predictor, 0, pointTransform]),
    ...writer.done(),
    0xff,
    0xd9,
  ]);
}

/** Natural order to zigzag order is not needed: position k of the zigzag is row and column here. */
const zigzag = Array.from({ length: 64 }, (_, index) => [index >> 3, index & 7] as const).sort(
  ([r1, c1], [r2, c2]) => {
    const diagonal = r1 + c1 - (r2 + c2);
    if (diagonal !== 0) return diagonal;
    return (r1 + c1) % 2 === 0 ? c1 - c2 : c2 - c1;
  },
);

/** Sequential DCT JPEG, baseline for 8 bits and extended for 12: one scan, quantisation 1, codes of one length each. */
export function encodeJpegDct(picture: Picture, precision: 8 | 12): Uint8Array {
  const { rows, columns, samples, values } = picture;
  const writer = new BitWriter();
  const previous = new Array<number>(samples).fill(0);
  for (let top = 0; top < rows; top += 8) {
    for (let left = 0; left < columns; left += 8) {
      for (let sample = 0; sample < samples; sample += 1) {
        const block = forwardDct((row, column) => {
          const r = Math.min(rows - 1, top + row);
          const c = Math.min(columns - 1, left + column);
          return values[(r * columns + c) * samples + sample]! - 2 ** (precision - 1);
        });
        const difference = block[0]! - previous[sample]!;
        previous[sample] = block[0]!;
        writeDifference(writer, difference, [category(difference), 5]);
        let run = 0;
        for (let index = 1; index < 64; index += 1) {
          const value = block[index]!;
          if (value === 0) {
            run += 1;
            continue;
          }
          for (; run > 15; run -= 16) writer.write(0xf0, 8);
          writer.write((run << 4) | category(value), 8);
          writer.write(value > 0 ? value : value + 2 ** category(value) - 1, category(value));
          run = 0;
        }
        if (run > 0) writer.write(0, 8);
      }
    }
  }
  const lengthsOf = (bits: number, count: number): readonly number[] =>
    Array.from({ length: 16 }, (_, index) => (index + 1 === bits ? count : 0));
  return Uint8Array.from([
    0xff,
    0xd8,
    ...segment(0xdb, [0, ...new Array<number>(64).fill(1)]),
    ...frame(precision === 8 ? 0xc0 : 0xc1, picture, precision),
    ...segment(0xc4, [0, ...lengthsOf(5, 16), ...Array.from({ length: 16 }, (_, index) => index)]),
    ...segment(0xc4, [0x10, ...lengthsOf(8, 255), ...Array.from({ length: 255 }, (_, index) => index)]),
    ...scan(samples, [0, 63, 0]),
    ...writer.done(),
    0xff,
    0xd9,
  ]);
}

function forwardDct(at: (row: number, column: number) => number): readonly number[] {
  const scale = (index: number): number => (index === 0 ? Math.SQRT1_2 : 1);
  return zigzag.map(([v, u]) => {
    let sum = 0;
    for (let row = 0; row < 8; row += 1) {
      for (let column = 0; column < 8; column += 1) {
        const wave =
          Math.cos(((2 * column + 1) * u * Math.PI) / 16) * Math.cos(((2 * row + 1) * v * Math.PI) / 16);
        sum += at(row, column) * wave;
      }
    }
    return Math.round((sum * scale(u) * scale(v)) / 4);
  });
}

interface WasmEncoder {
  getDecodedBuffer(info: object): Uint8Array;
  getEncodedBuffer(): Uint8Array;
  encode(): void;
  setNearLossless?(near: number): void;
  setInterleaveMode?(mode: number): void;
  setQuality?(lossless: boolean, step: number): void;
  setDecompositions?(count: number): void;
  delete(): void;
}

const encoders = {
  'jpeg-ls': ['codec-charls/wasm', 'JpegLSEncoder'],
  'jpeg-2000': ['codec-openjpeg/wasm', 'J2KEncoder'],
  htj2k: ['codec-openjph/wasm', 'HTJ2KEncoder'],
} as const;

export interface EncodeOptions {
  readonly bits: number;
  readonly signed?: boolean;
  readonly near?: number;
  /** JPEG-LS: 0 by plane (then `values` are planes), 1 by line, 2 by sample. */
  readonly interleave?: number;
}

/** One frame through the encoder of the codec package. */
export async function encodeWith(
  name: keyof typeof encoders,
  picture: Picture,
  options: EncodeOptions,
): Promise<Uint8Array> {
  const [file, encoderName] = encoders[name];
  const require = createRequire(import.meta.url);
  const wasm = require.resolve(`@cornerstonejs/${file}`);
  const factory = require(`@cornerstonejs/${file}js`) as (
    settings: object,
  ) => Promise<Record<string, unknown>>;
  const module = await factory({ locateFile: () => wasm, print: () => undefined, printErr: () => undefined });
  const Encoder = module[encoderName] as new () => WasmEncoder;
  const encoder = new Encoder();
  const { rows, columns, samples, values } = picture;
  encoder
    .getDecodedBuffer({
      width: columns,
      height: rows,
      bitsPerSample: options.bits,
      componentCount: samples,
      isSigned: options.signed ?? false,
      isUsingColorTransform: name !== 'jpeg-ls' && samples === 3,
    })
    .set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  if (name === 'jpeg-ls') {
    encoder.setNearLossless?.(options.near ?? 0);
    encoder.setInterleaveMode?.(options.interleave ?? 0);
  } else {
    encoder.setDecompositions?.(2);
    encoder.setQuality?.(true, 0);
  }
  encoder.encode();
  const encoded = encoder.getEncodedBuffer().slice();
  encoder.delete();
  return encoded;
}

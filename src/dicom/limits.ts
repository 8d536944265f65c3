/** What one file may cost. Every limit is checked before the memory or the time is spent. */
export interface DicomLimits {
  /** Bytes of all decoded frames that are asked for at once. */
  readonly pixelBytes: number;
  /** Bytes that a deflated data set may expand to. */
  readonly inflatedBytes: number;
  /** Times its own size that a deflated data set may expand to, above `inflateFloorBytes`. */
  readonly inflateRatio: number;
  /** Bytes that a deflated data set may always expand to, whatever the ratio. */
  readonly inflateFloorBytes: number;
  /** Data elements and sequence items that are read from one file. */
  readonly elements: number;
  /** Sequences within sequences. */
  readonly depth: number;
  /** Memory of one WebAssembly codec, bytes, a multiple of 64 KiB. */
  readonly codecBytes: number;
}

const MiB = 1024 * 1024;

export const defaultLimits: DicomLimits = {
  pixelBytes: 512 * MiB,
  inflatedBytes: 512 * MiB,
  inflateRatio: 200,
  inflateFloorBytes: 4 * MiB,
  elements: 1_000_000,
  depth: 32,
  codecBytes: 1024 * MiB,
};

/** Bytes that a deflated data set of `deflated` bytes may expand to. */
export function inflateLimit(deflated: number, limits: DicomLimits): number {
  return Math.min(
    limits.inflatedBytes,
    Math.max(limits.inflateFloorBytes, Math.ceil(deflated * limits.inflateRatio)),
  );
}

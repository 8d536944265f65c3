import { endianness } from 'node:os';

/**
 * Long arrays in package files are base64 strings of little-endian values; the field name ends with their type.
 * Each reader gives null when the string is not base64 (RFC 4648 §4, padded) or not a whole number of values: the
 * caller knows which field of which file to name.
 */
export function readU8(text: string): Uint8Array | null {
  // Node skips what is not base64, so the way back is the check.
  const decoded = Buffer.from(text, 'base64');
  return decoded.toString('base64') === text ? new Uint8Array(decoded) : null;
}

/** float32 values. */
export function readF32(text: string): Float32Array | null {
  const bytes = readU8(text);
  if (bytes === null || bytes.length % 4 !== 0) return null;
  if (endianness() === 'BE') Buffer.from(bytes.buffer).swap32();
  return new Float32Array(bytes.buffer);
}

/** float64 values. */
export function readF64(text: string): Float64Array | null {
  const bytes = readU8(text);
  if (bytes === null || bytes.length % 8 !== 0) return null;
  if (endianness() === 'BE') Buffer.from(bytes.buffer).swap64();
  return new Float64Array(bytes.buffer);
}

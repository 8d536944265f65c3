/**
 * Long arrays in package files are base64 strings of little-endian values; the field name ends with their type.
 * Each reader copies into an aligned array and returns null when the string is not base64 or not a whole number
 * of values: the caller knows which field of which file to name.
 */

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** The bytes of a base64 string (RFC 4648 §4, padded), or null when it is none. */
export function readU8(text: string): Uint8Array | null {
  if (!base64.test(text)) return null;
  return new Uint8Array(Buffer.from(text, 'base64'));
}

/** float32 values, little-endian. */
export function readF32(text: string): Float32Array | null {
  const bytes = readU8(text);
  if (bytes === null || bytes.length % 4 !== 0) return null;
  const view = new DataView(bytes.buffer);
  return Float32Array.from({ length: bytes.length / 4 }, (_, i) => view.getFloat32(i * 4, true));
}

/** float64 values, little-endian. */
export function readF64(text: string): Float64Array | null {
  const bytes = readU8(text);
  if (bytes === null || bytes.length % 8 !== 0) return null;
  const view = new DataView(bytes.buffer);
  return Float64Array.from({ length: bytes.length / 8 }, (_, i) => view.getFloat64(i * 8, true));
}

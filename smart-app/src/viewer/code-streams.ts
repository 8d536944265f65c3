/** What has to be known of a compressed stream before the decoder gets it. @see ITU-T T.81, T.800 */

/** Marker segments in front of the first scan: marker, and where its content lies. */
function* segments(
  bytes: Uint8Array,
): Generator<{ marker: number; start: number; from: number; to: number }> {
  let at = 2;
  while (at + 4 <= bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1]!;
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    const to = at + 2 + ((bytes[at + 2]! << 8) | bytes[at + 3]!);
    yield { marker, start: at, from: at + 4, to };
    if (marker === 0xda) return;
    at = to;
  }
}

/** Where a JPEG stream says how many bits a sample has; null where it has no frame header. */
function precisionAt(bytes: Uint8Array): number | null {
  for (const { marker, from } of segments(bytes)) {
    const frame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
    if (frame) return from;
  }
  return null;
}

/** Bits a sample of a JPEG stream; null where it has no frame header. */
export function jpegPrecision(bytes: Uint8Array): number | null {
  const at = precisionAt(bytes);
  return at === null ? null : (bytes[at] ?? null);
}

/**
 * A 12-bit DCT stream that says 16 bits. Cornerstone's decoder adds half of the 8-bit rounding to every 12-bit value:
 * all come out 15 too high, the brightest 15 are lost. Told 16 bits it clamps nothing, and {@link twelveBits} takes the
 * other level shift off.
 */
export function asSixteenBits(bytes: Uint8Array): Uint8Array {
  const at = precisionAt(bytes);
  const told = bytes.slice();
  if (at !== null) told[at] = 16;
  return told;
}

/** Values of a stream of {@link asSixteenBits}: 2^15 + 256 as the decoder adds it, instead of 2^11. */
export function twelveBits(decoded: Uint16Array): Uint16Array {
  return decoded.map((value) => Math.min(4095, Math.max(0, value - (2 ** 15 + 256 - 2 ** 11))));
}

/** APP14 "Adobe", version 100, transform 0: the components are to be given as they are. */
const noTransform = [
  0xff, 0xee, 0x00, 0x0e, 0x41, 0x64, 0x6f, 0x62, 0x65, 0x00, 0x64, 0x00, 0x00, 0x00, 0x00, 0x00,
];

/**
 * A JPEG stream whose application segments are replaced by one that keeps the decoder from turning YCbCr into RGB:
 * Photometric Interpretation tells what the components are, not JFIF's convention.
 */
export function withoutColourTransform(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [Uint8Array.of(0xff, 0xd8, ...noTransform)];
  let rest = 2;
  for (const { marker, start, to } of segments(bytes)) {
    if (marker === 0xda) break;
    if (marker < 0xe0 || marker > 0xef) parts.push(bytes.subarray(start, to));
    rest = to;
  }
  parts.push(bytes.subarray(rest));
  const joined = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** The JPEG 2000 codestream inside a JP2 file, or the input itself. */
export function codestream(bytes: Uint8Array): Uint8Array {
  for (let at = 0; at + 3 < bytes.length; at += 1) {
    if (bytes[at] === 0xff && bytes[at + 1] === 0x4f && bytes[at + 2] === 0xff && bytes[at + 3] === 0x51)
      return bytes.subarray(at);
  }
  return bytes;
}

/** Whether a JPEG 2000 codestream turns RGB into luminance and chrominance by itself: decoders give RGB then. */
export function usesComponentTransform(stream: Uint8Array): boolean {
  for (const { marker, from } of segments(stream)) {
    if (marker === 0x52) return stream[from + 4] === 1;
    if (marker === 0x90) return false;
  }
  return false;
}

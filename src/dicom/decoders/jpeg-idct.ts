/**
 * The accurate integer inverse DCT of the Independent JPEG Group (Loeffler, Ligtenberg and Moschytz, 11
 * multiplications), for 12-bit samples: same constants, same rounding, hence the same values.
 */

const constantBits = 13;
const passBits = 1;
const maximum = 4095;
const centre = 2048;

const f0298 = 2446;
const f0390 = 3196;
const f0541 = 4433;
const f0765 = 6270;
const f0899 = 7373;
const f1175 = 9633;
const f1501 = 12_299;
const f1847 = 15_137;
const f1961 = 16_069;
const f2053 = 16_819;
const f2562 = 20_995;
const f3072 = 25_172;

const work = (block: Int32Array, at: number, step: number, shift: number): void => {
  const half = 1 << (shift - 1);
  const i0 = block[at]!;
  const i1 = block[at + step]!;
  const i2 = block[at + 2 * step]!;
  const i3 = block[at + 3 * step]!;
  const i4 = block[at + 4 * step]!;
  const i5 = block[at + 5 * step]!;
  const i6 = block[at + 6 * step]!;
  const i7 = block[at + 7 * step]!;

  const even = (i2 + i6) * f0541;
  const e2 = even - i6 * f1847;
  const e3 = even + i2 * f0765;
  const e0 = (i0 + i4) * (1 << constantBits);
  const e1 = (i0 - i4) * (1 << constantBits);
  const t10 = e0 + e3;
  const t13 = e0 - e3;
  const t11 = e1 + e2;
  const t12 = e1 - e2;

  const z5 = (i7 + i3 + i5 + i1) * f1175;
  const z1 = (i7 + i1) * -f0899;
  const z2 = (i5 + i3) * -f2562;
  const z3 = (i7 + i3) * -f1961 + z5;
  const z4 = (i5 + i1) * -f0390 + z5;
  const o0 = i7 * f0298 + z1 + z3;
  const o1 = i5 * f2053 + z2 + z4;
  const o2 = i3 * f3072 + z2 + z3;
  const o3 = i1 * f1501 + z1 + z4;

  block[at] = (t10 + o3 + half) >> shift;
  block[at + 7 * step] = (t10 - o3 + half) >> shift;
  block[at + step] = (t11 + o2 + half) >> shift;
  block[at + 6 * step] = (t11 - o2 + half) >> shift;
  block[at + 2 * step] = (t12 + o1 + half) >> shift;
  block[at + 5 * step] = (t12 - o1 + half) >> shift;
  block[at + 3 * step] = (t13 + o0 + half) >> shift;
  block[at + 4 * step] = (t13 - o0 + half) >> shift;
};

/** Transforms `block` (dequantised, row by row; overwritten) into 8 × 8 samples from `at` on, [0, 4095]. */
export function inverseDct(block: Int32Array, samples: Uint16Array, at: number, width: number): void {
  for (let column = 0; column < 8; column += 1) work(block, column, 8, constantBits - passBits);
  for (let row = 0; row < 8; row += 1) work(block, row * 8, 1, constantBits + passBits + 3);
  for (let row = 0; row < 8; row += 1) {
    const to = at + row * width;
    for (let column = 0; column < 8; column += 1) {
      const value = block[row * 8 + column]! + centre;
      samples[to + column] = Math.max(0, Math.min(value, maximum));
    }
  }
}

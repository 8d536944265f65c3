import { describe, expect, test } from 'vitest';
import { ServiceError } from '#core/error';
import type { InputSpec } from '#core/model-package';
import {
  type GreyImage,
  greyImage8,
  percentiles,
  prepareImage,
  resizeArea,
  toTensor,
} from '#inference/preprocess';
import { createRandom } from '#statistics/random';

const random = createRandom(77);

function spec(
  rows: number,
  columns: number,
  rest: Partial<InputSpec['intensity']> = {},
  aspect: 'squash' | 'pad' = 'squash',
): InputSpec {
  return {
    name: 'image',
    shape: [1, 1, rows, columns],
    resize: { rule: 'area', aspect },
    intensity: { voi: true, stretch: null, offset: 127, scale: 128, ...rest },
  };
}

/** The definition, one target pixel at a time: mean grey over the rectangle, everything outside the image black. */
function naiveResize(
  grey: (r: number, c: number) => number,
  rows: number,
  columns: number,
  target: readonly [number, number],
  pad: boolean,
): number[] {
  const side = Math.max(rows, columns);
  const [height, width] = pad ? [side, side] : [rows, columns];
  const [top, left] = [Math.floor((height - rows) / 2), Math.floor((width - columns) / 2)];
  const out: number[] = [];
  for (let i = 0; i < target[0]; i++) {
    for (let j = 0; j < target[1]; j++) {
      let sum = 0;
      for (let r = 0; r < rows; r++) {
        const y =
          Math.min(r + 1 + top, ((i + 1) * height) / target[0]) - Math.max(r + top, (i * height) / target[0]);
        for (let c = 0; c < columns; c++) {
          const x =
            Math.min(c + 1 + left, ((j + 1) * width) / target[1]) -
            Math.max(c + left, (j * width) / target[1]);
          if (x > 0 && y > 0) sum += x * y * grey(r, c);
        }
      }
      out.push(sum / ((height / target[0]) * (width / target[1])));
    }
  }
  return out;
}

function largestGap(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  return Array.from(a).reduce((largest, value, i) => Math.max(largest, Math.abs(value - b[i]!)), 0);
}

describe('area resize', () => {
  test.each([
    [37, 53, 16, 16],
    [16, 16, 16, 16],
    [9, 7, 12, 16],
    [1, 1, 4, 4],
    [33, 20, 11, 20],
    [50, 3, 7, 8],
  ])(
    '%i×%i to %i×%i is the mean over each target rectangle, squashed or padded',
    (rows, columns, height, width) => {
      const pixels = Uint8Array.from({ length: rows * columns }, () => random.below(256));
      for (const aspect of ['squash', 'pad'] as const) {
        const expected = naiveResize(
          (r, c) => pixels[r * columns + c]!,
          rows,
          columns,
          [height, width],
          aspect === 'pad',
        );
        expect(
          largestGap(resizeArea(greyImage8(rows, columns, pixels), height, width, aspect), expected),
        ).toBeLessThan(1e-9);
      }
    },
  );

  test.each([
    ['Uint8Array', new Uint8Array(600)],
    ['Uint8ClampedArray', new Uint8ClampedArray(600)],
    ['Int8Array', new Int8Array(600)],
    ['Uint16Array', new Uint16Array(600)],
    ['Int16Array', new Int16Array(600)],
    ['Uint32Array', new Uint32Array(600)],
    ['Int32Array', new Int32Array(600)],
    ['Float32Array', new Float32Array(600)],
    ['Float64Array', new Float64Array(600)],
  ])('%s: every stored value becomes its own grey', (_name, data) => {
    const signed = !/Uint/.test(data.constructor.name);
    for (let i = 0; i < data.length; i++) data[i] = random.below(120) - (signed ? 60 : 0);
    const apply = (stored: number): number => 100 + stored * 0.5 + (stored < 0 ? 40 : 0);
    const image: GreyImage = { rows: 20, columns: 30, data, table: null, tableOffset: 0, apply };
    const expected = naiveResize((r, c) => apply(data[r * 30 + c]!), 20, 30, [7, 9], false);
    expect(largestGap(resizeArea(image, 7, 9, 'squash'), expected)).toBeLessThan(1e-4);
  });

  test('the table is read from its offset; values beyond it are asked for', () => {
    const data = Int16Array.from([-3, -2, 4, 5]);
    const image: GreyImage = {
      rows: 2,
      columns: 2,
      data,
      table: Float32Array.from([10, 20]),
      tableOffset: -3,
      apply: (stored) => 200 + stored,
    };
    expect([...resizeArea(image, 2, 2, 'squash')]).toEqual([10, 20, 204, 205]);
  });

  test('a view into a larger buffer is read at its place', () => {
    const whole = Uint16Array.from([9, 9, 1, 2, 3, 4, 9]);
    const image: GreyImage = {
      rows: 2,
      columns: 2,
      data: whole.subarray(2, 6),
      table: null,
      tableOffset: 0,
      apply: (v) => v,
    };
    expect([...resizeArea(image, 2, 2, 'squash')]).toEqual([1, 2, 3, 4]);
  });

  test('pixels that are not rows × columns are refused', () => {
    const attempt = (rows: number, columns: number) => () =>
      resizeArea(greyImage8(rows, columns, new Uint8Array(4)), 2, 2, 'squash');
    expect(attempt(2, 3)).toThrow(ServiceError);
    expect(() => resizeArea(greyImage8(0, 0, new Uint8Array(0)), 2, 2, 'squash')).toThrow(ServiceError);
    expect(attempt(2, 2)).not.toThrow();
  });
});

describe('percentiles', () => {
  test('are numpy’s: linear between order statistics', () => {
    const values = Float64Array.from([9, 1, 4, 16, 25]);
    expect(percentiles(values, [0, 25, 50, 60, 100])).toEqual(
      [1, 4, 9, 9 + (16 - 9) * 0.4, 25].map((v) => expect.closeTo(v, 12)),
    );
  });

  test('equal those of a full sort, also when nearly all values are alike', () => {
    for (const spread of [0.00001, 1, 255]) {
      const values = Float64Array.from({ length: 5001 }, (_, i) =>
        i % 10 === 0 ? random.uniform() * 255 : 100 + random.uniform() * spread,
      );
      const sorted = Float64Array.from(values).sort();
      const wanted = [0, 0.5, 1, 33.3, 50, 99, 99.5, 100];
      const expected = wanted.map((q) => {
        const at = (q / 100) * 5000;
        const low = Math.floor(at);
        return sorted[low]! + ((sorted[low + 1] ?? 0) - sorted[low]!) * (at - low) * (at > low ? 1 : 0);
      });
      expect(largestGap(percentiles(values, wanted), expected)).toBeLessThan(1e-9);
    }
  });

  test('of one value alone are that value', () => {
    expect(percentiles(Float64Array.from([7, 7, 7]), [1, 99])).toEqual([7, 7]);
  });
});

describe('stretch and tensor', () => {
  test('percentiles go to 0 and 255 and what lies beyond is clipped', () => {
    const pixels = Uint8Array.from({ length: 256 }, (_, i) => 20 + Math.floor(i / 2));
    const { values } = prepareImage(
      greyImage8(16, 16, pixels),
      spec(16, 16, { stretch: { lower: 10, upper: 90 } }),
    );
    const [low, high] = percentiles(Float64Array.from(pixels), [10, 90]) as [number, number];
    pixels.forEach((pixel, i) => {
      expect(values[i]).toBeCloseTo(Math.min(255, Math.max(0, ((pixel - low) * 255) / (high - low))), 9);
    });
    expect(Math.min(...values)).toBe(0);
    expect(Math.max(...values)).toBe(255);
  });

  test('a flat image becomes black', () => {
    const { values } = prepareImage(
      greyImage8(16, 16, new Uint8Array(256).fill(90)),
      spec(16, 16, { stretch: { lower: 1, upper: 99 } }),
    );
    expect(new Set(values)).toEqual(new Set([0]));
  });

  test('the tensor is (x − offset) / scale in float32', () => {
    const input = spec(16, 16, { offset: 100, scale: 50 });
    const prepared = prepareImage(
      greyImage8(
        16,
        16,
        Uint8Array.from({ length: 256 }, (_, i) => i),
      ),
      input,
    );
    const tensor = toTensor(prepared, input);
    expect(tensor).toBeInstanceOf(Float32Array);
    expect(tensor).toHaveLength(256);
    expect(tensor[0]).toBe(-2);
    expect(tensor[255]).toBeCloseTo(155 / 50, 6);
  });
});

import { describe, expect, test } from 'vitest';
import { createRandom } from '#statistics/random';

const n = 20_000;

function moments(draw: () => number): { mean: number; variance: number; smallest: number; largest: number } {
  const values = Array.from({ length: n }, draw);
  const mean = values.reduce((sum, v) => sum + v, 0) / n;
  const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / n;
  return {
    mean,
    variance,
    smallest: values.reduce((a, b) => Math.min(a, b)),
    largest: values.reduce((a, b) => Math.max(a, b)),
  };
}

describe('seeded random numbers', () => {
  test('the stream of a seed never changes', () => {
    const random = createRandom(42);
    expect(Array.from({ length: 4 }, () => random.below(4294967296))).toMatchInlineSnapshot(`
      [
        509326843,
        164909939,
        2331740700,
        3951155783,
      ]
    `);
    expect(createRandom(42).uniform()).toBe(createRandom(42).uniform());
    expect(createRandom(42).uniform()).not.toBe(createRandom(43).uniform());
  });

  test('neighbouring seeds give unrelated streams', () => {
    const first = Array.from({ length: 2000 }, (_, seed) => createRandom(seed).uniform());
    const mean = first.reduce((sum, v) => sum + v, 0) / first.length;
    expect(mean).toBeCloseTo(0.5, 1);
    expect(new Set(first).size).toBe(2000);
    const correlation =
      first.slice(1).reduce((sum, v, i) => sum + (v - 0.5) * (first[i]! - 0.5), 0) /
      (first.length - 1) /
      (1 / 12);
    expect(Math.abs(correlation)).toBeLessThan(0.08);
  });

  test('uniform numbers lie in [0, 1) and are flat', () => {
    const random = createRandom(1);
    const { mean, variance, smallest, largest } = moments(random.uniform);
    expect(mean).toBeCloseTo(0.5, 2);
    expect(variance).toBeCloseTo(1 / 12, 2);
    expect(smallest).toBeGreaterThanOrEqual(0);
    expect(smallest).toBeLessThan(0.001);
    expect(largest).toBeLessThan(1);
    expect(largest).toBeGreaterThan(0.999);
  });

  test('whole numbers below n are all equally frequent', () => {
    const random = createRandom(2);
    const counts = new Array<number>(7).fill(0);
    for (let i = 0; i < n; i++) counts[random.below(7)]! += 1;
    for (const count of counts) expect(Math.abs(count - n / 7)).toBeLessThan(5 * Math.sqrt(n / 7));
  });

  test('normal numbers have mean 0, variance 1 and the tails of a normal', () => {
    const random = createRandom(3);
    const values = Array.from({ length: n }, random.normal);
    const share = (limit: number): number => values.filter((v) => v > limit).length / n;
    expect(moments(createRandom(3).normal).mean).toBeCloseTo(0, 1);
    expect(moments(createRandom(3).normal).variance).toBeCloseTo(1, 1);
    expect(share(0)).toBeCloseTo(0.5, 1);
    expect(share(1)).toBeCloseTo(0.1587, 2);
    expect(share(-1)).toBeCloseTo(0.8413, 2);
    expect(share(1.96)).toBeCloseTo(0.025, 2);
  });

  test.each([
    [0.5, 0.5],
    [0.5, 20.5],
    [1, 1],
    [3, 2],
    [90.5, 10.5],
  ])('Beta(%d, %d) has its mean and variance', (a, b) => {
    const random = createRandom(4);
    const { mean, variance, smallest, largest } = moments(() => random.beta(a, b));
    const expected = (a * b) / ((a + b) ** 2 * (a + b + 1));
    expect(Math.abs(mean - a / (a + b))).toBeLessThan(5 * Math.sqrt(expected / n));
    expect(variance / expected).toBeGreaterThan(0.93);
    expect(variance / expected).toBeLessThan(1.07);
    expect(smallest).toBeGreaterThanOrEqual(0);
    expect(largest).toBeLessThanOrEqual(1);
  });
});

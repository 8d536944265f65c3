import { describe, expect, test } from 'vitest';
import { valueAtPrevalence } from '#statistics/operating-point';

const ninety = { value: 0.9, n: 100 };
const specific = { value: 0.9, n: 200 };

describe('predictive values at a prevalence', () => {
  test('a test of .90 and .90 at 25 % and at 1 %', () => {
    const quarter = valueAtPrevalence(ninety, specific, 0.25);
    expect(quarter.ppv.value).toBeCloseTo(0.75, 12);
    expect(quarter.npv.value).toBeCloseTo(0.675 / 0.7, 12);
    expect(quarter.falsePerTrue.value).toBeCloseTo(1 / 3, 12);
    expect(quarter.callsPerThousand.value).toBeCloseTo(300, 9);
    const rare = valueAtPrevalence(ninety, specific, 0.01);
    expect(rare.ppv.value).toBeCloseTo(0.009 / 0.108, 12);
    expect(rare.falsePerTrue.value).toBeCloseTo(11, 9);
  });

  test.each([
    [0.25, [0.66817829, 0.82380108], [0.94043237, 0.98087526], [0.21388527, 0.49660655]],
    [0.01, [0.05751087, 0.12409698], [0.99808426, 0.99940951], [7.05821399, 16.38801613]],
  ])(
    'intervals at %d are those of two million draws from the Jeffreys posteriors',
    (prevalence, ppv, npv, ratio) => {
      const found = valueAtPrevalence(ninety, specific, prevalence, { draws: 20_000 });
      const near = (actual: readonly number[], wanted: readonly number[]): void => {
        actual.forEach((end, i) => {
          expect(Math.abs(end - wanted[i]!) / (wanted[1]! - wanted[0]!)).toBeLessThan(0.06);
        });
      };
      near(found.ppv.interval, ppv);
      near(found.npv.interval, npv);
      near(found.falsePerTrue.interval, ratio);
    },
  );

  test('calls in a thousand have an interval around their value', () => {
    const { value, interval } = valueAtPrevalence(ninety, specific, 0.25).callsPerThousand;
    expect(interval[0]).toBeGreaterThan(240);
    expect(interval[0]).toBeLessThan(value);
    expect(interval[1]).toBeGreaterThan(value);
    expect(interval[1]).toBeLessThan(360);
  });

  test('the same seed gives the same interval, another seed another', () => {
    const run = (seed: number) => valueAtPrevalence(ninety, specific, 0.2, { seed, draws: 500 });
    expect(run(1)).toEqual(run(1));
    expect(run(1)).toEqual(valueAtPrevalence(ninety, specific, 0.2, { draws: 500 }));
    expect(run(1)).not.toEqual(run(2));
  });

  test('a perfect specificity still has an interval below 1', () => {
    const { value, interval } = valueAtPrevalence(ninety, { value: 1, n: 30 }, 0.2).ppv;
    expect(value).toBe(1);
    expect(interval[0]).toBeLessThan(0.98);
    expect(interval[1]).toBeGreaterThan(0.99);
  });
});

import { describe, expect, test } from 'vitest';
import { bootstrap, deLong, percentileInterval, wilson } from '#statistics/intervals';
import { createRandom } from '#statistics/random';
import { auroc } from '#statistics/roc';
import { toScored } from '#statistics/scored';
import { reference, referenceLabels, referenceScores } from './reference.ts';

describe('Wilson', () => {
  test.each([
    [0, 10, 0, 0.27753279986288926],
    [10, 10, 0.7224672001371109, 1],
    [5, 10, 0.236593090512564, 0.7634069094874361],
    [81, 263, 0.2552885198782742, 0.36620957698280004],
    [1, 1000, 0.00017654637062607809, 0.005642558597957935],
  ])('%i of %i equals scipy', (successes, n, low, high) => {
    const interval = wilson(successes, n);
    expect(interval[0]).toBeCloseTo(low, 13);
    expect(interval[1]).toBeCloseTo(high, 13);
  });

  test('none of none says nothing; the ends are exact at none and all', () => {
    expect(wilson(0, 0)).toEqual([0, 1]);
    expect(wilson(0, 7)[0]).toBe(0);
    expect(wilson(7, 7)[1]).toBe(1);
  });
});

describe('DeLong', () => {
  test('equals the variance of placements on the reference rows', () => {
    const { value, standardError, interval } = deLong(reference);
    expect(value).toBeCloseTo(0.9685746352413019, 14);
    expect(standardError).toBeCloseTo(0.01750359517816566, 14);
    expect(interval[0]).toBeCloseTo(0.9685746352413019 - 1.959963984540054 * 0.01750359517816566, 12);
    expect(interval[1]).toBe(1);
  });

  test('equals the quadratic definition with ties', () => {
    const random = createRandom(11);
    for (let round = 0; round < 30; round++) {
      const labels = Array.from({ length: 24 }, (_, i) => (i < 4 ? i % 2 : random.below(2)));
      const scores = labels.map((label) => random.below(6) + label * 2);
      expect(deLong(toScored(scores, labels)).standardError).toBeCloseTo(naiveError(scores, labels), 12);
    }
  });

  test('stays within [0, 1] at the lower end too', () => {
    const turned = toScored(
      referenceScores.map((score) => -score),
      referenceLabels,
    );
    expect(deLong(turned).interval[0]).toBe(0);
    expect(deLong(turned).interval[1]).toBeCloseTo(
      1 - 0.9685746352413019 + 1.959963984540054 * 0.01750359517816566,
      12,
    );
  });

  test('is not a number with one image of a class', () => {
    expect(deLong(toScored([1, 2, 3], [0, 0, 1])).standardError).toBeNaN();
  });
});

function naiveError(scores: readonly number[], labels: readonly number[]): number {
  const of = (label: number): number[] => scores.filter((_, i) => labels[i] === label);
  const [negatives, positives] = [of(0), of(1)];
  const win = (a: number, b: number): number => (a > b ? 1 : a === b ? 0.5 : 0);
  const mean = (values: number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length;
  const variance = (values: number[]): number =>
    values.reduce((sum, v) => sum + (v - mean(values)) ** 2, 0) / (values.length - 1);
  const v10 = positives.map((x) => mean(negatives.map((y) => win(x, y))));
  const v01 = negatives.map((y) => mean(positives.map((x) => win(x, y))));
  return Math.sqrt(variance(v10) / v10.length + variance(v01) / v01.length);
}

describe('percentile interval', () => {
  test('interpolates linearly between order statistics', () => {
    const [low, high] = percentileInterval(Float64Array.from({ length: 101 }, (_, i) => 100 - i));
    expect(low).toBeCloseTo(2.5, 12);
    expect(high).toBeCloseTo(97.5, 12);
    expect(percentileInterval(Float64Array.from([4]))).toEqual([4, 4]);
    expect(percentileInterval(new Float64Array())).toEqual([Number.NaN, Number.NaN]);
  });
});

describe('bootstrap by patient', () => {
  const own = referenceScores.map((_, i) => `p${i}`);
  const mean = ({ scores }: { scores: Float64Array }): number[] => [
    scores.reduce((sum, s) => sum + s, 0) / scores.length,
  ];

  test('the same seed gives the same interval, another seed another', () => {
    const run = (seed: number) =>
      bootstrap(referenceScores, referenceLabels, own, (s) => [auroc(s)], { seed, replicates: 300 });
    expect(run(5)).toEqual(run(5));
    expect(run(5)).not.toEqual(run(6));
  });

  test('by default draws 2,000 times with seed 1', () => {
    let calls = 0;
    const counted = (s: { scores: Float64Array; labels: Uint8Array }): number[] => {
      calls += 1;
      return mean(s);
    };
    const byDefault = bootstrap(referenceScores, referenceLabels, own, counted);
    expect(calls).toBe(2000);
    expect(byDefault).toEqual(
      bootstrap(referenceScores, referenceLabels, own, mean, { seed: 1, replicates: 2000 }),
    );
  });

  test('a resample is sorted, of whole patients, with labels that follow', () => {
    const scores = [5, 1, 4, 2, 3, 6];
    const labels = [1, 0, 1, 0, 1, 0];
    const patients = ['a', 'a', 'b', 'b', 'c', 'c'];
    const labelOf = new Map(scores.map((score, i) => [score, labels[i]]));
    bootstrap(
      scores,
      labels,
      patients,
      (sample) => {
        expect(sample.scores).toHaveLength(6);
        expect([...sample.scores]).toEqual([...sample.scores].sort((x, y) => x - y));
        sample.scores.forEach((score, i) => {
          expect(sample.labels[i]).toBe(labelOf.get(score));
        });
        const times = (score: number): number => sample.scores.filter((s) => s === score).length;
        expect(times(5)).toBe(times(1));
        expect(times(4)).toBe(times(2));
        expect(times(3)).toBe(times(6));
        return [0];
      },
      { replicates: 100 },
    );
  });

  test('the interval of a mean has the width of its standard error', () => {
    const [interval] = bootstrap(referenceScores, referenceLabels, own, mean);
    const average = referenceScores.reduce((sum, s) => sum + s, 0) / 60;
    const error = Math.sqrt(referenceScores.reduce((sum, s) => sum + (s - average) ** 2, 0) / 60 / 60);
    expect(interval![0]).toBeCloseTo(average - 1.96 * error, 1);
    expect(interval![1]).toBeCloseTo(average + 1.96 * error, 1);
    expect(Math.abs(interval![1] - interval![0] - 2 * 1.96 * error)).toBeLessThan(0.1 * 2 * 1.96 * error);
  });

  test('images of one patient do not count as more evidence', () => {
    const twice = [...referenceScores, ...referenceScores];
    const labels = [...referenceLabels, ...referenceLabels];
    const patients = [...own, ...own];
    const [clustered] = bootstrap(twice, labels, patients, mean, { replicates: 1000 });
    const [single] = bootstrap(referenceScores, referenceLabels, own, mean, { replicates: 1000 });
    // Doubled by patient, each resample has the same mean; only rounding may differ.
    expect(clustered![0]).toBeCloseTo(single![0], 12);
    expect(clustered![1]).toBeCloseTo(single![1], 12);
  });

  test('the order of the rows has no say', () => {
    const turned = (values: readonly number[]): number[] => [...values].reverse();
    const once = bootstrap([1, 2, 3], [0, 1, 1], ['a', 'b', 'c'], mean, { replicates: 50 });
    const again = bootstrap(turned([1, 2, 3]), turned([0, 1, 1]), ['a', 'b', 'c'], (s) => [4 - mean(s)[0]!], {
      replicates: 50,
    });
    expect(again[0]![0]).toBeCloseTo(once[0]![0], 12);
    expect(again[0]![1]).toBeCloseTo(once[0]![1], 12);
  });

  test('a resample in which a figure does not exist is left out of that figure only', () => {
    const [area, size] = bootstrap([1, 2], [0, 1], ['a', 'b'], (s) => [auroc(s), s.scores.length], {
      replicates: 200,
    });
    expect(area).toEqual([1, 1]);
    expect(size).toEqual([2, 2]);
    const [none] = bootstrap([1, 2], [1, 1], ['a', 'b'], (s) => [auroc(s)], { replicates: 20 });
    expect(none).toEqual([Number.NaN, Number.NaN]);
  });

  test('covers the truth about as often as it says', () => {
    const random = createRandom(21);
    let covered = 0;
    for (let round = 0; round < 80; round++) {
      const labels = Array.from({ length: 80 }, (_, i) => i % 2);
      const scores = labels.map((label) => random.normal() + label * 1.2);
      const [interval] = bootstrap(
        scores,
        labels,
        labels.map(String).map((_, i) => `${i}`),
        (s) => [auroc(s)],
        { seed: round, replicates: 200 },
      );
      // Φ(1.2 / √2)
      if (interval![0] <= 0.80196 && 0.80196 <= interval![1]) covered += 1;
    }
    expect(covered / 80).toBeGreaterThan(0.88);
    expect(covered / 80).toBeLessThan(0.995);
  });
});

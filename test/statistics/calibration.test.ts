import { describe, expect, test } from 'vitest';
import {
  brierScore,
  debiasedCalibrationError,
  expectedCalibrationError,
  logisticRecalibration,
  noRecalibration,
  reliabilityTable,
} from '#statistics/calibration';
import { wilson } from '#statistics/intervals';
import { createRandom } from '#statistics/random';
import { toScored } from '#statistics/scored';
import { reference } from './reference.ts';

describe('expected calibration error', () => {
  test('equals numpy’s sorted, evenly cut rows where no scores are equal', () => {
    expect(expectedCalibrationError(reference)).toBeCloseTo(0.2075, 12);
  });

  test('is the gap itself when there is one probability', () => {
    expect(expectedCalibrationError(toScored([0.7, 0.7, 0.7, 0.7], [1, 1, 1, 0]))).toBeCloseTo(0.05, 12);
  });

  test('two bins, by hand', () => {
    const scored = toScored([0.1, 0.3, 0.6, 1], [0, 1, 1, 1]);
    expect(expectedCalibrationError(scored, 2)).toBeCloseTo(
      (Math.abs(0.5 - 0.2) + Math.abs(1 - 0.8)) / 2,
      12,
    );
  });

  test('the order of rows with equal probability plays no part, also where a cut goes through them', () => {
    const p = [0.2, 0.2, 0.2, 0.9];
    const values = [
      [1, 0, 0, 1],
      [0, 1, 0, 1],
      [0, 0, 1, 1],
    ].map((labels) => expectedCalibrationError(toScored(p, labels), 2));
    expect(new Set(values.map((v) => v.toFixed(12))).size).toBe(1);
    // Lower bin: 2 of the group; upper bin: 1 of the group and the 0.9.
    expect(values[0]).toBeCloseTo((2 * (1 / 3 - 0.2) + Math.abs(1 / 3 + 1 - 1.1)) / 4, 12);
  });

  test('has no more bins than images', () => {
    expect(expectedCalibrationError(toScored([0.2, 0.9], [0, 1]))).toBeCloseTo((0.2 + 0.1) / 2, 12);
    expect(reliabilityTable(toScored([0.2, 0.9], [0, 1]))).toHaveLength(2);
  });

  test('is not a number without images', () => {
    expect(expectedCalibrationError(toScored([], []))).toBeNaN();
    expect(debiasedCalibrationError(toScored([], []))).toBeNaN();
  });
});

describe('debiased calibration error', () => {
  test('takes off √(2 v / π) a bin, by hand', () => {
    const scored = toScored([0.5, 0.5, 0.5, 0.5], [1, 1, 1, 1]);
    expect(debiasedCalibrationError(scored, 1)).toBeCloseTo(0.5 - Math.sqrt((2 * 0.25) / (Math.PI * 4)), 12);
  });

  test('weighs bins by their images and keeps variance within its bin', () => {
    const scored = toScored([0.1, 0.3, 0.6, 0.8], [1, 1, 0, 0]);
    const v = [(0.1 * 0.9 + 0.3 * 0.7) / 2, (0.6 * 0.4 + 0.8 * 0.2) / 2];
    const gaps = [0.8, 0.7];
    const expected = gaps.reduce(
      (sum, gap, i) => sum + (gap - Math.sqrt((2 * v[i]!) / (Math.PI * 2))) / 2,
      0,
    );
    expect(debiasedCalibrationError(scored, 2)).toBeCloseTo(expected, 12);
  });

  test('is 0, not below, when the calibration is better than chance makes it', () => {
    expect(debiasedCalibrationError(toScored([0.5, 0.5], [0, 1]), 1)).toBe(0);
  });

  test('is near 0 on average for a perfect calibration, where the plain error is not', () => {
    const random = createRandom(8);
    let plain = 0;
    let debiased = 0;
    for (let round = 0; round < 60; round++) {
      const p = Array.from({ length: 500 }, random.uniform);
      const scored = toScored(
        p,
        p.map((value) => (random.uniform() < value ? 1 : 0)),
      );
      plain += expectedCalibrationError(scored) / 60;
      debiased += debiasedCalibrationError(scored) / 60;
    }
    expect(plain).toBeGreaterThan(0.04);
    expect(debiased).toBeLessThan(0.008);
  });
});

describe('reliability table', () => {
  test('names the range, the means and the interval of each bin', () => {
    const table = reliabilityTable(toScored([0.1, 0.3, 0.6, 1], [0, 1, 1, 1]), 2);
    expect(table).toHaveLength(2);
    expect(table[0]).toMatchObject({ low: 0.1, high: 0.3, n: 2, rate: 0.5 });
    expect(table[0]!.meanProbability).toBeCloseTo(0.2, 12);
    expect(table[0]!.interval).toEqual(wilson(1, 2));
    expect(table[1]).toMatchObject({ low: 0.6, high: 1, n: 2, rate: 1 });
    expect(table[1]!.interval).toEqual(wilson(2, 2));
  });

  test('has 15 bins that hold every image', () => {
    const table = reliabilityTable(reference);
    expect(table).toHaveLength(15);
    expect(table.reduce((sum, row) => sum + row.n, 0)).toBeCloseTo(60, 9);
    for (let i = 1; i < table.length; i++) expect(table[i]!.low).toBeGreaterThanOrEqual(table[i - 1]!.high);
  });
});

describe('Brier score', () => {
  test('is the mean squared difference', () => {
    expect(brierScore(toScored([0.2, 0.9], [0, 1]))).toBeCloseTo((0.04 + 0.01) / 2, 12);
    expect(brierScore(reference)).toBeCloseTo(0.09964833333333334, 12);
  });
});

describe('logistic recalibration', () => {
  test('equals an unpenalised scikit-learn fit on the reference rows', () => {
    const { slope, intercept } = logisticRecalibration(reference);
    expect(slope).toBeCloseTo(3.40258256, 6);
    expect(intercept).toBeCloseTo(-0.68975358, 6);
  });

  test('finds slope and intercept of probabilities that were distorted', () => {
    const random = createRandom(5);
    const p = Array.from({ length: 20_000 }, () => 0.02 + 0.96 * random.uniform());
    const labels = p.map((value) => {
      const truth = 1 / (1 + Math.exp(-(0.4 + 0.7 * Math.log(value / (1 - value)))));
      return random.uniform() < truth ? 1 : 0;
    });
    const { slope, intercept } = logisticRecalibration(toScored(p, labels));
    expect(slope).toBeCloseTo(0.7, 1);
    expect(intercept).toBeCloseTo(0.4, 1);
  });

  test('keeps 0 and 1 finite by clipping to 1e-4', () => {
    const rows = [0, 0, 0, 1, 1, 1];
    const labels = [0, 1, 0, 1, 1, 0];
    const exact = logisticRecalibration(toScored(rows, labels));
    const clipped = logisticRecalibration(
      toScored(
        rows.map((p) => (p === 0 ? 1e-4 : 1 - 1e-4)),
        labels,
      ),
    );
    expect(exact).toEqual(clipped);
    expect(exact.slope).toBeCloseTo(Math.log(2) / Math.log(9999), 9);
  });

  test('has no fit when a threshold parts the classes, a class is missing or all probabilities are equal', () => {
    const none = { slope: Number.NaN, intercept: Number.NaN };
    expect(logisticRecalibration(toScored([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1]))).toEqual(none);
    expect(logisticRecalibration(toScored([0.1, 0.2, 0.8, 0.9], [1, 1, 0, 0]))).toEqual(none);
    expect(logisticRecalibration(toScored([0.1, 0.5, 0.5, 0.9], [0, 0, 1, 1]))).toEqual(none);
    expect(logisticRecalibration(toScored([0.1, 0.2], [1, 1]))).toEqual(none);
    expect(logisticRecalibration(toScored([0.1, 0.2], [0, 0]))).toEqual(none);
    expect(logisticRecalibration(toScored([0.4, 0.4, 0.4], [0, 1, 0]))).toEqual(none);
    expect(logisticRecalibration(toScored([0.37, 0.37, 0.37, 0.37], [0, 1, 0, 0]))).toEqual(none);
    expect(logisticRecalibration(toScored([0, 1e-6, 1e-5], [0, 1, 0]))).toEqual(none);
    expect(logisticRecalibration(toScored([], []))).toEqual(none);
  });

  test('solves the score equations, whatever the data', () => {
    const random = createRandom(14);
    for (let round = 0; round < 200; round++) {
      const n = 8 + random.below(40);
      const p = Array.from({ length: n }, () => Math.round(random.uniform() ** 3 * 50) / 50);
      const labels = p.map((_, i) => (i < 2 ? i : random.below(2)));
      const { slope, intercept } = logisticRecalibration(toScored(p, labels));
      if (Number.isNaN(slope)) continue;
      const x = p.map((value) =>
        Math.log(Math.max(1e-4, Math.min(1 - 1e-4, value)) / (1 - Math.max(1e-4, Math.min(1 - 1e-4, value)))),
      );
      const residuals = x.map((value, i) => labels[i]! - 1 / (1 + Math.exp(-intercept - slope * value)));
      expect(residuals.reduce((sum, r) => sum + r, 0)).toBeCloseTo(0, 6);
      expect(residuals.reduce((sum, r, i) => sum + r * x[i]!, 0)).toBeCloseTo(0, 5);
    }
  });

  test('has no fit on any data that a threshold parts, also where both classes meet at it', () => {
    const random = createRandom(15);
    for (let round = 0; round < 300; round++) {
      const threshold = 0.1 + 0.8 * random.uniform();
      const p = [
        ...Array.from({ length: 4 + random.below(60) }, random.uniform),
        threshold,
        threshold,
        0.05,
        0.95,
      ];
      const side = random.below(2);
      const labels = p.map((value, i) => (value === threshold ? i % 2 : value > threshold ? side : 1 - side));
      expect(logisticRecalibration(toScored(p, labels))).toEqual({
        slope: Number.NaN,
        intercept: Number.NaN,
      });
    }
  });

  test('has no fit where the classes are parted evenly about a half, however soon the search seems to end', () => {
    const absent = [
      0.15, 0.1, 0.45, 0.45, 0.05, 0.45, 0.15, 0.4, 0.25, 0.1, 0.25, 0.15, 0.1, 0.05, 0.2, 0.2, 0.4,
    ];
    const present = [
      0.55, 0.7, 0.95, 0.85, 0.65, 0.95, 0.55, 0.75, 0.75, 0.95, 0.65, 0.7, 0.65, 0.9, 0.8, 0.95, 0.75,
    ];
    const p = [...absent, ...present];
    const parted = toScored(
      p,
      p.map((_, i) => (i < absent.length ? 0 : 1)),
    );
    expect(logisticRecalibration(parted)).toEqual({ slope: Number.NaN, intercept: Number.NaN });
  });

  test.each([
    ['a class is missing', [0.1, 0.2], [1, 1]],
    ['a class is missing', [], []],
    ['all probabilities are equal', [0.4, 0.4, 0.4], [0, 1, 0]],
    ['all probabilities are equal', [0, 1e-6, 1e-5], [0, 1, 0]],
    ['a threshold parts the classes', [0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1]],
    ['a threshold parts the classes', [0.1, 0.5, 0.5, 0.9], [1, 0, 1, 0]],
    [null, [0.1, 0.2, 0.8, 0.9], [0, 1, 0, 1]],
  ])('says %s', (reason, p, labels) => {
    expect(noRecalibration(toScored(p, labels))).toBe(reason);
  });

  test('converges from probabilities that are far too extreme', () => {
    const p = [1e-4, 1e-4, 1e-4, 0.5, 1 - 1e-4, 1 - 1e-4, 1 - 1e-4, 1e-3, 1 - 1e-3];
    const { slope, intercept } = logisticRecalibration(toScored(p, [0, 1, 0, 1, 1, 0, 1, 1, 0]));
    expect(slope).toBeGreaterThan(0);
    expect(slope).toBeLessThan(0.2);
    expect(Number.isFinite(intercept)).toBe(true);
  });
});

import { describe, expect, test } from 'vitest';
import {
  detectorScores,
  nearestCases,
  outOfDistributionGate,
  outOfDistributionIndex,
} from '#inference/out-of-distribution';
import type { Detector, Mahalanobis } from '#inference/package-types';
import { findingScore, softmax } from '#inference/scores';

const limit = { threshold: 1, falseAlarm: 0.01 };
const score = (
  detector: Detector,
  features: readonly number[],
  logits: readonly number[] = [0],
  exclusive = false,
): number =>
  detectorScores([detector], Float32Array.from(features), Float32Array.from(logits), exclusive)[0]!.score;

describe('detectors', () => {
  test('knn-cosine is 1 less the mean of the k largest cosines, whatever the length of the features', () => {
    const prototypes = Float32Array.from([1, 0, 0, 1, 0.6, 0.8]);
    const knn = (k: number): Detector => ({
      kind: 'knn-cosine',
      k,
      dimension: 2,
      count: 3,
      prototypes,
      ...limit,
    });
    expect(score(knn(1), [5, 0])).toBeCloseTo(0, 7);
    expect(score(knn(2), [5, 0])).toBeCloseTo(1 - (1 + 0.6) / 2, 6);
    expect(score(knn(3), [0.1, 0])).toBeCloseTo(1 - 1.6 / 3, 6);
    expect(score(knn(1), [-1, 0])).toBeCloseTo(1, 6);
    expect(score(knn(1), [0, 0])).toBe(1);
  });

  test('mahalanobis is the smallest distance to a class in the projected space', () => {
    const detector: Detector = {
      kind: 'mahalanobis',
      dimension: 3,
      rank: 2,
      mean: Float32Array.from([1, 1, 1]),
      projection: Float32Array.from([1, 0, 0, 0, 2, 0]),
      classes: [
        { name: 'a', centre: Float32Array.from([0, 0]) },
        { name: 'b', centre: Float32Array.from([3, 4]) },
      ],
      precision: Float32Array.from([2, 0.5, 0.5, 1]),
      ...limit,
    };
    // f = (2, 2, 9): z = (1, 2).
    expect(score(detector, [2, 2, 9])).toBeCloseTo(2 * 1 + 2 * 0.5 * 2 + 4, 6);
    // f = (4, 3, 0): z = (3, 4) is class b itself.
    expect(score(detector, [4, 3, 0])).toBeCloseTo(0, 6);
  });

  test('mahalanobis of rank 1 with its centre on the usual side refuses one side only', () => {
    const contrast: Detector = {
      kind: 'mahalanobis',
      dimension: 2,
      rank: 1,
      mean: Float32Array.from([1, 0]),
      // Distance 1 between the usual mean (1, 0) and the other (3, 0).
      projection: Float32Array.from([0.5, 0]),
      classes: [{ name: 'usual', centre: Float32Array.from([-0.5]) }],
      precision: Float32Array.from([1]),
      threshold: 1,
      falseAlarm: 0.01,
    };
    expect(score(contrast, [1, 9])).toBeCloseTo(0.25, 6);
    expect(score(contrast, [3, 9])).toBeCloseTo(2.25, 6);
    const passes = (first: number): boolean | null =>
      outOfDistributionGate(
        detectorScores([contrast], Float32Array.from([first, 0]), new Float32Array(1), false),
      ).passed;
    expect([-1, 1, 1.9, 2.1, 3].map(passes)).toEqual([true, true, true, false, false]);
  });

  test('residual is what the subspace does not hold', () => {
    const detector: Detector = {
      kind: 'residual',
      dimension: 3,
      rank: 2,
      mean: Float32Array.from([1, 0, 0]),
      projection: Float32Array.from([1, 0, 0, 0, 0.6, 0.8]),
      ...limit,
    };
    expect(score(detector, [5, 0.6, 0.8])).toBeCloseTo(0, 6);
    expect(score(detector, [1, -0.8 * 3, 0.6 * 3])).toBeCloseTo(3, 6);
  });

  test('confidence is minus the probability of the likelier side; the least certain finding decides', () => {
    const detector: Detector = { kind: 'confidence', ...limit };
    expect(score(detector, [], [0])).toBeCloseTo(-0.5, 12);
    expect(score(detector, [], [2])).toBeCloseTo(-1 / (1 + Math.exp(-2)), 7);
    expect(score(detector, [], [-2])).toBeCloseTo(-1 / (1 + Math.exp(-2)), 7);
    expect(score(detector, [], [9, 0.1])).toBeCloseTo(-1 / (1 + Math.exp(-0.1)), 6);
    expect(score(detector, [], [1, 1, 1], true)).toBeCloseTo(-1 / 3, 12);
  });

  test('each carries its kind and threshold', () => {
    expect(
      detectorScores(
        [{ kind: 'confidence', threshold: -0.6, falseAlarm: 0 }],
        new Float32Array(),
        Float32Array.from([0]),
        false,
      ),
    ).toEqual([{ kind: 'confidence', score: -0.5, threshold: -0.6 }]);
  });
});

describe('the gate', () => {
  const at = (value: number, threshold: number) => ({ kind: 'residual' as const, score: value, threshold });

  test('any detector above its threshold refuses; at the threshold it passes', () => {
    expect(outOfDistributionGate([at(1, 1), at(-0.7, -0.6)]).passed).toBe(true);
    expect(outOfDistributionGate([at(1.0001, 1), at(-0.7, -0.6)]).passed).toBe(false);
    expect(outOfDistributionGate([at(Number.NaN, 1)]).passed).toBe(false);
  });

  test('its words hold no figure', () => {
    expect(outOfDistributionGate([at(3, 1)])).toMatchObject({
      gate: 'out-of-distribution',
      detail: expect.not.stringMatching(/\d/),
    });
  });

  test('the index is above 1 exactly when it refuses, also for negative thresholds, and the worst detector decides', () => {
    expect(outOfDistributionIndex([at(0.5, 1), at(-0.9, -0.6)])).toBeCloseTo(0.5, 12);
    expect(outOfDistributionIndex([at(0.5, 1), at(-0.54, -0.6)])).toBeCloseTo(1.1, 12);
    expect(outOfDistributionIndex([at(1, 1)])).toBe(1);
    expect(outOfDistributionIndex([at(0.1, 0)])).toBeGreaterThan(1);
  });
});

describe('scores of findings', () => {
  test('softmax sums to 1 and does not overflow', () => {
    expect(softmax([1000, 1000])).toEqual([0.5, 0.5]);
    expect(softmax([0, Math.log(3)])).toEqual([expect.closeTo(0.25, 12), expect.closeTo(0.75, 12)]);
  });

  test('a finding of its own is its logit; an exclusive class its log-odds against the others', () => {
    expect(findingScore([1, 2], 1, false)).toBe(2);
    const share = softmax([0.3, -1, 2])[2]!;
    expect(findingScore([0.3, -1, 2], 2, true)).toBeCloseTo(Math.log(share / (1 - share)), 12);
    expect(findingScore([800, 1], 1, true)).toBeCloseTo(-799, 9);
    expect(findingScore([1], 3, false)).toBeNaN();
  });
});

describe('the nearest held-out cases', () => {
  const detector: Mahalanobis = {
    kind: 'mahalanobis',
    dimension: 3,
    rank: 2,
    mean: Float32Array.from([1, 1, 1]),
    projection: Float32Array.from([1, 0, 0, 0, 2, 0]),
    classes: [{ name: 'a', centre: Float32Array.from([0, 0]) }],
    precision: Float32Array.from([4, 0, 0, 1]),
    ...limit,
  };
  const neighbours = {
    detector,
    n: 3,
    values: Float32Array.from([0, 0, 1, 0, 0, 3]),
    labels: { brightness: Uint8Array.from([0, 1, 1]) },
    median: 2,
  };

  test('are ordered by the detector’s own distance, in units of the median, nearest first', () => {
    // f = (1, 1, 5): z = (0, 0), as the first case.
    expect(nearestCases(neighbours, Float32Array.from([1, 1, 5]), 3)).toEqual([
      { index: 0, distance: 0 },
      { index: 1, distance: 1 },
      { index: 2, distance: 1.5 },
    ]);
    // f = (2, 1, 0): z = (1, 0), as the second.
    expect(nearestCases(neighbours, Float32Array.from([2, 1, 0]), 1)).toEqual([{ index: 1, distance: 0 }]);
  });

  test('are no more than there are', () => {
    expect(nearestCases(neighbours, Float32Array.from([1, 1, 1]), 9)).toHaveLength(3);
  });
});

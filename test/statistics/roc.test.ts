import { describe, expect, test } from 'vitest';
import { createRandom } from '#statistics/random';
import { auprc, auroc, confusionAt } from '#statistics/roc';
import { positivesOf, tieGroups, toScored } from '#statistics/scored';
import { reference } from './reference.ts';

describe('AUROC', () => {
  test('is 1 when every positive is above every negative and 0 the other way round', () => {
    expect(auroc(toScored([1, 2, 3, 4], [0, 0, 1, 1]))).toBe(1);
    expect(auroc(toScored([1, 2, 3, 4], [1, 1, 0, 0]))).toBe(0);
  });

  test('counts ties half', () => {
    expect(auroc(toScored([1, 1, 1, 1], [0, 1, 0, 1]))).toBe(0.5);
    expect(auroc(toScored([1, 2, 2, 3], [0, 0, 1, 1]))).toBe(3.5 / 4);
  });

  test('equals scikit-learn 1.7 on the reference rows', () => {
    expect(auroc(reference)).toBeCloseTo(0.9685746352413019, 14);
  });

  test('is the share of pairs in order, whatever the ties', () => {
    const random = createRandom(3);
    for (let round = 0; round < 50; round++) {
      const scores = Array.from({ length: 30 }, () => random.below(8));
      const labels = scores.map((_, i) => (i < 2 ? i : random.below(2)));
      let pairs = 0;
      let won = 0;
      scores.forEach((a, i) => {
        scores.forEach((b, j) => {
          if (labels[i] !== 1 || labels[j] !== 0) return;
          pairs += 1;
          won += a > b ? 1 : a === b ? 0.5 : 0;
        });
      });
      expect(auroc(toScored(scores, labels))).toBeCloseTo(won / pairs, 12);
    }
  });

  test('is not a number without both classes', () => {
    expect(auroc(toScored([1, 2], [1, 1]))).toBeNaN();
    expect(auroc(toScored([1, 2], [0, 0]))).toBeNaN();
    expect(auroc(toScored([], []))).toBeNaN();
  });
});

describe('AUPRC', () => {
  test('equals scikit-learn 1.7 on the reference rows', () => {
    expect(auprc(reference)).toBeCloseTo(0.9636601534479319, 14);
  });

  test('takes equal scores at once: their order plays no part', () => {
    // Threshold 2: 1 of 1. Threshold 1: 2 of 4.
    expect(auprc(toScored([1, 1, 1, 2], [0, 1, 0, 1]))).toBe(0.5 * 1 + 0.5 * 0.5);
    expect(auprc(toScored([1, 1, 1, 2], [1, 0, 0, 1]))).toBe(0.75);
  });

  test('is the prevalence when all scores are equal, and not a number without positives', () => {
    expect(auprc(toScored([1, 1, 1, 1], [0, 0, 0, 1]))).toBe(0.25);
    expect(auprc(toScored([1, 2], [0, 0]))).toBeNaN();
  });
});

describe('calls at a threshold', () => {
  test('a score equal to the threshold is a call', () => {
    const scored = toScored([0.1, 0.5, 0.5, 0.9, 0.2, 0.4], [0, 0, 1, 1, 1, 0]);
    expect(confusionAt(scored, 0.5)).toEqual({
      truePositives: 2,
      falsePositives: 1,
      trueNegatives: 2,
      falseNegatives: 1,
    });
  });

  test('nothing is called above the largest score, everything at or below the smallest', () => {
    const scored = toScored([0.1, 0.9], [0, 1]);
    expect(confusionAt(scored, 0.91)).toMatchObject({ truePositives: 0, falsePositives: 0 });
    expect(confusionAt(scored, 0.1)).toMatchObject({ trueNegatives: 0, falseNegatives: 0 });
  });
});

describe('sorted rows', () => {
  test('labels follow their scores', () => {
    const { scores, labels } = toScored([3, 1, 2], [1, 0, 1]);
    expect([...scores]).toEqual([1, 2, 3]);
    expect([...labels]).toEqual([0, 1, 1]);
    expect(positivesOf({ scores, labels })).toBe(2);
  });

  test('equal scores are one group with its positives', () => {
    expect(tieGroups(toScored([2, 1, 2, 2, 5], [1, 0, 0, 1, 1]))).toEqual([
      { score: 1, n: 1, positives: 0 },
      { score: 2, n: 3, positives: 2 },
      { score: 5, n: 1, positives: 1 },
    ]);
    expect(tieGroups(toScored([], []))).toEqual([]);
  });
});

import { describe, expect, test } from 'vitest';
import { shiftExclusivePrevalence, shiftPrevalence } from '#statistics/prevalence';

const logit = (p: number): number => Math.log(p / (1 - p));

describe('another prevalence', () => {
  test('adds the difference of the log-odds to the value and both ends', () => {
    const moved = shiftPrevalence({ probability: 0.85, interval: [0.7, 0.93] }, 0.74, 0.2);
    const shift = logit(0.2) - logit(0.74);
    expect(logit(moved.probability)).toBeCloseTo(logit(0.85) + shift, 12);
    expect(logit(moved.interval[0])).toBeCloseTo(logit(0.7) + shift, 12);
    expect(logit(moved.interval[1])).toBeCloseTo(logit(0.93) + shift, 12);
  });

  test('the same prevalence changes nothing, and there and back is where it began', () => {
    const value = { probability: 0.3, interval: [0.1, 0.5] as const };
    expect(shiftPrevalence(value, 0.4, 0.4).probability).toBeCloseTo(0.3, 14);
    const back = shiftPrevalence(shiftPrevalence(value, 0.74, 0.05), 0.05, 0.74);
    expect(back.probability).toBeCloseTo(0.3, 12);
    expect(back.interval[1]).toBeCloseTo(0.5, 12);
  });

  test('0 and 1 stay', () => {
    expect(shiftPrevalence({ probability: 1, interval: [0, 1] }, 0.7, 0.1)).toEqual({
      probability: 1,
      interval: [0, 1],
    });
    expect(shiftPrevalence({ probability: 0, interval: [0, 0] }, 0.7, 0.1)).toEqual({
      probability: 0,
      interval: [0, 0],
    });
  });
});

describe('another prevalence of exclusive classes', () => {
  const values = [
    { probability: 0.5, interval: [0.4, 0.6] as const },
    { probability: 0.3, interval: [0.2, 0.4] as const },
    { probability: 0.2, interval: [0.1, 0.3] as const },
  ];

  test('weighs by the ratio of prevalences and sums to 1', () => {
    const moved = shiftExclusivePrevalence(values, [0.2, 0.3, 0.5], [0.6, 0.3, 0.1]);
    const weights = [0.5 * 3, 0.3, 0.2 * 0.2];
    const total = weights.reduce((a, b) => a + b);
    moved.forEach(({ probability }, k) => {
      expect(probability).toBeCloseTo(weights[k]! / total, 12);
    });
    expect(moved.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 12);
    for (const { probability, interval } of moved) {
      expect(interval[0]).toBeLessThan(probability);
      expect(interval[1]).toBeGreaterThan(probability);
    }
  });

  test('two classes are the binary rule', () => {
    const two = [
      { probability: 0.8, interval: [0.7, 0.9] as const },
      { probability: 0.2, interval: [0.1, 0.3] as const },
    ];
    const [present] = shiftExclusivePrevalence(two, [0.74, 0.26], [0.2, 0.8]);
    const binary = shiftPrevalence(two[0]!, 0.74, 0.2);
    expect(present!.probability).toBeCloseTo(binary.probability, 12);
    expect(present!.interval[0]).toBeCloseTo(binary.interval[0], 12);
    expect(present!.interval[1]).toBeCloseTo(binary.interval[1], 12);
  });

  test('a certain class stays certain', () => {
    const certain = [
      { probability: 1, interval: [1, 1] as const },
      { probability: 0, interval: [0, 0] as const },
    ];
    expect(shiftExclusivePrevalence(certain, [0.5, 0.5], [0.1, 0.9])).toEqual(certain);
  });
});

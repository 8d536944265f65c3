import { describe, expect, test } from 'vitest';
import { conformalSet } from '#statistics/conformal';
import { createRandom } from '#statistics/random';

describe('class-conditional conformal set', () => {
  // Nine held-out images a class: positives with scores 1 … 9, negatives with −9 … −1.
  const nine = Float64Array.from([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  const calibration = {
    alpha: 0.3,
    present: nine.map((_, i) => i - 9),
    absent: nine.map((_, i) => i - 9),
  };

  test('a label is in the set when (1 + #{scores >= own}) / (n + 1) is above alpha', () => {
    // present at score s: own = −s. #{−i >= −s} = #{i <= s}; with 2: 3/10 = alpha, not above; with 3: 4/10.
    expect(conformalSet(2, calibration)).toEqual([]);
    expect(conformalSet(3, calibration)).toEqual(['present']);
    expect(conformalSet(2.999, calibration)).toEqual([]);
    expect(conformalSet(-3, calibration)).toEqual(['absent']);
    expect(conformalSet(-2, calibration)).toEqual([]);
  });

  test('is full where both classes have been seen and ordered present, absent', () => {
    const mixed = { alpha: 0.1, present: nine.map((v) => v - 5), absent: nine.map((v) => v - 5) };
    expect(conformalSet(0, mixed)).toEqual(['present', 'absent']);
  });

  test('equal scores count as at least as strange', () => {
    const tied = {
      alpha: 0.5,
      present: Float64Array.from([0, 0, 0]),
      absent: Float64Array.from([-9, -9, -9]),
    };
    expect(conformalSet(0, tied)).toEqual(['present']);
    expect(conformalSet(-0.001, tied)).toEqual([]);
  });

  test('holds the true label in at least 1 − alpha of each class', () => {
    const random = createRandom(31);
    const sorted = (values: number[]): Float64Array => Float64Array.from(values).sort();
    let kept = 0;
    const rounds = 400;
    for (let round = 0; round < rounds; round++) {
      const present = sorted(Array.from({ length: 40 }, () => -(random.normal() + 1)));
      const absent = sorted(Array.from({ length: 60 }, () => random.normal() - 1));
      const calibrated = { alpha: 0.1, present, absent };
      kept += conformalSet(random.normal() + 1, calibrated).includes('present') ? 1 : 0;
      kept += conformalSet(random.normal() - 1, calibrated).includes('absent') ? 1 : 0;
    }
    expect(kept / (2 * rounds)).toBeGreaterThan(0.87);
    expect(kept / (2 * rounds)).toBeLessThan(0.95);
  });
});

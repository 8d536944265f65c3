import { describe, expect, test } from 'vitest';
import { qualityFeatures, qualityGate } from '#inference/quality';

const image = (rows: number, columns: number, values: readonly number[]) => ({
  rows,
  columns,
  values: Float64Array.from(values),
});

describe('quality features', () => {
  test('of a small image, by hand', () => {
    const found = qualityFeatures(image(2, 3, [0, 100, 200, 255, 254, 0.5]));
    const mean = 809.5 / 6;
    const deviations = [0, 100, 200, 255, 254, 0.5].map((v) => v - mean);
    const variance = deviations.reduce((sum, d) => sum + d * d, 0);
    expect(found.mean).toBeCloseTo(mean, 12);
    expect(found['standard-deviation']).toBeCloseTo(Math.sqrt(variance / 6), 12);
    expect(found.saturated).toBe(3 / 6);
    expect(found.gradient).toBeCloseTo((100 + 100 + 1 + 253.5) / 4, 12);
    const mirrored =
      2 * deviations[0]! * deviations[2]! +
      deviations[1]! ** 2 +
      2 * deviations[3]! * deviations[5]! +
      deviations[4]! ** 2;
    expect(found['mirror-correlation']).toBeCloseTo(mirrored / variance, 12);
  });

  test('saturated counts 0.5 and 254.5 themselves and nothing between', () => {
    expect(qualityFeatures(image(1, 4, [0.5, 0.51, 254.49, 254.5])).saturated).toBe(0.5);
  });

  test('a symmetric image is like its mirror, an antisymmetric one the opposite, a flat one neither', () => {
    expect(qualityFeatures(image(1, 4, [10, 90, 90, 10]))['mirror-correlation']).toBeCloseTo(1, 12);
    expect(qualityFeatures(image(1, 4, [10, 40, 60, 90]))['mirror-correlation']).toBeCloseTo(-1, 12);
    expect(qualityFeatures(image(2, 2, [7, 7, 7, 7]))).toMatchObject({
      'mirror-correlation': 0,
      'standard-deviation': 0,
      gradient: 0,
    });
  });

  test('one column has no gradient', () => {
    expect(qualityFeatures(image(3, 1, [1, 2, 3])).gradient).toBe(0);
  });
});

describe('quality gate', () => {
  const features = {
    'standard-deviation': 50,
    mean: 100,
    saturated: 0.1,
    gradient: 5,
    'mirror-correlation': 0.8,
  };

  test('passes when every limit holds, ends included', () => {
    expect(
      qualityGate(features, [
        { name: 'mean', minimum: 100, maximum: 100 },
        { name: 'gradient', minimum: 2, maximum: 60 },
      ]),
    ).toEqual({
      gate: 'quality',
      passed: true,
      detail: 'The image quality is within the limits of the model.',
    });
    expect(qualityGate(features, []).passed).toBe(true);
  });

  test('names what is too low and what is too high, in words and without figures', () => {
    const verdict = qualityGate(features, [
      { name: 'standard-deviation', minimum: 60, maximum: 90 },
      { name: 'mean', minimum: 0, maximum: 99 },
    ]);
    expect(verdict).toEqual({ gate: 'quality', passed: false, detail: 'Too little contrast, too bright.' });
  });

  test('a feature that is no number does not pass', () => {
    expect(
      qualityGate({ ...features, mean: Number.NaN }, [{ name: 'mean', minimum: 0, maximum: 255 }]).passed,
    ).toBe(false);
  });
});

import { describe, expect, test } from 'vitest';
import { loadPackage } from '#inference/package';
import { greyImage8, prepareImage } from '#inference/preprocess';
import { qualityFeatures, qualityGate } from '#inference/quality';
import { createRandom } from '#statistics/random';
import { shippedPackage } from '../support/model-packages.ts';

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

const folder = await shippedPackage();

describe.skipIf(folder === null)('the limits of the shipped package', async () => {
  if (folder === null) return;
  const { manifest, reference, golden } = await loadPackage(folder);
  const chests = golden.cases.filter((item) => item.name !== 'generated-limb');
  const side = manifest.input.shape[2];
  const say = (pixels: Uint8Array) =>
    qualityGate(
      qualityFeatures(prepareImage(greyImage8(side, side, pixels), manifest.input)),
      reference.quality,
    );
  const changed = (of: (value: number, at: number) => number) =>
    chests.map(({ pixels }) => say(Uint8Array.from(pixels, (v, i) => Math.min(255, Math.max(0, of(v, i))))));
  const random = createRandom(1);

  test('a generated chest breaks none', () => {
    expect(chests.length).toBeGreaterThanOrEqual(5);
    for (const verdict of changed((value) => value)) expect(verdict.passed).toBe(true);
  });

  test('a chest that is only light and shade is too blurred', () => {
    for (const { pixels } of chests) {
      const blurred = boxBlur(boxBlur(boxBlur(pixels, side, 30), side, 30), side, 30);
      expect(say(blurred).detail).toMatch(/too blurred/i);
    }
  });

  test('a nearly white one is too bright, a nearly black one too dark', () => {
    const strip = (at: number): boolean => at % side < 6;
    for (const { detail } of changed((v, at) => (strip(at) ? v / 4 : 235 + v / 13)))
      expect(detail).toMatch(/too bright/i);
    for (const { detail } of changed((v, at) => (strip(at) ? 255 - v / 4 : v / 13)))
      expect(detail).toMatch(/too dark/i);
  });

  test('noise over all of it is too noisy', () => {
    for (const { detail } of changed((v) => v + 40 * random.normal())) expect(detail).toMatch(/too noisy/i);
  });

  test('a picture that falls from white on one side to black on the other has sides too different', () => {
    for (const { detail } of changed((v, at) => v / 10 + (225 * (at % side)) / side))
      expect(detail).toMatch(/sides of the picture are too different/i);
  });
});

/** Means over (2 × reach + 1)² pixels, edges repeated. */
function boxBlur(pixels: Uint8Array, side: number, reach: number): Uint8Array {
  const pass = (from: Uint8Array, step: number, across: number): Uint8Array => {
    const out = new Uint8Array(from.length);
    for (let line = 0; line < side; line++) {
      for (let i = 0; i < side; i++) {
        let sum = 0;
        for (let d = -reach; d <= reach; d++)
          sum += from[line * across + Math.min(side - 1, Math.max(0, i + d)) * step]!;
        out[line * across + i * step] = Math.round(sum / (2 * reach + 1));
      }
    }
    return out;
  };
  return pass(pass(pixels, 1, side), side, 1);
}

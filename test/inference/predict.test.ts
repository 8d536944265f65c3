import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Model, openModel } from '#inference/model';
import { loadPackage } from '#inference/package';
import type { FindingCalibration, ModelPackage } from '#inference/package-types';
import { createInterpreter, predict } from '#inference/predict';
import { greyImage8, prepareImage, toTensor } from '#inference/preprocess';
import { conformalSet } from '#statistics/conformal';
import { vennAbers } from '#statistics/venn-abers';
import { shippedPackage } from '../support/model-packages.ts';
import { withNeighbours } from './package-rules.ts';
import { bias, smallPackage, writePackage } from './small-package.ts';

const root = mkdtempSync(path.join(tmpdir(), 'fovea-predict-'));
let model: Model;
beforeAll(async () => {
  model = await openModel(await loadPackage(writePackage(root, smallPackage())), { providers: ['cpu'] });
});
afterAll(async () => {
  await model.close();
  rmSync(root, { recursive: true });
});

const tools = { vennAbers, conformalSet };

/** Outputs of the small network for a wanted logit, by the network's own arithmetic. */
function outputsFor(logit: number) {
  return {
    logits: Float32Array.from([logit]),
    features: Float32Array.from([logit - bias, 2]),
    cam: new Float32Array(16).fill(logit - bias),
  };
}

const prepared = { rows: 2, columns: 2, values: Float64Array.from([10, 200, 200, 10]) };

/** The package with another calibration. */
function calibrated(pkg: ModelPackage, change: Partial<FindingCalibration>): ModelPackage {
  return { ...pkg, calibration: { brightness: { ...pkg.calibration['brightness']!, ...change } } };
}

describe('prediction', () => {
  test('one pass gives logits, features and map, and its time', async () => {
    const { input } = model.package.manifest;
    const [golden] = model.package.golden.cases;
    const image = prepareImage(greyImage8(golden!.rows, golden!.columns, golden!.pixels), input);
    const result = await predict(model, toTensor(image, input));
    expect(result.logits[0]).toBeCloseTo(golden!.logits[0]!, 5);
    expect(result.features).toHaveLength(2);
    expect(result.cam).toHaveLength(16);
    expect(result.ms).toBeGreaterThan(0);
  });

  test('a runtime that fails is a coded failure', async () => {
    await expect(predict(model, new Float32Array(3))).rejects.toMatchObject({
      code: 'MODEL_PROVIDER_UNAVAILABLE',
    });
  });
});

describe('interpretation', () => {
  test('the probability and its interval are the calibrator’s, at the calibration’s prevalence', () => {
    const { logits, labels } = model.package.calibration['brightness']!;
    const interpret = createInterpreter(model.package, tools);
    for (const logit of [-2, 0.3, 2.5]) {
      const [result] = interpret(outputsFor(logit), prepared).findings;
      const score = Math.fround(logit);
      expect(result!.probability).toBe(vennAbers(logits, labels)(score).probability);
      expect(result!.interval).toEqual(vennAbers(logits, labels)(score).interval);
      expect(result).toMatchObject({ name: 'brightness', code: { code: '371246006' } });
    }
  });

  test('a map that does not add up is refused before anything is said', () => {
    const interpret = createInterpreter(model.package, tools);
    const torn = { ...outputsFor(2), cam: new Float32Array(16) };
    expect(() => interpret(torn, prepared)).toThrowError(
      expect.objectContaining({ code: 'MODEL_COMPLETENESS_FAILED' }),
    );
  });

  test('raw scores are in the private part only', () => {
    const result = createInterpreter(model.package, tools)(outputsFor(2.5), prepared);
    expect(result.private.logits).toEqual([2.5]);
    expect(result.private.explanations[0]).toMatchObject({ finding: 'brightness', grid: [4, 4] });
    expect(result.private.outOfDistribution.map((d) => d.kind)).toEqual(['knn-cosine', 'confidence']);
    expect(result.private.quality['mean']).toBe(105);
    expect(JSON.stringify([result.findings, result.gates])).not.toMatch(/logit|score|values/);
  });

  test('a package with held-out cases says which are nearest and whether they had the finding', async () => {
    const parts = smallPackage();
    withNeighbours(parts, {});
    const near = await loadPackage(writePackage(path.join(root, 'near'), parts));
    const interpret = createInterpreter(near, tools);
    // The first feature is 6, of cases at 0 and at 8; the unit is 8.
    const { neighbours } = interpret(outputsFor(6 + bias), prepared).private;
    expect(neighbours?.['brightness']).toEqual([
      { outcome: 'present', distance: 0.25 },
      { outcome: 'absent', distance: 0.75 },
    ]);
    expect(
      createInterpreter(model.package, tools)(outputsFor(2), prepared).private.neighbours,
    ).toBeUndefined();
  });

  test('both gates are judged', () => {
    const interpret = createInterpreter(model.package, tools);
    expect(interpret(outputsFor(2.5), prepared).gates.map((g) => [g.gate, g.passed])).toEqual([
      ['quality', true],
      ['out-of-distribution', true],
    ]);
    const flat = { ...prepared, values: new Float64Array(4) };
    expect(interpret(outputsFor(2.5), flat).gates[0].passed).toBe(false);
    // Confidence .5 is the threshold itself: passes; away from every prototype: does not.
    expect(interpret(outputsFor(0), prepared).gates[1].passed).toBe(true);
    const far = { ...outputsFor(2.5), features: Float32Array.from([0, -3]) };
    const refused = interpret(far, prepared);
    expect(refused.gates[1].passed).toBe(false);
    expect(refused.outOfDistributionIndex).toBeGreaterThan(1);
  });
});

describe('band and set', () => {
  /** Probability p by a calibrator that says so, set by a conformal rule that says so. */
  const say = (probability: number, set: readonly ('present' | 'absent')[]) => {
    const interpret = createInterpreter(model.package, {
      vennAbers: () => () => ({ probability, interval: [probability, probability] }),
      conformalSet: () => set,
    });
    return interpret(outputsFor(2), prepared).findings[0]!;
  };

  test.each([
    [0.9, ['present'], 'elevated'],
    [0.8, ['present'], 'elevated'],
    [0.79, ['present'], 'indeterminate'],
    [0.5, ['absent'], 'indeterminate'],
    [0.2, ['absent'], 'indeterminate'],
    [0.19, ['absent'], 'low'],
  ] as const)('p = %d with the set %j is %s', (probability, set, band) => {
    expect(say(probability, set)).toMatchObject({ band, set, atypical: false });
  });

  test('a full set is indeterminate whatever the probability', () => {
    for (const p of [0.01, 0.5, 0.99]) {
      expect(say(p, ['present', 'absent'])).toMatchObject({
        band: 'indeterminate',
        set: ['present', 'absent'],
        atypical: false,
      });
    }
  });

  test('an empty set keeps the likelier label and is atypical', () => {
    expect(say(0.9, [])).toMatchObject({ band: 'elevated', set: ['present'], atypical: true });
    expect(say(0.1, [])).toMatchObject({ band: 'low', set: ['absent'], atypical: true });
    expect(say(0.5, [])).toMatchObject({ band: 'indeterminate', set: ['present'], atypical: true });
    expect(say(0.49, [])).toMatchObject({ set: ['absent'] });
  });

  test('a set that holds only the other label vetoes the band', () => {
    expect(say(0.9, ['absent']).band).toBe('indeterminate');
    expect(say(0.1, ['present']).band).toBe('indeterminate');
  });

  test('zones are named for an elevated finding only', () => {
    expect(say(0.9, ['present']).zones.length).toBeGreaterThan(0);
    expect(say(0.5, ['present']).zones).toEqual([]);
    expect(say(0.1, ['absent']).zones).toEqual([]);
  });

  test('operating points and alpha are the package’s', () => {
    const pkg = calibrated(model.package, { ruleOut: 0.5, ruleIn: 0.6 });
    const interpret = createInterpreter(pkg, {
      vennAbers: () => () => ({ probability: 0.6, interval: [0.6, 0.6] }),
      conformalSet: (_score, { alpha }) => (alpha === 0.1 ? ['present'] : []),
    });
    expect(interpret(outputsFor(2), prepared).findings[0]).toMatchObject({
      band: 'elevated',
      atypical: false,
    });
  });
});

describe('exclusive classes', () => {
  const [finding] = smallPackage().manifest.findings;
  const exclusive = (): ModelPackage => {
    const { manifest, calibration } = model.package;
    return {
      ...model.package,
      manifest: {
        ...manifest,
        exclusive: true,
        findings: [finding, { ...finding, name: 'darkness', output: 1 }],
        outputs: { ...manifest.outputs, cam: { ...manifest.outputs.cam, shape: [1, 2, 4, 4], bias: [0, 0] } },
      },
      calibration: { brightness: calibration['brightness']!, darkness: calibration['brightness']! },
    };
  };

  test('are calibrated on their log-odds against the others and sum to 1', () => {
    const scores: number[] = [];
    const interpret = createInterpreter(exclusive(), {
      vennAbers: () => (score) => {
        scores.push(score);
        return scores.length === 1
          ? { probability: 0.9, interval: [0.8, 0.95] }
          : { probability: 0.3, interval: [0.1, 1] };
      },
      conformalSet: () => ['present'],
    });
    const cam = Float32Array.from({ length: 32 }, (_, i) => (i < 16 ? 2 : -1));
    const { findings } = interpret(
      { logits: Float32Array.from([2, -1]), features: Float32Array.from([1, 2]), cam },
      prepared,
    );
    expect(scores).toEqual([3, -3]);
    expect(findings[0]!.probability).toBeCloseTo(0.75, 12);
    expect(findings[1]!.probability).toBeCloseTo(0.25, 12);
    expect(findings[0]!.interval[0]).toBeCloseTo(0.8 / 1.2, 12);
    expect(findings[1]!.interval[1]).toBeCloseTo(1 / 1.2, 12);
    for (const { probability, interval } of findings) {
      expect(interval[0]).toBeLessThanOrEqual(probability);
      expect(interval[1]).toBeGreaterThanOrEqual(probability);
    }
  });
});

describe('the shipped package', () => {
  test('from a generated picture to a finding with an interval around its probability', async ({ skip }) => {
    const folder = await shippedPackage();
    if (folder === null) return skip('no package is shipped yet');
    const pkg = await loadPackage(folder);
    const shipped = await openModel(pkg, { providers: ['cpu'] });
    const interpret = createInterpreter(pkg, tools);
    for (const golden of pkg.golden.cases) {
      const image = prepareImage(greyImage8(golden.rows, golden.columns, golden.pixels), pkg.manifest.input);
      const outputs = await predict(shipped, toTensor(image, pkg.manifest.input));
      const { findings } = interpret(outputs, image);
      expect(findings.map((f) => f.name)).toEqual(pkg.manifest.findings.map((f) => f.name));
      for (const { probability, interval, set } of findings) {
        expect(interval[0]).toBeLessThanOrEqual(probability);
        expect(interval[1]).toBeGreaterThanOrEqual(probability);
        expect(interval[0]).toBeGreaterThanOrEqual(0);
        expect(interval[1]).toBeLessThanOrEqual(1);
        expect(set.length).toBeGreaterThan(0);
      }
    }
    await shipped.close();
  });
});

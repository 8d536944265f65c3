import { describe, expect, test } from 'vitest';
import type { Manifest } from '#core/model-package';
import { createZoneReader, explainFinding, type Sides } from '#inference/explain';
import { smallPackage } from './small-package.ts';

const manifest = smallPackage().manifest as Manifest;
const [finding] = manifest.findings;
const cam = Float32Array.from({ length: 16 }, (_, i) => i / 4 - 1);
const mean = cam.reduce((sum, v) => sum + v, 0) / 16;
const outputs = (logit: number) => ({
  logits: Float32Array.from([logit]),
  features: new Float32Array(2),
  cam,
});

describe('completeness', () => {
  test('mean of the map plus bias is the logit: the map is the explanation', () => {
    expect(explainFinding(outputs(mean + 0.5), manifest, finding!)).toEqual({
      finding: 'brightness',
      grid: [4, 4],
      cellPixels: 4,
      values: [...cam],
    });
  });

  test.each([2e-4, -2e-4, Number.NaN])('a gap of %d is refused', (gap) => {
    expect(() => explainFinding(outputs(mean + 0.5 + gap), manifest, finding!)).toThrowError(
      expect.objectContaining({ code: 'MODEL_COMPLETENESS_FAILED' }),
    );
  });

  test('the tolerance grows with a logit above 1 and not below', () => {
    const large = Float32Array.from(cam, (v) => v + 20);
    const at = (gap: number) => ({ ...outputs(mean + 20.5 + gap), cam: large });
    expect(() => explainFinding(at(1e-3), manifest, finding!)).not.toThrow();
    expect(() => explainFinding(at(4e-3), manifest, finding!)).toThrow();
    expect(() => explainFinding(outputs(mean + 0.5 + 5e-5), manifest, finding!)).not.toThrow();
  });

  test('each finding has the map of its own output', () => {
    const two = {
      ...manifest,
      outputs: {
        ...manifest.outputs,
        cam: { ...manifest.outputs.cam, shape: [1, 2, 4, 4], bias: [0, 0.25] },
      },
    };
    const maps = Float32Array.from({ length: 32 }, (_, i) => (i < 16 ? 9 : 1));
    const both = { logits: Float32Array.from([9, 1.25]), features: new Float32Array(2), cam: maps };
    expect(explainFinding(both, two, { ...finding!, output: 1 }).values).toEqual(new Array(16).fill(1));
  });
});

describe('zones', () => {
  const zonesOf = createZoneReader([7, 7]);
  const read = (values: readonly number[], sides: Sides = 'standard') => zonesOf(values, sides);
  const map = (...cells: readonly (readonly [row: number, column: number, value: number])[]): number[] => {
    const values = new Array<number>(49).fill(0);
    for (const [r, c, v] of cells) values[r * 7 + c] = v;
    return values;
  };

  test.each([
    [0, 0, 'right upper zone'],
    [3, 1, 'right mid zone'],
    [6, 1, 'right lower zone'],
    [1, 6, 'left upper zone'],
    [3, 5, 'left mid zone'],
    [5, 6, 'left lower zone'],
    [3, 3, 'central zone'],
  ])('row %i, column %i is the %s: the left of the image is the patient’s right', (r, c, zone) => {
    expect(read(map([r, c, 2]))).toEqual([zone]);
  });

  test('the strongest comes first, and what has less than half of it is not named', () => {
    expect(read(map([6, 1, 5], [1, 5, 3]))).toEqual(['right lower zone', 'left upper zone']);
    expect(read(map([6, 1, 5], [1, 5, 2.4]))).toEqual(['right lower zone']);
    expect(read(map([6, 1, 5], [1, 5, 2.51]))).toEqual(['right lower zone', 'left upper zone']);
  });

  test('only positive activation counts', () => {
    expect(read(map([6, 1, 5], [6, 0, -50], [1, 5, -9]))).toEqual(['right lower zone']);
    expect(read(map([6, 1, -5]))).toEqual([]);
    expect(read(map())).toEqual([]);
  });

  test('all three zones of a side are one word, each side for itself', () => {
    expect(read(map([0, 0, 2], [3, 0, 2], [6, 0, 2]))).toEqual(['whole right side']);
    expect(read(map([0, 6, 2], [3, 6, 2], [6, 6, 2]))).toEqual(['whole left side']);
    expect(new Set(read(new Array<number>(49).fill(1)))).toEqual(
      new Set(['whole right side', 'whole left side', 'central zone']),
    );
  });

  test('in a picture that is stated to be mirrored the sides change over', () => {
    expect(read(map([6, 1, 5], [1, 5, 3]), 'mirrored')).toEqual(['left lower zone', 'right upper zone']);
    expect(read(map([0, 0, 2], [3, 0, 2], [6, 0, 2]), 'mirrored')).toEqual(['whole left side']);
  });

  test('where nothing says how the picture lies, the sides are the picture’s and not the patient’s', () => {
    expect(read(map([6, 1, 5], [1, 5, 3]), 'unknown')).toEqual([
      'picture’s left lower zone',
      'picture’s right upper zone',
    ]);
    expect(read(map([0, 6, 2], [3, 6, 2], [6, 6, 2]), 'unknown')).toEqual(['picture’s whole right side']);
    expect(read(map([3, 3, 2]), 'unknown')).toEqual(['central zone']);
  });

  test('a cell on an edge counts for both sides by its share', () => {
    // Column 2 spans .286 to .429 of the width: four fifths of it lie right of .4.
    const fine = createZoneReader([3, 5]);
    expect(
      fine(
        new Array<number>(15).fill(0).map((_, i) => (i === 2 ? 1 : 0)),
        'standard',
      ),
    ).toEqual(['central zone']);
    const one = createZoneReader([1, 1]);
    expect(new Set(one([4], 'standard'))).toEqual(
      new Set(['whole right side', 'whole left side', 'central zone']),
    );
  });
});

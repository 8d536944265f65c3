import type { GateResult } from '#core/assessment';
import type { QualityFeature, QualityLimit } from './package-types.ts';
import type { PreparedImage } from './preprocess.ts';

/**
 * Quality features of the resized, stretched image, by name.
 * standard-deviation, mean: grey levels, [0, 255]; saturated: share, [0, 1]; gradient: grey levels a pixel;
 * mirror-correlation: [−1, 1], 0 for a flat image.
 * @see docs/model-package.md, reference.json `quality`
 */
export function qualityFeatures({
  rows,
  columns,
  values,
}: PreparedImage): Readonly<Record<QualityFeature, number>> {
  let sum = 0;
  let saturated = 0;
  let gradient = 0;
  for (let r = 0; r < rows; r++) {
    for (let c = 0, at = r * columns; c < columns; c++, at++) {
      const value = values[at]!;
      sum += value;
      if (value <= 0.5 || value >= 254.5) saturated += 1;
      if (c + 1 < columns) gradient += Math.abs(values[at + 1]! - value);
    }
  }
  const n = values.length;
  const mean = sum / n;
  let variance = 0;
  let mirrored = 0;
  for (let r = 0; r < rows; r++) {
    const start = r * columns;
    const end = start + columns - 1;
    for (let c = 0; c < columns; c++) {
      const deviation = values[start + c]! - mean;
      variance += deviation * deviation;
      mirrored += deviation * (values[end - c]! - mean);
    }
  }
  return {
    'standard-deviation': Math.sqrt(variance / n),
    mean,
    saturated: saturated / n,
    gradient: columns > 1 ? gradient / (rows * (columns - 1)) : 0,
    // The mirror image has the same mean and variance, so Pearson's correlation needs no more than this.
    'mirror-correlation': variance > 0 ? mirrored / variance : 0,
  };
}

const complaints: Readonly<Record<QualityFeature, readonly [tooLow: string, tooHigh: string]>> = {
  'standard-deviation': ['too little contrast', 'too much contrast'],
  mean: ['too dark', 'too bright'],
  saturated: ['too little black and white', 'too much pure black or white'],
  gradient: ['too blurred', 'too noisy'],
  'mirror-correlation': ['the two sides of the picture are too different', 'the two sides are too alike'],
};

/** The quality gate: every limit holds. The detail names what is wrong in words, without figures. */
export function qualityGate(
  features: Readonly<Record<QualityFeature, number>>,
  limits: readonly QualityLimit[],
): GateResult {
  const wrong = limits.flatMap(({ name, minimum, maximum }) => {
    const value = features[name];
    if (value < minimum) return [complaints[name][0]];
    return value <= maximum ? [] : [complaints[name][1]];
  });
  return {
    gate: 'quality',
    passed: wrong.length === 0,
    detail: wrong.length === 0 ? 'The image quality is within the limits of the model.' : sentence(wrong),
  };
}

function sentence(parts: readonly string[]): string {
  const joined = parts.join(', ');
  return `${joined.charAt(0).toUpperCase()}${joined.slice(1)}.`;
}

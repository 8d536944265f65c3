import { createRandom } from './random.ts';
import { auroc } from './roc.ts';
import { positivesOf, type Scored, sortedOrder, tieGroups } from './scored.ts';

export type Interval = readonly [low: number, high: number];

/** Two-sided 95 %. */
const z = 1.959963984540054;

/**
 * 95 % Wilson score interval of a proportion. [0, 1] when n = 0.
 * @see Wilson, "Probable inference, the law of succession, and statistical inference", 1927
 */
export function wilson(successes: number, n: number): Interval {
  if (n === 0) return [0, 1];
  const share = successes / n;
  const centre = share + (z * z) / (2 * n);
  const half = z * Math.sqrt((share * (1 - share)) / n + (z * z) / (4 * n * n));
  const scale = 1 + (z * z) / n;
  return [successes === 0 ? 0 : (centre - half) / scale, successes === n ? 1 : (centre + half) / scale];
}

/** AUROC with its standard error. */
export interface DeLong {
  readonly value: number;
  readonly standardError: number;
  /** 95 %, within [0, 1]. */
  readonly interval: Interval;
}

/**
 * AUROC with DeLong's variance, from midranks. NaN throughout unless each class has at least two images.
 * Images count as independent: with several a patient, use {@link bootstrap}.
 * @see DeLong et al., Biometrics 1988; Sun and Xu, IEEE Signal Processing Letters 2014
 */
export function deLong(scored: Scored): DeLong {
  const positives = positivesOf(scored);
  const negatives = scored.labels.length - positives;
  const value = auroc(scored);
  // Placement of each image: share of the other class that it beats, ties half. Equal within a tie group.
  let negativesBelow = 0;
  let positivesBelow = 0;
  let positiveSquares = 0;
  let negativeSquares = 0;
  for (const group of tieGroups(scored)) {
    const groupNegatives = group.n - group.positives;
    const beaten = (negativesBelow + groupNegatives / 2) / negatives;
    const beatenBy = 1 - (positivesBelow + group.positives / 2) / positives;
    positiveSquares += group.positives * (beaten - value) ** 2;
    negativeSquares += groupNegatives * (beatenBy - value) ** 2;
    negativesBelow += groupNegatives;
    positivesBelow += group.positives;
  }
  const variance =
    positiveSquares / (positives - 1) / positives + negativeSquares / (negatives - 1) / negatives;
  const standardError = Math.sqrt(variance);
  return {
    value,
    standardError,
    interval: [Math.max(0, value - z * standardError), Math.min(1, value + z * standardError)],
  };
}

export interface BootstrapOptions {
  /** Default 1. */
  readonly seed?: number;
  /** Number of resamples; default 2000. */
  readonly replicates?: number;
}

/**
 * 95 % percentile intervals of several figures by a bootstrap of patients: whole patients are drawn with
 * replacement, each with all its images.
 * @param scores one a row, any order
 * @param labels 0 or 1 a row
 * @param patients who each row belongs to
 * @param figures the figures of one sample; a figure that is NaN in a resample is left out of its own interval
 * @returns one interval a figure; [NaN, NaN] where no resample gave a value
 * @see Field and Welsh, "Bootstrapping clustered data", 2007
 */
export function bootstrap(
  scores: ArrayLike<number>,
  labels: ArrayLike<number>,
  patients: readonly string[],
  figures: (sample: Scored) => readonly number[],
  { seed = 1, replicates = 2000 }: BootstrapOptions = {},
): readonly Interval[] {
  const order = sortedOrder(scores);
  const numbers = new Map<string, number>();
  // Patient number of each row, in order of first appearance by row so that the sort has no say in the draw.
  const patientOf = patients.map((patient) => {
    const known = numbers.get(patient) ?? numbers.size;
    numbers.set(patient, known);
    return known;
  });
  const random = createRandom(seed);
  const times = new Uint32Array(numbers.size);
  const draws: number[][] = [];
  for (let replicate = 0; replicate < replicates; replicate++) {
    times.fill(0);
    for (let draw = 0; draw < times.length; draw++) times[random.below(times.length)]! += 1;
    figures(resample(order, scores, labels, patientOf, times)).forEach((value, i) => {
      draws[i] ??= [];
      if (!Number.isNaN(value)) draws[i].push(value);
    });
  }
  return draws.map((values) => percentileInterval(Float64Array.from(values)));
}

/** The rows of the drawn patients, as often as drawn, still sorted. */
function resample(
  order: Uint32Array,
  scores: ArrayLike<number>,
  labels: ArrayLike<number>,
  patientOf: readonly number[],
  times: Uint32Array,
): Scored {
  let size = 0;
  for (const row of order) size += times[patientOf[row]!]!;
  const sample = { scores: new Float64Array(size), labels: new Uint8Array(size) };
  let at = 0;
  for (const row of order) {
    for (let left = times[patientOf[row]!]!; left > 0; left--) {
      sample.scores[at] = scores[row]!;
      sample.labels[at] = labels[row]!;
      at += 1;
    }
  }
  return sample;
}

/** 2.5th and 97.5th percentile, linear between order statistics. Sorts `values` in place. [NaN, NaN] when empty. */
export function percentileInterval(values: Float64Array): Interval {
  values.sort();
  const at = (share: number): number => {
    const position = share * (values.length - 1);
    const below = Math.floor(position);
    const low = values[below] ?? Number.NaN;
    const high = values[below + 1] ?? low;
    return low + (high - low) * (position - below);
  };
  return [at(0.025), at(0.975)];
}
